package fswatch

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// What dnotify is asked for: deletions, and renaming from or within the directory, again and again (<linux/fcntl.h>; DN_MULTISHOT is the sign bit).
const (
	dnDelete    = 0x8
	dnRename    = 0x10
	dnMultishot = -1 << 31
)

// removedOwn uses dnotify (fcntl(2), "File and directory change notification"): to close an inotify instance takes the kernel some 15 ms, also at the process's end,
// while it waits until nobody reads the old list of watches. Where the kernel has no dnotify, it is inotify.
func removedOwn(ctx context.Context, dir string, names []string) (<-chan struct{}, error) {
	held, release, err := hold(dir)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(held, unix.O_DIRECTORY, 0)
	release()
	if err != nil {
		return nil, err
	}
	events := make(chan os.Signal, 1) // one is enough: it says only that something has happened
	signal.Notify(events, unix.SIGIO)
	if _, err := unix.FcntlInt(f.Fd(), unix.F_NOTIFY, dnDelete|dnRename|dnMultishot); err != nil {
		signal.Stop(events)
		f.Close()
		return removed(ctx, dir, names)
	}
	ch := make(chan struct{}, 1) // one value says it all
	go func() {
		defer signal.Stop(events) // after the file is closed: until then it may come
		defer f.Close()
		for {
			select {
			case <-events:
				wake(ch)
			case <-ctx.Done():
				return
			}
		}
	}()
	return ch, nil
}
