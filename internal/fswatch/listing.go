package fswatch

import (
	"context"
	"os"

	"github.com/fsnotify/fsnotify"
)

// Listing reports, as a value on the returned channel, that entries of dir were made, renamed or removed, or that dir itself was. Values are coalesced and may
// come too often; the receiver looks itself, first after the call. The channel is never closed. It is for commands that live shortly. Errors: dir cannot be
// watched: fs.ErrNotExist, fs.ErrPermission, or too many watches. When ctx is done everything is released.
func Listing(ctx context.Context, dir string) (<-chan struct{}, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	if err := w.Add(dir); err != nil {
		w.Close()
		return nil, &os.PathError{Op: "watch", Path: dir, Err: err}
	}
	ch := make(chan struct{}, 1) // one value says it all
	go func() {
		defer w.Close()
		for {
			select {
			case <-ctx.Done():
				return
			case e, ok := <-w.Events:
				if !ok {
					return
				}
				if e.Has(fsnotify.Create) || e.Has(fsnotify.Rename) || e.Has(fsnotify.Remove) {
					wake(ch)
				}
			case _, ok := <-w.Errors: // events were lost
				if !ok {
					return
				}
				wake(ch)
			}
		}
	}()
	return ch, nil
}
