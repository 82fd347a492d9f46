package proc

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// Handle stands for one process and never for a later one with the same PID. Its methods are safe for concurrent use.
//
// On Linux it is a pidfd (pidfd_open(2), kernel 5.3), on Windows a process HANDLE. On darwin and FreeBSD there is nothing of the
// kind for a process that is not our child: there the identity is verified again immediately before each signal, and so it
// is on Linux where pidfds are refused (an old kernel, a seccomp filter).
type Handle struct {
	info   Info
	sys    handle
	closed atomic.Bool
}

// Open returns a handle on the process with this PID, if it is the one that want was recorded of. The identity is verified
// after the handle is held, so the PID cannot have been reused in between. Errors: as Match. Close it after use.
func Open(pid int, want Identity) (*Handle, error) {
	if pid <= 0 {
		return nil, failed(pid, ErrNotFound)
	}
	p, err := here()
	if err != nil {
		return nil, err
	}
	if err := p.check(want); err != nil {
		return nil, failed(pid, err)
	}
	sys, err := hold(pid)
	if err != nil {
		return nil, err
	}
	info, err := match(p, pid, want)
	if err == nil && sys.gone() { // what was matched may be its successor
		err = failed(pid, ErrNotFound)
	}
	if err != nil {
		sys.close()
		return nil, err
	}
	return &Handle{info: info, sys: sys}, nil
}

// PID returns the process's PID.
func (h *Handle) PID() int { return h.info.PID }

// Info returns what Open found. It is not updated.
func (h *Handle) Info() Info { return h.info }

// Signal sends sig. Errors: ErrNotFound when the process is gone (a zombie is), fs.ErrPermission, os.ErrClosed; without a
// handle from the OS also those of Match. On Windows only SIGKILL exists (TerminateProcess, exit code 1): all others are
// errors.ErrUnsupported.
func (h *Handle) Signal(sig syscall.Signal) error {
	if h.closed.Load() {
		return failed(h.info.PID, os.ErrClosed)
	}
	return h.sys.signal(h.info, sig)
}

// Wait returns nil when the process is gone (a zombie is), and ctx.Err() when ctx is done before. It waits for an event of
// the OS. Close does not end it; after Close it is os.ErrClosed.
func (h *Handle) Wait(ctx context.Context) error {
	switch {
	case h.closed.Load():
		return failed(h.info.PID, os.ErrClosed)
	case h.sys.gone():
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return h.sys.wait(ctx, h.info)
}

// Close releases the handle. The process is not touched. A second Close is os.ErrClosed.
func (h *Handle) Close() error {
	if h.closed.Swap(true) {
		return os.ErrClosed
	}
	return h.sys.close()
}

// isGone reports whether err says that the process of an identity is not there any more.
func isGone(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrOtherIdentity)
}

// pollInterval is how often waitPolling looks.
const pollInterval = 50 * time.Millisecond

// waitPolling is Wait where the OS offers no event for a process that is not our child.
func waitPolling(ctx context.Context, info Info) error {
	t := time.NewTicker(pollInterval)
	defer t.Stop()
	for {
		if _, err := Match(info.PID, info.Identity); isGone(err) {
			return nil
		} else if err != nil {
			return err
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
