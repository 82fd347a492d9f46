package fswatch

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Changed reports, as a value on the returned channel, that path was written to, truncated, replaced, created or removed, or
// that its directory was removed. Values are coalesced and may come too often; the receiver
// looks itself, first after the call. The channel is never
// closed. path need not exist, its directory must. Errors: the directory cannot be watched: safefile.ErrUnsafe, fs.ErrNotExist,
// fs.ErrPermission, or too many watches.
//
// The directory is watched, so writing to its other files costs time, though it wakes no receiver: this is for commands that
// live shortly. Only changes made on this machine are seen, also on a network file system. When ctx is done everything is released.
func Changed(ctx context.Context, path string) (<-chan struct{}, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	held, release, err := hold(dir)
	if err != nil {
		return nil, err
	}
	defer release()
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	if err := w.Add(held); err != nil {
		w.Close()
		return nil, &os.PathError{Op: "watch", Path: dir, Err: err}
	}
	path = filepath.Join(held, filepath.Base(path)) // as the events name it
	ch := make(chan struct{}, 1)                    // one value says it all
	go func() {
		defer w.Close()
		relay(ctx, w, path, ch)
	}()
	return ch, nil
}

// relay wakes ch for the events that concern path, until ctx is done.
func relay(ctx context.Context, w *fsnotify.Watcher, path string, ch chan<- struct{}) {
	tick, stop := growth()
	defer stop()
	size := sizeOf(path)
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-w.Events:
			if !ok {
				return
			}
			if e.Op != fsnotify.Chmod && concerns(e.Name, path) {
				wake(ch)
			}
		case _, ok := <-w.Errors: // events were lost
			if !ok {
				return
			}
			wake(ch)
		case <-tick:
			if now := sizeOf(path); now != size {
				size = now
				wake(ch)
			}
		}
	}
}

// concerns reports whether an event about name is one about path or its directory.
func concerns(name, path string) bool {
	name = filepath.Clean(name)
	return samePath(name, path) || samePath(name, filepath.Dir(path))
}

// growth returns the ticks at which the size of path is looked at besides, where the events are not enough.
func growth() (<-chan time.Time, func()) {
	if sizeInterval == 0 {
		return nil, func() {}
	}
	t := time.NewTicker(sizeInterval)
	return t.C, t.Stop
}

// sizeOf returns -1 where there is no such file.
func sizeOf(path string) int64 {
	fi, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return fi.Size()
}
