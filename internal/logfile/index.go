package logfile

import (
	"bytes"
	"errors"
	"os"
	"strconv"

	"github.com/joshuaaferguson/apexd/internal/safefile"
)

// The time index of a log says when its bytes were written: raw output has no time of its own. It is text, one entry a line, in the order of writing:
//
//	OFFSET UNIXMILLI [SPAN]
//
// The bytes from OFFSET up to the next entry's were written from UNIXMILLI until less than SPAN milliseconds later (1000 where it is not given).
// An entry is written by the first output that is a second or more after the last one, so a silent workload costs nothing.
const (
	indexEvery = 1000 // milliseconds
	indexMax   = 4096 // entries; then every second one of the older half goes
	indexBytes = 1 << 20
)

// entry is one line of an index.
type entry struct{ off, ms, span int64 }

// index is what the writer remembers of the present file's index. The zero value is that of a new file.
type index struct {
	n    int
	last int64 // unix milliseconds of the last entry
	born int64 // and of the first
}

// due reports whether output at ms needs an entry. A clock that was set back does too.
func (x *index) due(ms int64) bool { return x.n == 0 || ms-x.last >= indexEvery || ms < x.last }

// add appends an entry. The index is a help: one that cannot be written is left as it was, and tried again with the next entry.
func (x *index) add(path string, off, ms int64) {
	if x.n >= indexMax {
		x.thin(path)
	}
	if x.n == 0 {
		x.born = ms
	}
	x.n, x.last = x.n+1, ms
	f, err := safefile.Open(indexName(path, 0), os.O_WRONLY|os.O_CREATE|os.O_APPEND, fileMode)
	if err != nil {
		return
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return
	}
	if _, err := f.Write(entry{off, ms, indexEvery}.append(nil)); err != nil {
		_ = f.Truncate(fi.Size()) // a part of a line would be taken for another time
	}
}

// thin halves the older half.
func (x *index) thin(path string) {
	all := readIndex(path, 0)
	if len(all) < indexMax {
		x.n = len(all)
		return
	}
	all = thin(all)
	var b []byte
	for _, e := range all {
		b = e.append(b)
	}
	if safefile.Replace(indexName(path, 0), b, fileMode) == nil {
		x.n = len(all)
	}
}

func (x *index) reset(path string) {
	*x = index{}
	_ = remove(indexName(path, 0))
}

// thin joins pairs of entries in the older half of all: what is recent stays exact to the second, and nothing becomes untrue.
func thin(all []entry) []entry {
	half := len(all) / 2 &^ 1
	out := all[:0]
	for i := 0; i < half; i += 2 {
		a, b := all[i], all[i+1]
		from, to := min(a.ms, b.ms), max(a.ms+a.span, b.ms+b.span)
		out = append(out, entry{a.off, from, to - from})
	}
	return append(out, all[half:]...)
}

// loadIndex takes up the index of a file of size bytes that is opened again. One that belongs to another file (the log was rotated or truncated by
// somebody else while nobody watched) is removed, and the others with it.
func loadIndex(path string, size int64) index {
	all := readIndex(path, 0)
	if len(all) == 0 {
		return index{}
	}
	if all[len(all)-1].off > size || size == 0 {
		dropIndexes(path)
		return index{}
	}
	return index{n: len(all), last: 0, born: all[0].ms}
}

// dropIndexes removes all indexes of path.
func dropIndexes(path string) {
	_ = remove(indexName(path, 0))
	all, err := slots(path)
	if err != nil {
		return
	}
	for _, s := range all {
		if s.idx {
			_ = remove(indexName(path, s.n))
		}
	}
}

// readIndex returns the index of rotated file n (0: the present one), nil when there is none that can be read.
func readIndex(path string, n int) []entry {
	b, _, err := safefile.Read(indexName(path, n), indexBytes)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return parseIndex(b)
}

// parseIndex reads entries and leaves out what is not one: a torn line, an offset smaller than the one before.
func parseIndex(b []byte) []entry {
	all := make([]entry, 0, min(bytes.Count(b, []byte{'\n'}), indexMax))
	var last int64
	for len(b) > 0 {
		line, rest, whole := bytes.Cut(b, []byte{'\n'})
		b = rest
		if e, ok := parseEntry(line); ok && whole && e.off >= last {
			all = append(all, e)
			last = e.off
		}
	}
	return all
}

func parseEntry(line []byte) (entry, bool) {
	f := bytes.Fields(line)
	if len(f) < 2 || len(f) > 3 {
		return entry{}, false
	}
	v := [3]int64{2: indexEvery}
	for i, s := range f {
		n, err := strconv.ParseInt(string(s), 10, 64)
		if err != nil || n < 0 || n > 1<<60 { // 1<<60: sums of two stay in range
			return entry{}, false
		}
		v[i] = n
	}
	return entry{v[0], v[1], v[2]}, true
}

func (e entry) append(b []byte) []byte {
	b = strconv.AppendInt(b, e.off, 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, e.ms, 10)
	if e.span != indexEvery {
		b = append(b, ' ')
		b = strconv.AppendInt(b, e.span, 10)
	}
	return append(b, '\n')
}
