package logfile

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/safefile"
)

// The files of one log: Path, Path.1 (newest rotated) …, each with its time index Path.idx, Path.1.idx …; a compressed one is Path.2.gz and
// keeps the index Path.2.idx, whose offsets are those of the plain text.

func plainName(path string, n int) string {
	if n == 0 {
		return path
	}
	return path + "." + strconv.Itoa(n)
}

func gzName(path string, n int) string    { return plainName(path, n) + ".gz" }
func indexName(path string, n int) string { return plainName(path, n) + ".idx" }
func tempName(path string) string         { return path + ".gz.tmp" } // one is enough: one file is compressed at a time

// slot is what a directory holds under one number.
type slot struct {
	n              int
	plain, gz, idx bool
}

func (s slot) holds() bool { return s.plain || s.gz }

// slots lists the rotated files of path, newest (lowest number) first. A missing directory has none.
func slots(path string) ([]slot, error) {
	names, err := siblings(path)
	return slotsOf(filepath.Base(path), names), err
}

// siblings lists the directory of path.
func siblings(path string) ([]string, error) {
	names, err := safefile.List(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// goneName begins the name of a file that is as good as removed: see discard.
func goneName(path string) string { return path + ".gone-" }

// leftovers lists the temporary files of path that a crash may have left: of compression, of discard, of safefile.Replace.
func leftovers(path string) []string {
	names, _ := siblings(path) // those that can be read
	base := filepath.Base(path)
	var tmp []string
	for _, name := range names {
		if filepath.Join(filepath.Dir(path), name) == tempName(path) || strings.HasPrefix(name, filepath.Base(goneName(path))) ||
			strings.HasPrefix(name, "."+base+".idx.") && strings.HasSuffix(name, ".tmp") {
			tmp = append(tmp, filepath.Join(filepath.Dir(path), name))
		}
	}
	return tmp
}

func slotsOf(base string, names []string) []slot {
	var all []slot
	for _, name := range names {
		rest, ok := strings.CutPrefix(name, base+".")
		if !ok {
			continue
		}
		num, kind, _ := strings.Cut(rest, ".")
		n, err := strconv.Atoi(num)
		if err != nil || n < 1 || strconv.Itoa(n) != num {
			continue
		}
		i, found := slices.BinarySearchFunc(all, n, func(s slot, n int) int { return s.n - n })
		if !found {
			all = slices.Insert(all, i, slot{n: n})
		}
		switch {
		case kind == "" && num == rest:
			all[i].plain = true
		case kind == "gz":
			all[i].gz = true
		case kind == "idx":
			all[i].idx = true
		}
	}
	return slices.DeleteFunc(all, func(s slot) bool { return !s.plain && !s.gz && !s.idx })
}
