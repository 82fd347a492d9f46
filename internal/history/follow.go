package history

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/joshuaaferguson/apexd/internal/fswatch"
	"github.com/joshuaaferguson/apexd/internal/safefile"
)

// Follow calls fn with the last n events of path, all for n < 0, and then with each that is appended, until ctx is done (nil) or fn fails (its error). Neither path nor its
// directory need exist, only the directory's parent; both may go and come. An event is told once, also when the file is trimmed meanwhile; one that was written twice
// (see the package comment) may be told twice. The file is not kept open, so that nobody who replaces it has to wait. Errors: *fs.PathError; what cannot be read
// later on is waited for.
func Follow(ctx context.Context, path string, n int, fn func(Event) error) error {
	f := follower{path: path, fn: fn, seed: maphash.MakeSeed()}
	w := watch{path: path}
	defer w.close()
	if err := w.renew(ctx); err != nil {
		return err
	}
	if err := f.begin(n); err != nil {
		return err
	}
	for w.wait(ctx) {
		if err := f.step(); err != nil {
			return err
		}
		if err := w.renew(ctx); err != nil {
			return err
		}
		if err := f.step(); err != nil { // what came before the new watch
			return err
		}
	}
	return nil
}

// follower knows how much of the file has been told.
type follower struct {
	path string
	fn   func(Event) error
	seed maphash.Seed

	fi   fs.FileInfo    // of the file that was read last, nil for none
	pos  int64          // behind its last whole line
	last []byte         // that line with its newline
	seen map[uint64]int // how often each line is in it: a trimmed file begins with lines that have been told
}

// begin tells the last n events, and takes those before as told.
func (f *follower) begin(n int) error {
	lines, err := f.look()
	if err != nil {
		return err
	}
	events := decoded(lines)
	if n >= 0 {
		events = events[max(len(events)-n, 0):]
	}
	return f.tell(events)
}

// step tells what is new.
func (f *follower) step() error {
	lines, err := f.look()
	if err != nil {
		return nil // it is being replaced, or not readable for a while: the next change tells
	}
	return f.tell(decoded(lines))
}

func (f *follower) tell(events []Event) error {
	for _, e := range events {
		if err := f.fn(e); err != nil {
			return err
		}
	}
	return nil
}

// decoded is what of lines is ours.
func decoded(lines [][]byte) []Event {
	var events []Event
	for _, line := range lines {
		if e, ok := decode(line); ok {
			events = append(events, e)
		}
	}
	return events
}

// look returns the whole lines that have not been returned before, without their newlines.
func (f *follower) look() ([][]byte, error) {
	file, err := safefile.Open(f.path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	fi, err := file.Stat()
	if err != nil {
		return nil, err
	}
	b, end, err := tail(file, fi.Size(), fullSize)
	if err != nil {
		return nil, err
	}
	unfinished := len(b) - len(whole(b))
	return f.fresh(fi, whole(b), end-int64(unfinished)), nil
}

// fresh is what is new of b, the whole lines up to the offset end of a file. One that grew is told from one that took its place (and perhaps its inode's number) by the line
// that was last.
func (f *follower) fresh(fi fs.FileInfo, b []byte, end int64) (lines [][]byte) {
	told := f.seen
	old := f.pos - (end - int64(len(b))) // bytes of b that were there before, if it is the same file
	if f.fi != nil && os.SameFile(f.fi, fi) && len(f.last) > 0 && old >= 0 && old <= int64(len(b)) && bytes.HasSuffix(b[:old], f.last) {
		b, told = b[old:], nil
	} else {
		f.seen = map[uint64]int{}
	}
	for line := range bytes.Lines(b) {
		f.last = line
		h := maphash.Bytes(f.seed, line)
		f.seen[h]++
		if told[h] > 0 {
			told[h]--
			continue
		}
		lines = append(lines, line[:len(line)-1])
	}
	f.last = bytes.Clone(f.last) // and not all of b with it
	f.fi, f.pos = fi, end
	return lines
}

// lookEvery is used only while even the directory's parent is missing, of which nothing tells.
const lookEvery = time.Second

// watch wakes for changes of a file, whatever happens to its directory.
type watch struct {
	path string
	dir  fs.FileInfo     // that is watched, nil for none
	file <-chan struct{} // changes in it
	up   <-chan struct{} // changes of the directory itself, in its parent
	stop [2]context.CancelFunc
}

// renew watches the directory that is there now. An error is one of the first call: nothing at all can be watched.
func (w *watch) renew(ctx context.Context) error {
	dir := filepath.Dir(w.path)
	if w.up == nil {
		c, cancel := context.WithCancel(ctx)
		up, err := fswatch.Changed(c, dir)
		if err != nil {
			cancel()
			if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		} else {
			w.up, w.stop[0] = up, cancel
		}
	}
	fi, err := os.Stat(dir)
	if err == nil && w.dir != nil && os.SameFile(fi, w.dir) {
		return nil
	}
	if w.stop[1] != nil {
		w.stop[1]()
	}
	w.dir, w.file, w.stop[1] = nil, nil, nil
	if err != nil {
		return nil
	}
	c, cancel := context.WithCancel(ctx)
	ch, err := fswatch.Changed(c, w.path)
	if err != nil {
		cancel()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	w.dir, w.file, w.stop[1] = fi, ch, cancel
	return nil
}

// wait returns true when there may be something new, false when ctx is done.
func (w *watch) wait(ctx context.Context) bool {
	var tick <-chan time.Time
	if w.up == nil && w.file == nil {
		t := time.NewTimer(lookEvery)
		defer t.Stop()
		tick = t.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-w.file:
	case <-w.up:
		w.dir = nil // the one that is there now may be another, with the number of the old one's inode
	case <-tick:
	}
	return true
}

func (w *watch) close() {
	for _, stop := range w.stop {
		if stop != nil {
			stop()
		}
	}
}
