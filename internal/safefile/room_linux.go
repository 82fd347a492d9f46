package safefile

import (
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// unnamed makes a file in the directory that has no name (open(2), O_TMPFILE; ext4, xfs, tmpfs and others).
func (p parent) unnamed(perm fs.FileMode) (*os.File, error) {
	return p.openOwn(".", unix.O_TMPFILE|unix.O_RDWR, perm)
}

// give names the file of unnamed, which needs a mounted /proc (open(2), the example for O_TMPFILE).
func (p parent) give(f *os.File, base string) error {
	err := unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(int(f.Fd())), p.fd, p.name(base), unix.AT_SYMLINK_FOLLOW)
	return p.failed("link", base, err)
}
