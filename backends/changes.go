package backends

import (
	"context"
	"path/filepath"

	"github.com/joshuaaferguson/apexd/internal/fswatch"
	"github.com/joshuaaferguson/apexd/pidfile"
)

// Changes reports, as a value on the returned channel, that the daemon of ref may be in another state: its record was written or removed, or its process has ended. Values are coalesced
// and may come too often; the receiver looks itself, first after the call. What a manager alone knows (that it waits for the next try, that the daemon is enabled) is not told. When
// ctx is done everything is released; wait returns then.
func Changes(ctx context.Context, ref pidfile.Ref) (changed <-chan struct{}, wait func()) {
	ch, done := make(chan struct{}, 1), make(chan struct{})
	w := &watch{ref: ref, release: func() {}}
	w.watchFiles(ctx)
	w.watchProcess()
	go func() {
		defer close(done)
		w.relay(ctx, ch)
	}()
	return ch, func() { <-done }
}

// watch is what is watched at the moment.
type watch struct {
	ref     pidfile.Ref
	files   <-chan struct{} // nil where nothing can be watched
	partial bool            // files is about a directory above: the record's own is not there yet
	forget  context.CancelFunc

	pid     int
	ended   <-chan struct{}
	release func()
}

// relay hands on what happens, until ctx is done.
func (w *watch) relay(ctx context.Context, ch chan<- struct{}) {
	defer func() {
		w.forget()
		w.release()
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.files:
		case <-w.ended:
			w.ended = nil
		}
		w.again(ctx)
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// again watches what there is now in place of what is gone.
func (w *watch) again(ctx context.Context) {
	if w.partial || !exists(filepath.Dir(w.ref.Path)) {
		w.forget()
		w.watchFiles(ctx)
	}
	w.watchProcess()
}

// watchFiles watches the record, or the nearest directory above it that exists.
func (w *watch) watchFiles(ctx context.Context) {
	ctx, w.forget = context.WithCancel(ctx)
	w.partial = false
	for path := w.ref.Path; ; path = filepath.Dir(path) {
		files, err := fswatch.Changed(ctx, path)
		if err == nil || filepath.Dir(path) == path {
			w.files = files
			return
		}
		w.partial = true
	}
}

// watchProcess watches the daemon's process, if it is another one.
func (w *watch) watchProcess() {
	f := w.ref.Look()
	if f.PID == w.pid {
		return
	}
	w.release()
	w.pid, w.ended, w.release = f.PID, nil, func() {}
	if f.PID != 0 {
		w.ended, w.release = watchEnd(f)
	}
}
