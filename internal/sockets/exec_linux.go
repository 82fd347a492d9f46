package sockets

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// self is this program, also after its file was replaced (proc_pid_exe(5)): in the child the link leads to the same.
func self() (string, error) { return "/proc/self/exe", nil }

// keepDeathSignal sets for this thread what the daemon has set for the process's first: execve(2) keeps the parent-death signal of the thread that calls
// it, and a new thread has none (PR_SET_PDEATHSIG(2const)).
func keepDeathSignal() error {
	return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0)
}
