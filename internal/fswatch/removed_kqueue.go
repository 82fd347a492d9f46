//go:build darwin || freebsd

package fswatch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// removed waits in a thread of its own: whether a kqueue can itself be waited for by the runtime's poller is not documented.
func removed(ctx context.Context, dir string, names []string) (<-chan struct{}, error) {
	w := &watch{}
	held, release, err := hold(dir)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := w.open(held, names); err != nil {
		w.close()
		return nil, err
	}
	ch := make(chan struct{}, 1) // one value says it all
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		w.change(0, unix.EVFILT_USER, 0, unix.NOTE_TRIGGER)
	})
	go func() {
		defer w.close()
		w.follow(ch)
		if !stop() {
			<-woken // the queue is closed after this
		}
	}()
	return ch, nil
}

// watch is a kqueue and the files it watches, which must stay open.
type watch struct {
	kq  int
	fds []int
}

func (w *watch) open(dir string, names []string) error {
	kq, err := unix.Kqueue()
	if err != nil {
		return os.NewSyscallError("kqueue", err)
	}
	w.kq = kq
	w.fds = append(w.fds, kq)
	unix.CloseOnExec(kq)
	if err := w.change(0, unix.EVFILT_USER, unix.EV_ADD|unix.EV_CLEAR, 0); err != nil {
		return os.NewSyscallError("kevent", err)
	}
	if err := w.add(dir, unix.O_DIRECTORY); err != nil {
		return err
	}
	for _, name := range names {
		err := w.add(filepath.Join(dir, name), unix.O_NOFOLLOW|unix.O_NONBLOCK) // no link, no waiting for a FIFO
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (w *watch) add(path string, flags int) error {
	fd, err := unix.Open(path, openFlags|unix.O_CLOEXEC|flags, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	w.fds = append(w.fds, fd)
	err = w.change(fd, unix.EVFILT_VNODE, unix.EV_ADD|unix.EV_CLEAR, unix.NOTE_DELETE|unix.NOTE_RENAME|unix.NOTE_REVOKE)
	if err != nil {
		return &os.PathError{Op: "kevent", Path: path, Err: err}
	}
	return nil
}

// follow wakes ch at each event of a file, until the user event.
func (w *watch) follow(ch chan<- struct{}) {
	events := make([]unix.Kevent_t, 1)
	for {
		n, err := unix.Kevent(w.kq, nil, events, nil)
		switch {
		case errors.Is(err, unix.EINTR) || err == nil && n == 0:
			continue
		case err != nil:
			wake(ch)
			return
		case events[0].Filter == unix.EVFILT_USER:
			return
		}
		wake(ch)
	}
}

func (w *watch) change(ident, filter, flags int, fflags uint32) error {
	ev := make([]unix.Kevent_t, 1)
	unix.SetKevent(&ev[0], ident, filter, flags)
	ev[0].Fflags = fflags
	_, err := unix.Kevent(w.kq, ev, nil, nil)
	return err
}

func (w *watch) close() {
	for _, fd := range w.fds {
		unix.Close(fd)
	}
}
