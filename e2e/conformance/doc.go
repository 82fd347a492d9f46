// Package conformance runs service/servicetest, the contract as a test suite, against real apexd: its tests have one driver for each way of keeping a
// daemon, and print the matrix of what came of it. The matrix in docs/conformance.md, and in README.md, is theirs:
//
//	go test ./e2e/conformance           run what this machine can, and compare
//	go test ./e2e/conformance -update   and write it
//
// With APEXD_CONFORMANCE_BIN=DIR the programs apexd and child are taken from there and not built.
package conformance
