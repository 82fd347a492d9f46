package logfile

import (
	"bytes"
	"io"
	"slices"
	"time"
)

// sinceParts leaves out of ps what was written before t, and says for the rest where to begin. What it leaves out is closed.
func sinceParts(ps parts, t time.Time) parts {
	return slices.DeleteFunc(ps, func(p *part) bool {
		if p.begin(t) {
			return false
		}
		if p.n > 0 { // the present one may be followed
			p.f.Close()
		}
		return true
	})
}

// begin sets where p's text from t on begins. It reports false when there is none.
//
// The index decides. Without one a file not written since t is left out, and in the others the times in the lines decide.
func (p *part) begin(t time.Time) bool {
	if len(p.index) > 0 && p.index[0].off == 0 {
		ms := t.UnixMilli()
		i := slices.IndexFunc(p.index, func(e entry) bool { return e.ms+e.span > ms })
		if i < 0 {
			return false
		}
		p.from = p.lineStart(p.index[i].off)
		return true
	}
	if !(lateTimes && p.n == 0) && p.fi.ModTime().Before(t) {
		return false
	}
	p.stamps = true
	first, before, ok := p.firstStamp()
	p.fresh = !ok || !first.Before(t)
	p.unsure = p.fresh && before
	return true
}

// lineBack bounds how far back a line's beginning is looked for.
const lineBack = 64 << 10

// lineStart returns the beginning of the line that off is in: output may have paused within a line.
func (p *part) lineStart(off int64) int64 {
	if p.gz || off == 0 {
		return off
	}
	b := make([]byte, min(off, lineBack))
	if _, err := p.f.ReadAt(b, off-int64(len(b))); err != nil {
		return off
	}
	if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
		return off - int64(len(b)) + int64(i) + 1
	}
	return off
}

// stampSearch is how far into a file its first time is looked for.
const stampSearch = 256 << 10

// firstStamp returns the first time in p's lines, and whether there are lines before it.
func (p *part) firstStamp() (t time.Time, before, ok bool) {
	r, err := p.reader(0)
	if err != nil {
		return time.Time{}, true, false
	}
	b, _ := io.ReadAll(io.LimitReader(r, stampSearch)) // a damaged file is reported when it is shown
	for len(b) > 0 {
		line, rest, _ := bytes.Cut(b, []byte{'\n'})
		if t, ok := stampOf(line); ok {
			return t, before, true
		}
		b, before = rest, true
	}
	return time.Time{}, before, false
}

// place is where showing begins: at off of part i, after skip wanted lines.
type place struct {
	i    int
	off  int64
	skip int
}

// lastLines finds the place from which n wanted lines are left. It reads from the end and no more than it must: only where a level or a time is asked for and
// the newest file does not hold n such lines, everything is read.
func (s *show) lastLines(ps parts, n int) (place, error) {
	if n == 0 || len(ps) == 0 {
		return place{i: len(ps)}, nil
	}
	need := n
	for i := len(ps) - 1; i >= 0; i-- {
		newest := i == len(ps)-1
		if !newest && s.filters(ps) {
			return s.countAll(ps, n)
		}
		off, found, err := s.window(ps[i], need, newest)
		if err != nil {
			return place{}, err
		}
		if found >= need {
			return place{i, off, found - need}, nil
		}
		need -= found
	}
	if s.filters(ps) {
		return s.countAll(ps, n)
	}
	return place{off: ps[0].from}, nil
}

func (s *show) filters(ps parts) bool {
	return s.min > 0 || slices.ContainsFunc(ps, func(p *part) bool { return p.stamps })
}

const (
	firstWindow  = 64 << 10
	windowFactor = 8
)

// window counts the wanted lines in larger and larger ends of p until there are need of them, or p has no more. It returns where that end begins.
func (s *show) window(p *part, need int, newest bool) (off int64, found int, err error) {
	size := int64(firstWindow)
	for {
		off = p.fi.Size() - size
		whole := p.gz || off <= p.from
		if whole {
			off = p.from
		} else if off, err = p.nextLine(off); err != nil {
			return 0, 0, err
		}
		k := s.counter(p, whole)
		if err := s.copy(k, p, off); err != nil {
			return 0, 0, err
		}
		if newest {
			err = k.finish()
		}
		if whole || k.found >= need || err != nil {
			return off, k.found, err
		}
		size *= windowFactor
	}
}

// counter returns a sink that counts p's wanted lines. In the middle of a file, where nothing is known of the lines before, those that say nothing
// themselves are not counted: the next larger window will.
func (s *show) counter(p *part, whole bool) *sink {
	k := &sink{pick: s.picker()}
	k.pick.enter(p)
	if !whole {
		k.pick.level, k.pick.fresh = 0, false
	}
	return k
}

// enter tells the picker that p's text comes next.
func (p *picker) enter(q *part) { p.stamps, p.fresh = q.stamps, q.fresh }

// nextLine returns the beginning of the first line that begins at off or later.
func (p *part) nextLine(off int64) (int64, error) {
	b := make([]byte, 32<<10)
	for at := off - 1; ; {
		n, err := p.f.ReadAt(b, at)
		if i := bytes.IndexByte(b[:n], '\n'); i >= 0 {
			return at + int64(i) + 1, nil
		}
		if data := behindHole(p.f, b[:n], at); data > at {
			at = data
			continue
		}
		at += int64(n)
		if err == io.EOF {
			return at, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// countAll counts the wanted lines of all parts.
func (s *show) countAll(ps parts, n int) (place, error) {
	k := &sink{pick: s.picker()}
	for _, p := range ps {
		k.pick.enter(p)
		if err := s.copy(k, p, p.from); err != nil {
			return place{}, err
		}
	}
	err := k.finish()
	return place{off: ps[0].from, skip: max(k.found-n, 0)}, err
}
