//go:build unix

package proc

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// Spawn executes path in a new process and returns its PID, which Reap gives back. attr.Files must not be nil, nor attr.Env. It is os.StartProcess without a handle: before the first
// one that os gives out in a process it finds out, by a child that it forks, whether the kernel has pidfds that work. Errors are those of os.StartProcess.
func Spawn(path string, argv []string, attr *os.ProcAttr) (pid int, err error) {
	sys := &syscall.ProcAttr{Dir: attr.Dir, Env: attr.Env, Sys: attr.Sys}
	for _, f := range attr.Files {
		sys.Files = append(sys.Files, f.Fd())
	}
	pid, err = syscall.ForkExec(path, argv, sys)
	runtime.KeepAlive(attr) // a file that nobody needs any more is closed
	if err != nil {
		return 0, &fs.PathError{Op: "fork/exec", Path: path, Err: err}
	}
	return pid, nil
}

// Reap waits until the child pid has ended (wait4(2)), and no longer than it lives. Nobody else may reap it.
func Reap(pid int) (syscall.WaitStatus, error) {
	var ws syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &ws, 0, nil)
		if !errors.Is(err, syscall.EINTR) {
			return ws, os.NewSyscallError("wait4", err)
		}
	}
}
