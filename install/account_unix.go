//go:build unix

package install

import (
	"os"
	"path/filepath"
	"syscall"
)

// Entries are the elements of path, outermost first, for CheckRoot. A link in it is looked at, and its target is for the caller to name.
func Entries(path string) ([]Entry, error) {
	var out []Entry
	for _, p := range elements(path) {
		fi, err := os.Lstat(p)
		if err != nil {
			return nil, err
		}
		e := Entry{Path: p, Owner: -1, Mode: fi.Mode()}
		if st, ok := fi.Sys().(*syscall.Stat_t); ok {
			e.Owner = int(st.Uid)
		}
		out = append(out, e)
	}
	return out, nil
}

// OwnerOf is the user ID of path's owner.
func OwnerOf(path string) (int, error) {
	e, err := Entries(path)
	if err != nil {
		return -1, err
	}
	return e[len(e)-1].Owner, nil
}

// elements are path and the directories above it, outermost first.
func elements(path string) []string {
	up := filepath.Dir(path)
	if up == path {
		return []string{path}
	}
	return append(elements(up), path)
}
