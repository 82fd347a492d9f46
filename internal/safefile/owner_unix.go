//go:build unix

package safefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// maxTries bounds how often a file is looked for again that somebody removes and makes meanwhile.
const maxTries = 10

// openFor opens path for root, with O_CREATE. A file that this call makes belongs to the owner of its directory; one that is there keeps its owner,
// since nobody knows how it came there.
func openFor(path string, flag int, perm fs.FileMode) (*os.File, error) {
	for range maxTries {
		f, err := createFor(path, flag, perm)
		if !errors.Is(err, fs.ErrExist) || flag&os.O_EXCL != 0 {
			return f, err
		}
		f, err = openOwn(path, flag&^os.O_CREATE, perm)
		if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("it is made and removed again and again")}
}

// createFor makes a new file. The owner is asked of the very directory, held open, in which the file is made: nobody can have another one asked by
// renaming directories, and so a user is given only what that user could have made.
func createFor(path string, flag int, perm fs.FileMode) (*os.File, error) {
	dir, owner, err := openDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	f, err := dir.OpenFile(filepath.Base(path), flag|os.O_EXCL|Flags, perm)
	if err != nil {
		return nil, named(err, path)
	}
	give(f, owner)
	return f, nil
}

func openDir(path string) (dir *os.Root, owner int, err error) {
	if dir, err = os.OpenRoot(path); err != nil {
		return nil, 0, err
	}
	fi, err := dir.Stat(".")
	if err != nil {
		dir.Close()
		return nil, 0, named(err, path)
	}
	return dir, ownerOf(fi), nil
}

// named is err with the whole path, of which os.Root says the last part only.
func named(err error, path string) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		e.Path = path
	}
	return err
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

// MkdirAll is os.MkdirAll; each directory that root makes belongs to the owner of the one that it is in.
func MkdirAll(path string, perm fs.FileMode) error {
	parent := filepath.Dir(path)
	if _, err := os.Stat(path); err == nil || os.Geteuid() != 0 || parent == path {
		return os.MkdirAll(path, perm)
	}
	if err := MkdirAll(parent, perm); err != nil {
		return err
	}
	return mkdirFor(parent, filepath.Base(path), perm)
}

func mkdirFor(parent, name string, perm fs.FileMode) error {
	dir, owner, err := openDir(parent)
	if err != nil {
		return err
	}
	defer dir.Close()
	path := filepath.Join(parent, name)
	if err := dir.Mkdir(name, perm); err != nil {
		if fi, e := os.Stat(path); e == nil && fi.IsDir() {
			return nil // made meanwhile
		}
		return named(err, path)
	}
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY|Flags, 0)
	if err != nil {
		return named(err, path)
	}
	defer f.Close()
	if fi, err := f.Stat(); err == nil && ownerOf(fi) == 0 && empty(f) { // the owner of parent may have put another one of root's in its place
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
