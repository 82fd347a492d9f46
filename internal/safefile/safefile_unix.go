//go:build unix

package safefile

import (
	"io/fs"
	"os"
	"syscall"
)

// Flags are what Open adds to the caller's flags, for those who have to open a file themselves.
//
// O_NONBLOCK: opening a FIFO returns instead of waiting for its other end (open(2)); it has no effect on a regular file.
const Flags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_CLOEXEC

func open(path string, flag int, perm fs.FileMode) (*os.File, error) {
	if flag&os.O_CREATE == 0 || os.Geteuid() != 0 {
		return openOwn(path, flag, perm)
	}
	return openFor(path, flag, perm)
}

func openOwn(path string, flag int, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, flag|Flags, perm)
}

func links(_ string, fi fs.FileInfo) uint64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 1
}

func chmod(f *os.File, perm fs.FileMode) error { return f.Chmod(perm) }
