//go:build darwin || freebsd

package proc

import (
	"errors"

	"golang.org/x/sys/unix"
)

func descendants(pid int) ([]Info, error) {
	if _, err := Inspect(pid); err != nil {
		return nil, err
	}
	all, err := list()
	return below(all, pid), err
}

// missing says what it means that sysctl kern.proc.pid failed: with ESRCH on FreeBSD, with nothing on darwin.
func missing(pid int, err error) error {
	if errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
		return failed(pid, ErrNotFound)
	}
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EIO) || errors.Is(err, unix.EPERM) {
		return failed(pid, ErrHidden)
	}
	return failed(pid, err)
}
