package logfile

import (
	"bufio"
	"io"
)

// Filter passes text that comes from elsewhere than files on as Show would: v's Level, Escape and Warn hold, and Lines, Since and Follow are the caller's
// business. Not safe for concurrent use.
type Filter struct {
	s    *show
	sink *sink
}

// NewFilter returns a Filter that leaves out the first skip wanted lines and writes the rest to w, or only counts when w is nil. part: the text begins within a
// log, where lines before the first with a level are not wanted if v asks for one. The error is about v.Level.
func NewFilter(w io.Writer, v View, skip int, part bool) (*Filter, error) {
	least, err := parseLevel(v.Level)
	if err != nil {
		return nil, err
	}
	f := &Filter{s: &show{v: v, min: least}}
	f.sink = &f.s.sink
	f.sink.pick, f.sink.skip = f.s.picker(), skip
	if part {
		f.sink.pick.level = 0
	}
	f.s.out = bufio.NewWriterSize(io.Discard, 16)
	if w == nil {
		return f, nil
	}
	f.s.out = bufio.NewWriterSize(w, 64<<10)
	f.sink.dst = f.s.out
	if v.Escape {
		f.s.esc = NewEscaper(f.s.out)
		f.sink.dst = f.s.esc
	}
	return f, nil
}

// Write takes text in pieces of any size.
func (f *Filter) Write(b []byte) (int, error) { return f.sink.Write(b) }

// EndLine ends a line whose rest will never come.
func (f *Filter) EndLine() error { return f.sink.breakLine() }

// Flush writes what is buffered.
func (f *Filter) Flush() error { return f.s.out.Flush() }

// Close writes what was kept back, and warns where a level was asked for and no line has one.
func (f *Filter) Close() error {
	if f.sink.dst == nil {
		return f.sink.finish()
	}
	return f.s.flush(true)
}

// Found is how many wanted lines have ended.
func (f *Filter) Found() int { return f.sink.found }
