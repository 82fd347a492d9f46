//go:build linux || darwin || freebsd

package proc

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// kill verifies the identity and sends sig immediately afterwards, which is all there is without a handle.
func kill(info Info, sig syscall.Signal) error {
	if _, err := Match(info.PID, info.Identity); isGone(err) {
		return failed(info.PID, ErrNotFound)
	} else if err != nil {
		return err
	}
	err := unix.Kill(info.PID, sig)
	switch {
	case errors.Is(err, unix.ESRCH):
		return failed(info.PID, ErrNotFound)
	case err != nil:
		return failed(info.PID, fmt.Errorf("signal %d: %w", sig, err))
	}
	return nil
}
