// Command lab runs a command in a throw-away Linux world, so that tests of a daemon manager can do what they must (become PID 1, install
// services, kill, fill a disk) without touching the host: own PID, mount, network, UTS and IPC namespaces, the host's files copy-on-write,
// no network but loopback. When the command ends, the world and every process in it are gone.
//
//	go run ./e2e/lab noinit -- go test ./e2e/...
//
// It needs Linux, root and overlayfs, and nothing outside this directory. CONTRIBUTING.md has the table of worlds.
package main

import "os"

func main() { os.Exit(run(os.Args)) }
