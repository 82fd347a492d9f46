//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package term

import "golang.org/x/sys/unix"

// termios(4); the second waits until what was written has been sent.
const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETAW
)
