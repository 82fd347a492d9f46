//go:build !unix

package safefile

import (
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// parent is the directory of a path. There is nothing here to hold it by: names are looked up anew each time.
type parent struct{ path string }

func openParent(path string) (parent, error) {
	p := parent{filepath.Dir(path)}
	if filepath.Base(p.path) == DirName && isLink(p.path) {
		return p, refuse(p.path, "is a symbolic link")
	}
	return p, nil
}

func (p parent) close() {}

func (p parent) at(base string) string { return filepath.Join(p.path, base) }

// open refuses links by looking first: there is no O_NOFOLLOW here.
func (p parent) open(base string, flag int, perm fs.FileMode) (*os.File, error) {
	if isLink(p.at(base)) {
		return nil, refuse(p.at(base), "is a symbolic link")
	}
	return openShared(p.at(base), flag, perm)
}

// openOwn is open: a file takes its access rights from its directory.
func (p parent) openOwn(base string, flag int, perm fs.FileMode) (*os.File, error) {
	return p.open(base, flag, perm)
}

func (p parent) rename(from, to string) error { return os.Rename(p.at(from), p.at(to)) }

func (p parent) link(from, to string) error { return os.Link(p.at(from), p.at(to)) }

func (p parent) remove(base string) error { return os.Remove(p.at(base)) }

func (p parent) setTime(base string, t time.Time) error { return os.Chtimes(p.at(base), t, t) }

// names reports whether base is a name of the file f.
func (p parent) names(base string, f fs.FileInfo) (bool, error) {
	now, err := os.Lstat(p.at(base))
	return err == nil && os.SameFile(now, f), err
}

func (p parent) lasting(base string) string { return p.at(base) }

func (p parent) list() ([]string, error) {
	d, err := os.Open(p.path)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.Readdirnames(-1)
}
