//go:build unix

package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// parent is the directory of a path, held open: what is done through it is done in that very directory, whatever somebody puts in its place meanwhile.
type parent struct {
	fd    int
	path  string
	blind bool // it may be searched and not read, and this system has no way to hold such a directory: its path is used
}

// openParent opens the directory of path. DirName in it, and what is below that, is not followed where it is a link: the error then matches ErrUnsafe.
func openParent(path string) (parent, error) {
	p := parent{fd: -1, path: filepath.Dir(path)}
	first, rest := split(p.path)
	flag := holdDir | unix.O_DIRECTORY | unix.O_CLOEXEC
	err := p.enter(unix.AT_FDCWD, first, flag|noFollow(first))
	for name := range strings.SplitSeq(rest, "/") {
		if err != nil || name == "" {
			break
		}
		err = p.enter(p.fd, name, flag|unix.O_NOFOLLOW)
	}
	if errors.Is(err, fs.ErrPermission) && holdDir == unix.O_RDONLY {
		return parent{fd: unix.AT_FDCWD, path: p.path, blind: true}, nil
	}
	if err != nil {
		if fi, e := os.Lstat(p.path); e == nil && fi.Mode()&fs.ModeSymlink != 0 {
			return p, refuse(p.path, "is a symbolic link")
		}
		return p, &fs.PathError{Op: "open", Path: p.path, Err: err}
	}
	return p, nil
}

// enter makes p the directory name in dir.
func (p *parent) enter(dir int, name string, flag int) error {
	fd, err := retry(func() (int, error) { return unix.Openat(dir, name, flag, 0) })
	if p.fd >= 0 {
		unix.Close(p.fd)
		p.fd = -1
	}
	if err == nil {
		p.fd = fd
	}
	return err
}

// split cuts dir behind its last element DirName; rest is "" where there is none.
func split(dir string) (first, rest string) {
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if filepath.Base(at) == DirName {
			return at, strings.TrimPrefix(dir[len(at):], "/")
		}
	}
	return dir, ""
}

func noFollow(dir string) int {
	if filepath.Base(dir) == DirName {
		return unix.O_NOFOLLOW
	}
	return 0
}

func (p parent) close() {
	if p.fd >= 0 {
		unix.Close(p.fd)
	}
}

// name is how a file of the directory is named to a system call, together with p.fd.
func (p parent) name(base string) string {
	if p.blind {
		return filepath.Join(p.path, base)
	}
	return base
}

// open opens a file of the directory as Open does, before the checks, and gives what root makes to the directory's owner.
func (p parent) open(base string, flag int, perm fs.FileMode) (*os.File, error) {
	if flag&os.O_CREATE == 0 || os.Geteuid() != 0 {
		return p.openOwn(base, flag, perm)
	}
	return p.openFor(base, flag, perm)
}

// openOwn is open without giving anything away.
func (p parent) openOwn(base string, flag int, perm fs.FileMode) (*os.File, error) {
	fd, err := retry(func() (int, error) { return unix.Openat(p.fd, p.name(base), flag|Flags, uint32(perm.Perm())) })
	if err != nil {
		return nil, p.failed("open", base, err)
	}
	// The runtime's poller takes what is non-blocking for a pipe. What blocks is refused by Check.
	if err := unix.SetNonblock(fd, false); err != nil {
		unix.Close(fd)
		return nil, p.failed("open", base, err)
	}
	return os.NewFile(uintptr(fd), filepath.Join(p.path, base)), nil
}

func (p parent) rename(from, to string) error {
	return p.failed("rename", to, unix.Renameat(p.fd, p.name(from), p.fd, p.name(to)))
}

func (p parent) link(from, to string) error {
	return p.failed("link", to, unix.Linkat(p.fd, p.name(from), p.fd, p.name(to), 0))
}

func (p parent) remove(base string) error {
	return p.failed("remove", base, unix.Unlinkat(p.fd, p.name(base), 0))
}

func (p parent) setTime(base string, t time.Time) error {
	ts := unix.NsecToTimespec(t.UnixNano())
	return p.failed("chtimes", base, unix.UtimesNanoAt(p.fd, p.name(base), []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW))
}

// names reports whether base is a name of the file f.
func (p parent) names(base string, f fs.FileInfo) (bool, error) {
	var now unix.Stat_t
	if err := unix.Fstatat(p.fd, p.name(base), &now, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return false, p.failed("stat", base, err)
	}
	dev, ino := number(f)
	return uint64(now.Dev) == dev && uint64(now.Ino) == ino, nil //nolint:unconvert // Dev is signed on darwin
}

// list is the names in the directory.
func (p parent) list() ([]string, error) {
	f, err := p.openOwn(".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
}

// owner is the user ID that owns the directory.
func (p parent) owner() (int, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(p.fd, p.name("."), &st, 0); err != nil {
		return 0, p.failed("stat", ".", err)
	}
	return int(st.Uid), nil
}

// failed is err with what it is about, or nil.
func (p parent) failed(op, base string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: filepath.Join(p.path, base), Err: err}
}

// retry does f again while a signal interrupts it.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
