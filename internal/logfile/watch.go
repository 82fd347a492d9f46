package logfile

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// pollEvery is used only where no event can be relied on: see eventsMissing, and while the directory itself is gone.
const pollEvery = time.Second

// watch wakes a follower when something happens to one file.
type watch struct {
	dir, base string
	fs        *fsnotify.Watcher
	tick      *time.Ticker
	lost      bool // the directory was deleted: it is watched again when it is back
	parent    bool // the directory's own parent tells when it goes and comes
	always    bool // poll in any case
}

func newWatch(path string) (*watch, error) {
	fw, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &watch{dir: filepath.Dir(path), base: filepath.Base(path), fs: fw}
	if err := fw.Add(w.dir); err != nil {
		fw.Close()
		return nil, err
	}
	w.parent = watchParent && fw.Add(filepath.Dir(w.dir)) == nil
	if w.always = eventsMissing(w.dir); w.always {
		w.poll(true)
	}
	return w, nil
}

func (w *watch) poll(on bool) {
	switch {
	case on && w.tick == nil:
		w.tick = time.NewTicker(pollEvery)
	case !on && w.tick != nil && !w.always:
		w.tick.Stop()
		w.tick = nil
	}
}

func (w *watch) close() {
	w.poll(false)
	if w.tick != nil {
		w.tick.Stop()
	}
	w.fs.Close()
}

// wait returns true when there may be something new, false when ctx is done.
func (w *watch) wait(ctx context.Context) bool {
	for {
		var tick <-chan time.Time
		if w.tick != nil {
			tick = w.tick.C
		}
		select {
		case <-ctx.Done():
			return false
		case e := <-w.fs.Events:
			if w.concerns(e) {
				w.rest()
				return true
			}
		case <-w.fs.Errors: // events were lost
			return true
		case <-tick:
			w.again()
			return true
		}
	}
}

// rest takes the events that are waiting already: one look answers them all.
func (w *watch) rest() {
	for {
		select {
		case e := <-w.fs.Events:
			w.concerns(e)
		default:
			return
		}
	}
}

// concerns reports whether e is about the file, under whatever name it has been rotated to by now, or one that may take its place. It notices the end of the directory.
func (w *watch) concerns(e fsnotify.Event) bool {
	if e.Name == w.dir {
		if e.Has(fsnotify.Remove | fsnotify.Rename) {
			w.lost = true
			w.poll(!w.parent)
		}
		w.again()
		return true
	}
	name := filepath.Base(e.Name)
	return filepath.Dir(e.Name) == w.dir && strings.HasPrefix(name, w.base) && !strings.HasSuffix(name, ".idx") && e.Op != fsnotify.Chmod
}

// again watches a directory that has come back.
func (w *watch) again() {
	if !w.lost {
		return
	}
	_ = w.fs.Remove(w.dir) // the old one may still be known by this name
	if w.fs.Add(w.dir) == nil {
		w.lost = false
		w.poll(false)
	}
}
