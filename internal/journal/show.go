package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/internal/logfile"
)

// ErrNoTool is the reason when there is no journalctl.
var ErrNoTool = errors.New("there is no journalctl in PATH")

// RefusedError says that journalctl showed nothing, and its own words about that.
type RefusedError struct{ Said string }

// Error is what journalctl said.
func (e *RefusedError) Error() string { return "journalctl shows nothing of it: " + e.Said }

// Show writes the daemon's log to w as logfile.Show does with a file: same lines, same order, same View. It runs journalctl, once or a few times, never by a
// shell, and ends it. With v.Follow it goes on until ctx is done. It returns nil when ctx is done, fs.ErrNotExist when there is no entry, ErrNoTool, a
// *RefusedError when there may be entries that the caller cannot read, an error of w, or journalctl's.
func Show(ctx context.Context, w io.Writer, s Source, v logfile.View) error {
	if s.Tool == "" {
		tool, err := exec.LookPath("journalctl")
		if err != nil {
			return ErrNoTool
		}
		s.Tool = tool
	}
	err := show(ctx, w, s, v)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func show(ctx context.Context, w io.Writer, s Source, v logfile.View) error {
	from, skip, err := begin(ctx, s, v)
	if err != nil {
		return err
	}
	if v.Began != nil {
		v.Began() // from is a place: what is written after it is read from there
	}
	if from.follow = v.Follow; v.Follow {
		from.most = 0
	}
	f, err := logfile.NewFilter(w, v, skip, from.cursor != "" && v.Since.IsZero())
	if err != nil {
		return err
	}
	n, err := s.each(ctx, from, reader(f, v.Follow))
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil && n == 0 && v.Since.IsZero() && v.Lines != 0 {
		err = fs.ErrNotExist
	}
	return err
}

const (
	firstWindow  = 1000 // entries
	windowFactor = 8
)

// begin finds where showing begins: the last v.Lines wanted lines are what comes from there on, without the first skip wanted ones. Entries that arrive
// meanwhile do not move it, since a place in a journal is a cursor.
func begin(ctx context.Context, s Source, v logfile.View) (from span, skip int, err error) {
	all := span{last: -1, since: v.Since}
	if v.Lines < 0 {
		return all, 0, nil
	}
	if v.Lines == 0 {
		cursor, found, _, err := s.count(ctx, span{last: 1}, v, true)
		if err != nil || cursor == "" {
			return all, 0, err
		}
		return span{last: -1, cursor: cursor}, found, nil
	}
	if !v.Since.IsZero() {
		_, found, n, err := s.count(ctx, all, v, false)
		return all.first(n), max(found-v.Lines, 0), err
	}
	for size := max(v.Lines, firstWindow); ; size *= windowFactor {
		cursor, found, n, err := s.count(ctx, span{last: size}, v, true)
		if err != nil {
			return all, 0, err
		}
		if n < size {
			_, found, n, err := s.count(ctx, all, v, false)
			return all.first(n), max(found-v.Lines, 0), err
		}
		if found >= v.Lines {
			return span{last: -1, cursor: cursor}.first(n), found - v.Lines, nil
		}
	}
}

// first is r without what comes after the first n entries, where there are any.
func (r span) first(n int) span {
	r.most = n
	return r
}

// count returns the first entry's cursor, how many wanted lines there are, and how many entries.
func (s Source) count(ctx context.Context, r span, v logfile.View, part bool) (cursor string, found, n int, err error) {
	f, err := logfile.NewFilter(nil, v, 0, part)
	if err != nil {
		return "", 0, 0, err
	}
	pass := reader(f, false)
	n, err = s.each(ctx, r, func(e *read, idle bool) error {
		if cursor == "" {
			cursor = string(e.cursor)
		}
		return pass(e, idle)
	})
	if err == nil {
		err = f.Close()
	}
	return cursor, f.Found(), n, err
}

// reader returns what passes entries on to f, and flushes it while nothing comes.
func reader(f *logfile.Filter, follow bool) func(e *read, idle bool) error {
	mid := false
	return func(e *read, idle bool) error {
		if mid && e.hasLine { // a line of the daemon's own
			if err := f.EndLine(); err != nil {
				return err
			}
		}
		mid = e.more
		if _, err := f.Write(e.text()); err != nil {
			return err
		}
		if !mid {
			if _, err := f.Write([]byte{'\n'}); err != nil {
				return err
			}
		}
		if follow && idle {
			return f.Flush()
		}
		return nil
	}
}

// each calls fn with each entry of r; idle: nothing more has been read yet. It returns how many there were.
func (s Source) each(ctx context.Context, r span, fn func(e *read, idle bool) error) (n int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.Tool, s.args(r)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.WaitDelay = time.Second
	said := &limited{left: 4 << 10}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	p := newParser(out)
	var e read
	for {
		if err = p.next(&e); err != nil {
			break
		}
		n++
		if err = fn(&e, p.r.Buffered() == 0); err != nil || n == r.most {
			break
		}
	}
	whole := errors.Is(err, io.EOF)
	if !whole {
		cancel() // it has more to say, and nobody listens
	}
	if e := cmd.Wait(); whole {
		err = verdict(n, e, said.String())
	}
	return n, err
}

// verdict is what the end of journalctl means. Without entries, what it said on standard error is why: it has hints for those who may not read.
func verdict(n int, err error, said string) error {
	said = logfile.Sanitize(strings.Join(strings.Fields(said), " "))
	if n == 0 && said != "" {
		return &RefusedError{said}
	}
	if err != nil {
		return fmt.Errorf("journalctl: %w: %s", err, said)
	}
	return nil
}

// limited keeps the first bytes that are written to it.
type limited struct {
	bytes.Buffer
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	k := min(len(b), l.left)
	l.left -= k
	l.Buffer.Write(b[:k])
	return len(b), nil
}
