package logfile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// View says what Show shows.
type View struct {
	Lines  int          // only the last Lines lines that are wanted; < 0: all
	Since  time.Time    // only what was written since then; zero: all
	Level  string       // only lines of this level or worse: debug, info, warn, error, fatal; "": all. Lines before the first with a level count as info
	Follow bool         // go on with what is written from now on
	Escape bool         // make control characters visible: w is a terminal
	Began  func()       // is called, once, when the files are open: what is written after that is seen; may be nil
	Warn   func(string) // is told what could not be found out, one line each; may be nil
}

// Show writes the log at path, rotated and compressed files included, oldest first, to w. Memory does not depend on the size of files or lines.
// With Follow it goes on until ctx is done, across rotation, truncation, deletion and re-creation of the file, and waits for one that does not exist yet. It returns
// nil when ctx is done, fs.ErrNotExist when there is no log, an error of w, or one of reading. It changes nothing.
func Show(ctx context.Context, w io.Writer, path string, v View) error {
	least, err := parseLevel(v.Level)
	if err != nil {
		return err
	}
	s := newShow(ctx, w, path, v, least)
	var wake *watch
	if v.Follow { // before the files are opened: no change goes unnoticed
		if wake, err = newWatch(path); err != nil {
			return err
		}
		defer wake.close()
	}
	err = s.run(wake)
	if e := s.flush(true); err == nil {
		err = e
	}
	if errors.Is(err, errDone) {
		return nil
	}
	return err
}

// errDone ends everything when ctx is done.
var errDone = errors.New("done")

// show is one call of Show.
type show struct {
	ctx  context.Context
	path string
	v    View
	min  level
	buf  []byte
	out  *bufio.Writer
	esc  *Escaper // nil without Escape
	sink sink
}

func newShow(ctx context.Context, w io.Writer, path string, v View, least level) *show {
	s := &show{ctx: ctx, path: path, v: v, min: least, buf: make([]byte, 64<<10), out: bufio.NewWriterSize(w, 64<<10)}
	s.sink = sink{dst: s.out, pick: s.picker()}
	if v.Escape {
		s.esc = NewEscaper(s.out)
		s.sink.dst = s.esc
	}
	return s
}

func (s *show) picker() picker { return picker{min: s.min, level: levelInfo, since: s.v.Since} }

func (s *show) warn(format string, args ...any) {
	if s.v.Warn != nil {
		s.v.Warn(fmt.Sprintf(format, args...))
	}
}

// run shows what is there, then what comes.
func (s *show) run(wake *watch) error {
	ps, err := snapshot(s.path, !s.v.Since.IsZero(), everything)
	if err != nil {
		return err
	}
	if len(ps) == 0 && wake == nil {
		return &fs.PathError{Op: "open", Path: s.path, Err: fs.ErrNotExist}
	}
	f := newFollower(s, ps)
	defer f.close()
	if s.v.Began != nil {
		s.v.Began()
	}
	if err := s.past(ps); err != nil || wake == nil {
		return err
	}
	return f.run(wake)
}

// past shows what the files hold, and closes all but the present one, which is f's.
func (s *show) past(ps parts) error {
	defer func() {
		for _, p := range ps {
			if p.n > 0 {
				p.f.Close()
			}
		}
	}()
	if !s.v.Since.IsZero() {
		ps = sinceParts(ps, s.v.Since)
	}
	begin := place{}
	if len(ps) > 0 {
		begin.off = ps[0].from
	}
	if s.v.Lines >= 0 {
		var err error
		if begin, err = s.lastLines(ps, s.v.Lines); err != nil {
			return err
		}
	}
	return s.from(ps, begin)
}

// from shows ps from begin on.
func (s *show) from(ps parts, begin place) error {
	s.sink.skip = begin.skip
	for i := begin.i; i < len(ps); i++ {
		p := ps[i]
		off := p.from
		if i == begin.i {
			off = begin.off
		}
		s.sink.pick.enter(p)
		if err := s.copy(&s.sink, p, off); err != nil {
			return err
		}
		if p.unsure {
			s.warn("%s: nothing says when lines without a time of their own were written, they are shown", p.f.Name())
		}
	}
	s.sink.pick.stamps = false // what comes now is new
	return s.flush(false)
}

// copy passes p's text from off on to k. A damaged compressed file is reported and as much of it shown as can be read.
func (s *show) copy(k *sink, p *part, off int64) error {
	r, err := p.reader(off)
	if err == nil {
		err = s.pump(k, r)
	}
	if text, ok := r.(*textReader); ok && text.holes > 0 && k == &s.sink {
		s.warn("%s: %d bytes that nobody has written (holes of the file) are left out", p.f.Name(), text.holes)
	}
	if err != nil && p.gz && !errors.As(err, new(*writeError)) && !errors.Is(err, errDone) {
		if k == &s.sink {
			s.warn("%s: %v, going on with the next file", p.f.Name(), err)
		}
		return nil
	}
	return err
}

// writeError tells an error of the reader of our output from one of the log.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

// pump passes r on to k until it ends, and looks at ctx after each buffer.
func (s *show) pump(k *sink, r io.Reader) error {
	for {
		if s.ctx.Err() != nil {
			return errDone
		}
		n, err := r.Read(s.buf)
		if n > 0 {
			if _, err := k.Write(s.buf[:n]); err != nil {
				return &writeError{err}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// flush writes what is buffered; at the end also what was kept back.
func (s *show) flush(end bool) error {
	if end {
		if err := s.sink.finish(); err != nil {
			return err
		}
		if s.esc != nil {
			if err := s.esc.Flush(); err != nil {
				return err
			}
		}
		if s.min > 0 && !s.sink.pick.saw && s.sink.found == 0 {
			s.warn("no line of this log says a level")
		}
	}
	return s.out.Flush()
}
