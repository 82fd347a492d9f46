package logfile

import (
	"errors"
	"math"
	"os"
)

// follower shows what is appended to a log. It stays with a file until its end, and then goes on with the next newer one.
type follower struct {
	s    *show
	cur  *part       // nil while there is no file
	pos  int64       // what has been shown of cur
	prev os.FileInfo // the newest rotated file when cur was the present one: tells what is newer when cur is gone
}

// newFollower takes the present file of ps over.
func newFollower(s *show, ps parts) *follower {
	f := &follower{s: s}
	f.take(ps)
	return f
}

// take makes the last of ps the present file, if it is that.
func (f *follower) take(ps parts) {
	i := len(ps) - 1
	if i >= 0 && ps[i].n == 0 {
		f.cur, f.pos = ps[i], ps[i].fi.Size() // past, or next, shows that much
		i--
	}
	if i >= 0 {
		f.prev = ps[i].fi
	}
}

func (f *follower) close() {
	if f.cur != nil {
		f.cur.f.Close()
		f.cur = nil
	}
}

// run goes on until ctx is done.
func (f *follower) run(wake *watch) error {
	for {
		more, err := f.step()
		if err != nil {
			return err
		}
		if more {
			continue
		}
		if err := f.s.flush(false); err != nil {
			return err
		}
		if !wake.wait(f.s.ctx) {
			return errDone
		}
	}
}

// step shows what is there and reports whether there may be more at once.
func (f *follower) step() (bool, error) {
	if err := f.drain(); err != nil {
		return false, err
	}
	fi, err := os.Lstat(f.s.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return false, nil // deleted, or about to be made again
	case err != nil:
		return false, err
	case f.cur == nil:
		return f.next()
	case !os.SameFile(fi, f.cur.fi):
		if fi.Size() == 0 {
			return false, nil // whoever renames the file may still write to it: until the new one has something
		}
		return f.next()
	case fi.Size() < f.pos:
		f.s.warn("%s was truncated", f.s.path)
		f.pos = 0
		return true, f.s.sink.breakLine()
	}
	return false, nil
}

// drain shows what has been appended to the present file.
func (f *follower) drain() error {
	if f.cur == nil {
		return nil
	}
	r := newTextReader(f.cur.f, f.pos, math.MaxInt64)
	err := f.s.pump(&f.s.sink, r)
	f.pos = r.off
	return err
}

// next finishes the present file and shows all newer ones; the newest becomes the present one. It reports whether it could.
func (f *follower) next() (bool, error) {
	ps, err := snapshot(f.s.path, false, f.known)
	if errors.Is(err, errMoved) {
		return false, nil // the next change will wake us
	}
	if err != nil {
		return false, err
	}
	if err := f.drain(); err != nil { // what was written between the last drain and the renaming
		ps.close()
		return false, err
	}
	newer := f.newer(ps)
	f.close()
	f.take(newer)
	for _, p := range newer {
		if err == nil {
			err = f.s.copy(&f.s.sink, p, 0)
		}
		if p != f.cur {
			p.f.Close()
		}
	}
	return true, err
}

// newer returns the files of ps that came after the present one, and closes the others.
func (f *follower) newer(ps parts) parts {
	if len(ps) > 0 && f.known(ps[0]) {
		ps[0].f.Close()
		return ps[1:]
	}
	if f.prev != nil {
		f.s.warn("some lines were rotated away before they could be shown")
	}
	return ps
}

// known reports whether p is the present file, or the one rotated before it: what is older has been shown. The present file cannot be mistaken, it is open. The number of the
// other may have been given to a new file (the inode of a removed one is used again), but not with the same length and time.
func (f *follower) known(p *part) bool {
	if f.cur != nil {
		if fi, err := f.cur.f.Stat(); err == nil && p.is(fi) {
			return true
		}
	}
	return f.prev != nil && p.is(f.prev) && (p.gz || p.fi.Size() == f.prev.Size() && p.fi.ModTime().Equal(f.prev.ModTime()))
}
