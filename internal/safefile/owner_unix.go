//go:build unix

package safefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxTries bounds how often a file is looked for again that somebody removes and makes meanwhile.
const maxTries = 10

// openFor opens a file for root, with O_CREATE. A file that this call makes belongs to the owner of its directory; one that is there keeps its owner,
// since nobody knows how it came there.
func (p parent) openFor(base string, flag int, perm fs.FileMode) (*os.File, error) {
	for range maxTries {
		f, err := p.createFor(base, flag, perm)
		if !errors.Is(err, fs.ErrExist) || flag&os.O_EXCL != 0 {
			return f, err
		}
		f, err = p.openOwn(base, flag&^os.O_CREATE, perm)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, p.failed("open", base, errors.New("it is made and removed again and again"))
}

// createFor makes a new file. The owner is asked of the very directory, held open, in which the file is made: nobody can have another one asked by
// renaming directories, and so a user is given only what that user could have made.
func (p parent) createFor(base string, flag int, perm fs.FileMode) (*os.File, error) {
	owner, err := p.owner()
	if err != nil {
		return nil, err
	}
	f, err := p.openOwn(base, flag|os.O_EXCL, perm)
	if err != nil {
		return nil, err
	}
	give(f, owner)
	return f, nil
}

// give makes f, which this process has made, the owner's. Where the file system or the container does not let it, root's it stays: the daemon works all the same.
func give(f *os.File, owner int) {
	if owner > 0 {
		_ = f.Chown(owner, -1)
	}
}

// ownerOf is the user ID that owns the file of fi, 0 where that is not known.
func ownerOf(fi fs.FileInfo) int {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return 0
}

// MkdirAll is os.MkdirAll, which does not follow a link called DirName; each directory that root makes belongs to the owner of the one that it is in.
func MkdirAll(path string, perm fs.FileMode) error {
	up := filepath.Dir(path)
	if fi, err := os.Stat(path); err == nil && fi.IsDir() || up == path {
		return err
	}
	if err := MkdirAll(up, perm); err != nil {
		return err
	}
	p, err := openParent(path)
	if err != nil {
		return err
	}
	defer p.close()
	return p.mkdir(filepath.Base(path), perm)
}

// mkdir makes a directory in the directory. One that is there already is no error.
func (p parent) mkdir(base string, perm fs.FileMode) error {
	err := unix.Mkdirat(p.fd, p.name(base), uint32(perm.Perm()))
	if err != nil {
		if fi, e := os.Stat(filepath.Join(p.path, base)); e == nil && fi.IsDir() {
			return nil // made meanwhile
		}
		return p.failed("mkdir", base, err)
	}
	if os.Geteuid() != 0 {
		return nil
	}
	f, err := p.openOwn(base, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	owner, err := p.owner()
	if err != nil {
		return err
	}
	if fi, err := f.Stat(); err == nil && ownerOf(fi) == 0 && empty(f) { // the owner of the directory may have put another one of root's in its place
		give(f, owner)
	}
	return nil
}

func empty(dir *os.File) bool {
	_, err := dir.Readdirnames(1)
	return errors.Is(err, io.EOF)
}

// KeepsOwner reports whether a file at path that Replace has replaced is still its owner's. fi is the present one's. One of root's in another user's
// directory may become that user's.
func KeepsOwner(path string, fi fs.FileInfo) bool {
	owner, self := ownerOf(fi), os.Geteuid()
	if owner == self || self != 0 {
		return owner == self
	}
	dir, err := os.Stat(filepath.Dir(path))
	return err == nil && ownerOf(dir) == owner
}
