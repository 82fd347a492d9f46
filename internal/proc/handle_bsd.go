//go:build darwin || freebsd

package proc

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// handle holds nothing: kqueue(2) tells of the end of a process and cannot signal it.
type handle struct{}

func hold(int) (handle, error) { return handle{}, nil }

func (handle) signal(info Info, sig syscall.Signal) error { return kill(info, sig) }

func (handle) gone() bool { return false }

func (handle) close() error { return nil }

// wait registers for the end of the PID first and verifies the identity then, so that the end cannot fall in between. One
// thread blocks in kevent(2); a user event wakes it when ctx is done.
func (handle) wait(ctx context.Context, info Info) error {
	kq, err := unix.Kqueue()
	if err != nil {
		return failed(info.PID, fmt.Errorf("kqueue: %w", err))
	}
	defer unix.Close(kq)
	unix.CloseOnExec(kq)
	err = change(kq, info.PID, unix.EVFILT_PROC, unix.EV_ADD|unix.EV_ONESHOT, unix.NOTE_EXIT)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err == nil {
		err = change(kq, 0, unix.EVFILT_USER, unix.EV_ADD|unix.EV_CLEAR, 0)
	}
	if err != nil {
		return failed(info.PID, fmt.Errorf("kevent: %w", err))
	}
	if _, err := Match(info.PID, info.Identity); isGone(err) {
		return nil
	} else if err != nil {
		return err
	}
	return await(ctx, kq)
}

// await returns nil at the process's event and ctx.Err() at the user event.
func await(ctx context.Context, kq int) error {
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		change(kq, 0, unix.EVFILT_USER, 0, unix.NOTE_TRIGGER)
	})
	defer func() {
		if !stop() {
			<-woken // kq is closed after this
		}
	}()
	events := make([]unix.Kevent_t, 1)
	for {
		n, err := unix.Kevent(kq, nil, events, nil)
		switch {
		case errors.Is(err, unix.EINTR) || err == nil && n == 0:
			continue
		case err != nil:
			return fmt.Errorf("kevent: %w", err)
		case events[0].Filter == unix.EVFILT_PROC:
			return nil
		}
		return ctx.Err()
	}
}

func change(kq, ident, filter, flags int, fflags uint32) error {
	ev := make([]unix.Kevent_t, 1)
	unix.SetKevent(&ev[0], ident, filter, flags)
	ev[0].Fflags = fflags
	_, err := unix.Kevent(kq, ev, nil, nil)
	return err
}
