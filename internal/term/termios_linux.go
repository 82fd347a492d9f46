package term

import "golang.org/x/sys/unix"

// ioctl_tty(2); the second waits until what was written has been sent.
const (
	getTermios = unix.TCGETS
	setTermios = unix.TCSETSW
)
