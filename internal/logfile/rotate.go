package logfile

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/joshuaaferguson/apexd/internal/safefile"
)

// floodGap: rotations that follow each other faster than this are a flood. Compression waits until it is over, because in a flood the files are gone
// before compressing them has paid.
const floodGap = 5 * time.Second

// rotate makes the present file Path.1 and begins a new one. When that fails the present file stays in use, which loses nothing, and it is tried again
// after as many bytes as are kept in reserve.
func (w *Writer) rotate(now time.Time) {
	before := w.size
	w.look()
	if w.f != nil && w.size < before {
		return // somebody else has truncated or replaced it
	}
	calm := now.Sub(w.rotated) >= floodGap
	if !calm && w.packer != nil {
		w.packer.stop.Store(true)
	}
	w.rotated = now
	first := w.retryAt == 0
	if err := w.shift(); err != nil {
		w.retryAt = w.size + max(reserve(w.p.MaxSize), 4096)
		if first {
			w.note(now, "Cannot rotate the log, going on in the same file: "+err.Error())
		}
		return
	}
	w.prune(now)
	if calm {
		w.pack()
	}
}

// shift renames the files, highest number first, up to the first free number: a shift that was interrupted, or refused at its end, moves nothing twice.
func (w *Writer) shift() error {
	all, err := slots(w.p.Path)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(s slot) bool { return !s.holds() })
	row := 0 // how many files follow each other from number 1 on
	for row < len(all) && all[row].n == row+1 {
		row++
	}
	if limit := max(w.p.MaxFiles, 1); row >= limit {
		if err := w.drop(limit); err != nil {
			return err
		}
		row = limit - 1
	}
	for _, s := range slices.Backward(all[:row]) {
		if err := w.move(s); err != nil {
			return err
		}
	}
	return w.moveCurrent()
}

// move gives s the next number. The index goes first: without its log it says nothing, with another's it would say something untrue.
func (w *Writer) move(s slot) error {
	from, to := s.n, s.n+1
	_ = remove(indexName(w.p.Path, to))
	if s.idx && safefile.Rename(indexName(w.p.Path, from), indexName(w.p.Path, to)) != nil {
		_ = remove(indexName(w.p.Path, from))
	}
	if s.gz { // whatever else has this number is a leftover, see packOne
		return rename(gzName(w.p.Path, from), gzName(w.p.Path, to))
	}
	if err := rename(plainName(w.p.Path, from), plainName(w.p.Path, to)); err != nil {
		return err
	}
	if w.packer != nil {
		w.packer.moved(from, to)
	}
	return nil
}

// rename is os.Rename, except that what does not exist needs none.
func rename(from, to string) error {
	err := safefile.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (w *Writer) moveCurrent() error {
	_ = remove(indexName(w.p.Path, 1))
	if err := w.renameCurrent(plainName(w.p.Path, 1)); err != nil {
		return err
	}
	if err := rename(indexName(w.p.Path, 0), indexName(w.p.Path, 1)); err != nil {
		_ = remove(indexName(w.p.Path, 0))
	}
	w.idx = index{}
	return nil
}

// drop removes everything under number n.
func (w *Writer) drop(n int) error {
	if w.packer != nil {
		w.packer.moved(n, 0)
	}
	var errs []error
	for _, name := range []string{plainName(w.p.Path, n), gzName(w.p.Path, n), indexName(w.p.Path, n)} {
		if err := discard(w.p.Path, name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// prune removes what is too many, too old, or an index without its log. What cannot be removed is tried again at the next rotation.
func (w *Writer) prune(now time.Time) {
	all, err := slots(w.p.Path)
	if err != nil {
		return
	}
	for _, s := range all {
		if s.n > w.p.MaxFiles || !s.holds() || w.p.MaxAge > 0 && w.older(s, now.Add(-w.p.MaxAge)) {
			_ = w.drop(s.n)
		}
	}
}

// older reports whether s was last written before t. A compressed file keeps the time of the plain one.
func (w *Writer) older(s slot, t time.Time) bool {
	name := plainName(w.p.Path, s.n)
	if s.gz {
		name = gzName(w.p.Path, s.n)
	}
	fi, err := os.Lstat(name)
	return err == nil && fi.ModTime().Before(t)
}

// tidy removes what a crash may have left: a half compressed file, or a plain one beside its compressed one, which has its name only when it is complete.
func (w *Writer) tidy() {
	for _, name := range leftovers(w.p.Path) {
		_ = remove(name)
	}
	all, err := slots(w.p.Path)
	if err != nil {
		return
	}
	for _, s := range all {
		if s.plain && s.gz {
			_ = remove(plainName(w.p.Path, s.n))
		}
	}
}
