package proc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// handle is a pidfd, or nil where it is refused.
type handle struct{ f *os.File }

// hold opens a pidfd. ENOSYS is an old kernel or gVisor, EPERM and EACCES a seccomp filter or LSM: pidfd_open(2) itself asks for
// no permission. A thread that is no process gives EINVAL, from kernel 6.9 ENOENT.
func hold(pid int) (handle, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	switch {
	case err == nil:
		return handle{os.NewFile(uintptr(fd), "pidfd")}, nil
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return handle{}, nil
	case errors.Is(err, unix.ESRCH), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
		return handle{}, failed(pid, ErrNotFound)
	}
	return handle{}, failed(pid, fmt.Errorf("pidfd_open: %w", err))
}

func (h handle) signal(info Info, sig syscall.Signal) error {
	if h.f == nil {
		return kill(info, sig)
	}
	err := h.use(func(fd int) error {
		if gone, _ := readable(fd); gone {
			return unix.ESRCH // a zombie takes signals without an error
		}
		return unix.PidfdSendSignal(fd, sig, nil, 0)
	})
	switch {
	case errors.Is(err, unix.ENOSYS):
		return kill(info, sig)
	case errors.Is(err, unix.ESRCH):
		return failed(info.PID, ErrNotFound)
	case err != nil:
		return failed(info.PID, fmt.Errorf("signal %d: %w", sig, err))
	}
	return nil
}

// gone reports whether the process is known to be gone.
func (h handle) gone() bool {
	if h.f == nil {
		return false
	}
	gone := false
	err := h.use(func(fd int) (err error) {
		gone, err = readable(fd)
		return err
	})
	return err == nil && gone
}

// wait lets the runtime's poller watch a duplicate of the pidfd, so that no thread blocks and each waiter has its own deadline.
func (h handle) wait(ctx context.Context, info Info) error {
	if h.f == nil {
		return waitPolling(ctx, info) // there is no event for a process that is not our child
	}
	f, err := h.dup()
	if err != nil {
		return failed(info.PID, err)
	}
	defer f.Close()
	stop := context.AfterFunc(ctx, func() { f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err = waitReadable(f)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ctx.Err()
	}
	return failed(info.PID, fmt.Errorf("wait: %w", err))
}

// dup returns the pidfd again, registered with the poller, which takes non-blocking descriptors only.
func (h handle) dup() (*os.File, error) {
	var f *os.File
	err := h.use(func(fd int) error {
		n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if err := unix.SetNonblock(n, true); err != nil {
			unix.Close(n)
			return err
		}
		f = os.NewFile(uintptr(n), "pidfd")
		return nil
	})
	return f, err
}

// waitReadable returns when the process of the pidfd f has ended, or at f's deadline.
func waitReadable(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = conn.Read(func(fd uintptr) (done bool) {
		done, failure = readable(int(fd))
		return done || failure != nil
	})
	return cmp.Or(failure, err)
}

// readable reports whether the process of a pidfd has ended.
func readable(pidfd int) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if !errors.Is(err, unix.EINTR) {
			return n > 0, err
		}
	}
}

// use calls fn with the descriptor, which is not closed meanwhile.
func (h handle) use(fn func(fd int) error) error {
	conn, err := h.f.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	if conn.Control(func(fd uintptr) { failure = fn(int(fd)) }) != nil { // only for this reason; its text is internal/poll's own
		return os.ErrClosed
	}
	return failure
}

func (h handle) close() error {
	if h.f == nil {
		return nil
	}
	return h.f.Close()
}
