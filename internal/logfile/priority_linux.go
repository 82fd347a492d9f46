package logfile

import "golang.org/x/sys/unix"

// lowerPriority gives this thread the lowest priority: on Linux PRIO_PROCESS with 0 is the calling thread (setpriority(2), NOTES). A thread without is only slower to lose.
func lowerPriority() { _ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19) }
