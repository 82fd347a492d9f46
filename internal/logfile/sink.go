package logfile

import (
	"bytes"
	"io"
	"time"
)

// headMax is how much of a line is looked at before it is decided whether it is shown. A longer line is passed on in pieces: memory stays bounded.
const headMax = 4 << 10

// picker decides which lines are wanted. A line that says nothing has the answer of the line before.
type picker struct {
	min    level
	level  level
	saw    bool // some line had a level
	stamps bool // lines older than since, by their own time, are not wanted
	since  time.Time
	fresh  bool
}

func (p *picker) want(line []byte) bool {
	if p.min > 0 {
		if l := levelOf(line); l != 0 {
			p.level, p.saw = l, true
		}
	}
	if p.stamps {
		if t, ok := stampOf(line); ok {
			p.fresh = !t.Before(p.since)
		}
	}
	return p.level >= p.min && (p.fresh || !p.stamps)
}

// active reports whether lines have to be looked at.
func (p *picker) active() bool { return p.min > 0 || p.stamps }

// sink takes log text in pieces of any size and passes the wanted lines on to dst, or only counts them when dst is nil.
type sink struct {
	dst   io.Writer
	pick  picker
	skip  int // wanted lines to leave out first
	found int // wanted lines so far that have ended; not counted while everything is passed on

	head   []byte // a line's beginning, not decided yet
	within bool   // the last piece ended within a line
	wanted bool   // that line is wanted
}

func (s *sink) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if s.pick.active() || len(s.head) > 0 {
		return len(b), s.lines(b)
	}
	n := len(b)
	s.within, s.wanted = b[n-1] != '\n', true
	if s.dst == nil {
		s.found += bytes.Count(b, []byte{'\n'})
		return n, nil
	}
	for s.skip > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return n, nil
		}
		b = b[i+1:]
		s.skip--
	}
	_, err := s.dst.Write(b)
	return n, err
}

// lines passes b on line by line.
func (s *sink) lines(b []byte) error {
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n') + 1
		piece := b[:end]
		if end == 0 {
			piece = b
		}
		b = b[len(piece):]
		if err := s.piece(piece, end > 0); err != nil {
			return err
		}
	}
	return nil
}

// piece takes a part of one line; end: it is the last one.
func (s *sink) piece(b []byte, end bool) error {
	if !s.within {
		if len(s.head)+len(b) < headMax && !end {
			s.head = append(s.head, b...)
			return nil
		}
		if len(s.head) > 0 {
			b = append(s.head, b...)
			s.head = b[:0]
		}
		s.wanted = s.pick.want(b[:min(len(b), headMax)])
	}
	s.within = !end
	return s.pass(b, end)
}

func (s *sink) pass(b []byte, end bool) error {
	if !s.wanted {
		return nil
	}
	show := s.skip == 0 && s.dst != nil
	if end {
		s.found++
		s.skip = max(s.skip-1, 0)
	}
	if !show {
		return nil
	}
	_, err := s.dst.Write(b)
	return err
}

// finish ends a last line without newline: it counts, and is passed on.
func (s *sink) finish() error {
	if len(s.head) > 0 {
		b := s.head
		s.head = nil
		s.wanted, s.within = s.pick.want(b), true
		if err := s.pass(b, false); err != nil {
			return err
		}
	}
	if s.within && s.wanted {
		s.found++
	}
	return nil
}

// breakLine ends an unfinished line whose rest will never come.
func (s *sink) breakLine() error {
	if len(s.head) == 0 && !s.within {
		return nil
	}
	_, err := s.Write([]byte{'\n'})
	return err
}
