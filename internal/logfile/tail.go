package logfile

import (
	"bytes"
	"os"
	"slices"
	"unicode/utf8"
)

const (
	tailLine = 1 << 10 // bytes of a line that Tail gives
	tailRead = 4 << 10 // bytes read for each line wanted, at least firstWindow, at most tailMost
	tailMost = 1 << 20
)

// Tail returns the last n lines of the log at path, oldest first, for messages: escaped, and cut to 1 KiB each, which "…" marks. It reads at most 1 MiB from the end of the
// present file, and of Path.1 when that has fewer lines. The error is that of opening path.
func Tail(path string, n int) ([]string, error) {
	lines, err := tailFile(path, n)
	if len(lines) >= n {
		return lines, err
	}
	older, e := tailFile(plainName(path, 1), n-len(lines))
	if e != nil {
		return lines, err
	}
	return append(older, lines...), nil
}

func tailFile(name string, n int) ([]string, error) {
	f, err := openShared(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, begun, err := lastBytes(f, min(max(int64(n)*tailRead, firstWindow), tailMost))
	if err != nil || len(b) == 0 {
		return nil, err
	}
	b = bytes.TrimSuffix(b, []byte{'\n'})
	var lines []string
	for len(lines) < n {
		i := bytes.LastIndexByte(b, '\n')
		lines = append(lines, clip(b[i+1:], begun && i < 0))
		if i < 0 {
			break
		}
		b = b[:i]
	}
	slices.Reverse(lines)
	return lines, nil
}

// lastBytes reads the last limit bytes of f, and reports whether there are more before them.
func lastBytes(f *os.File, limit int64) ([]byte, bool, error) {
	fi, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	size := fi.Size()
	b := make([]byte, min(size, limit))
	n, err := f.ReadAt(b, size-int64(len(b)))
	if n == len(b) {
		err = nil
	}
	return b[:n], size > limit, err
}

// Clip makes a line fit for a message, as those of Tail are.
func Clip(line []byte) string { return clip(line, false) }

// clip makes a line fit to be shown; begun: its start is missing.
func clip(line []byte, begun bool) string {
	more := len(line) > tailLine
	if more {
		line = line[:tailLine]
		for k := 0; k < utf8.UTFMax && len(line) > 0 && !utf8.Valid(line[len(line)-min(len(line), k+1):]); k++ {
			if utf8.RuneStart(line[len(line)-1-k]) {
				line = line[:len(line)-1-k]
				break
			}
		}
	}
	s := Sanitize(string(bytes.TrimSuffix(line, []byte{'\r'})))
	if begun {
		s = "…" + s
	}
	if more {
		s += "…"
	}
	return s
}
