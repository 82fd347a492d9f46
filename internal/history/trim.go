package history

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/joshuaaferguson/apexd/internal/safefile"
)

// trim replaces a file that has passed the limit by its newest half. A file that replacing would take from its owner is left to them.
func (l *Log) trim() error {
	if fi, err := os.Lstat(l.path); err == nil && fi.Mode().IsRegular() && fi.Size() <= l.limit {
		return nil
	}
	f, err := safefile.Open(l.path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = l.trimFile(f)
		f.Close()
	}
	if err != nil {
		return fmt.Errorf("trim history: %w", err)
	}
	return nil
}

func (l *Log) trimFile(f *os.File) error {
	fi, err := f.Stat()
	if err != nil || fi.Size() <= l.limit || !safefile.KeepsOwner(l.path, fi) {
		return err
	}
	lines, end, err := tail(f, fi.Size(), l.limit/2)
	if err != nil {
		return err
	}
	return l.replace(f, fi, lines, end)
}

// replace puts lines, what was read of f up to offset end, in place of f, unless another process has just trimmed it.
func (l *Log) replace(f *os.File, fi fs.FileInfo, lines []byte, end int64) error {
	if !isAt(l.path, fi) {
		return nil
	}
	if !replaceWhileOpen {
		f.Close()
	}
	kept := whole(lines)
	if err := safefile.Replace(l.path, kept, fi.Mode().Perm()); err != nil || !replaceWhileOpen {
		return err
	}
	return l.carry(f, end-int64(len(lines)-len(kept)))
}

// carry appends to the new file what others have written to the old one, f, since it was read up to offset from. Whoever writes to it
// later than this sees that it was replaced, and writes again.
func (l *Log) carry(f *os.File, from int64) error {
	fi, err := f.Stat()
	if err != nil || fi.Size() <= from {
		return err
	}
	late, _, err := tail(f, fi.Size(), min(fi.Size()-from, l.full)) // all of it: it stops growing at l.full
	if late = whole(late); err != nil || len(late) == 0 {
		return err
	}
	return l.write(late)
}

// tail returns the lines that begin within the last n of f's size bytes, the last one perhaps without its end, and the offset behind them.
func tail(f *os.File, size, n int64) (lines []byte, end int64, err error) {
	from := max(size-n, 0)
	begin := max(from-1, 0) // one byte more tells whether a line begins at from
	b := make([]byte, size-begin)
	got, err := f.ReadAt(b, begin)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	b = b[:got]
	if from > 0 {
		_, b, _ = bytes.Cut(b, []byte{'\n'})
	}
	return b, begin + int64(got), nil
}

// whole returns b without an unfinished last line.
func whole(b []byte) []byte { return b[:bytes.LastIndexByte(b, '\n')+1] }
