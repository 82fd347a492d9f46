package fswatch

import (
	"context"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// removedMask has no IN_MODIFY: the log is written to in the same directory. A replacement by rename is an IN_MOVED_TO.
const removedMask = unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

func removed(ctx context.Context, dir string, names []string) (<-chan struct{}, error) {
	held, release, err := hold(dir)
	if err != nil {
		return nil, err
	}
	defer release()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	f := os.NewFile(uintptr(fd), "inotify") // non-blocking: the runtime's poller waits, no thread does
	if _, err := unix.InotifyAddWatch(fd, held, removedMask); err != nil {
		f.Close()
		return nil, &os.PathError{Op: "inotify_add_watch", Path: dir, Err: err}
	}
	ch := make(chan struct{}, 1) // one value says it all
	stop := context.AfterFunc(ctx, func() { f.Close() })
	go func() {
		defer f.Close()
		defer stop()
		follow(f, names, ch)
	}()
	return ch, nil
}

// follow wakes ch for the events that r returns, until r ends: when it is closed, or with the watch (IN_IGNORED), after which
// nothing more can come.
func follow(r io.Reader, names []string, ch chan<- struct{}) {
	buf := make([]byte, 4096) // an event takes at most 272 bytes
	for {
		n, err := r.Read(buf)
		if err != nil {
			return
		}
		concerned, last := false, false
		err = parseEvents(buf[:n], func(e event) {
			concerned = concerned || e.concerns(names)
			last = last || e.mask&unix.IN_IGNORED != 0
		})
		if concerned || err != nil {
			wake(ch)
		}
		if last || err != nil {
			return
		}
	}
}
