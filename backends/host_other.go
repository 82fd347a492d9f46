//go:build !linux

package backends

import (
	"os"
	"runtime"
)

// Probe looks at this machine.
func Probe() Host { return Host{GOOS: runtime.GOOS, UID: os.Geteuid(), RC: exists("/etc/rc.subr")} }
