package supervise

import "syscall"

// childAttr: a process group of its own, and SIGKILL when the daemon dies, so that no workload outlives a daemon that was killed
// (prctl(2), PR_SET_PDEATHSIG; it reaches the main process only, inherit finds the others).
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
