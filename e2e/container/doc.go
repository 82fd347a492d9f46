// Package container runs what "apexd export compose" writes as an engine would: in namespaces of its own, with nothing in its root but the program, apexd and the
// project, read-only but for /run/apexd, and apexd as PID 1. No engine is asked; there is none in the worlds of e2e/lab.
package container
