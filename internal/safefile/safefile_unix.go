//go:build unix

package safefile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// Flags are what Open adds to the caller's flags, for those who have to open a file themselves.
//
// O_NONBLOCK: opening a FIFO returns instead of waiting for its other end (open(2)); it has no effect on a regular file.
const Flags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_CLOEXEC

func links(_ string, fi fs.FileInfo) uint64 {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink)
	}
	return 1
}

// number is what tells the file of fi from every other.
func number(fi fs.FileInfo) (device, inode uint64) {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Dev), uint64(st.Ino) //nolint:unconvert // Dev is signed on darwin
	}
	return 0, 0
}

func chmod(f *os.File, perm fs.FileMode) error { return f.Chmod(perm) }

func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
