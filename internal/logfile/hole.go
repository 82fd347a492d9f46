package logfile

import (
	"io"
	"math"
	"os"
)

// textReader reads a plain file from off up to end, without its holes: what nobody has written, and reads as zeros. Who can write in a project can give a log of a terabyte that way, which
// takes no disk, and hours to read; and where an outsider truncates a log that somebody writes to without O_APPEND, its beginning is a hole. Zeros that were written are
// read as they are.
type textReader struct {
	f        *os.File
	off, end int64
	holes    int64 // bytes left out
}

func newTextReader(f *os.File, off, end int64) *textReader {
	return &textReader{f: f, off: off, end: end}
}

// Read implements io.Reader.
func (r *textReader) Read(b []byte) (int, error) {
	for {
		if r.off >= r.end {
			return 0, io.EOF
		}
		n, err := r.f.ReadAt(b[:min(int64(len(b)), r.end-r.off)], r.off)
		if n == 0 {
			return 0, err
		}
		if data := behindHole(r.f, b[:n], r.off); data > r.off {
			r.holes += data - r.off
			r.off = data
			continue
		}
		r.off += int64(n)
		return n, nil
	}
}

// behindHole is where there is data again, when b, what was read of f at off, is of a hole; else off. A hole that ends the file ends where the file does now.
func behindHole(f *os.File, b []byte, off int64) int64 {
	if len(b) == 0 {
		return off
	}
	for _, c := range b {
		if c != 0 {
			return off
		}
	}
	return max(nextData(f, off), off)
}

// hasHole reports whether a part of the file called name was never written.
func hasHole(name string) bool {
	f, err := openShared(name)
	if err != nil {
		return false
	}
	defer f.Close()
	fi, err := f.Stat()
	return err == nil && nextHole(f, 0) < fi.Size()
}

// noHole is nextHole of a file that has none.
const noHole = math.MaxInt64
