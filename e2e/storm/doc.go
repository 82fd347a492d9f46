// Package storm has the tests that try to break CONTRACT.md section 4 by force, on Linux: many clients at once, SIGKILL at random moments, reused PIDs, copied
// and deleted directories. What is true they read from /proc and from a workload that notices when it is not alone, never from apexd's own code.
//
//	go test -v ./e2e/storm                               with the figures
//	APEXD_STORM_SEED=7 go test ./e2e/storm -run Kill     the moments of an earlier run
//	go test -v ./e2e/storm -run 'Fleet|Readers' -timeout 1h -storm.for 10m -storm.clients 1000
//	go test -v ./e2e/storm -run 'Fleet|Readers' -timeout 1h -storm.for 10m -storm.race
//
// With -short the same tests do less. APEXD_STORM_BIN=DIR takes the program apexd from there instead of building it.
package storm
