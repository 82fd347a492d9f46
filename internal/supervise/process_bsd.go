//go:build unix && !linux

package supervise

import (
	"os"
	"syscall"
)

// childAttr: a process group of its own. There is no parent-death signal that os/exec could set on all of these systems; the next start
// ends a workload that outlived its daemon.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

func outputPipe() (r, w *os.File, err error) { return os.Pipe() }
