//go:build unix

package pidfile

import (
	"errors"
	"io/fs"
	"syscall"
)

// ownerOf is the user ID that owns the file of fi, or -1.
func ownerOf(fi fs.FileInfo) int {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}

// isLoop reports whether open(2) refused a symbolic link: ELOOP, EMLINK on FreeBSD.
func isLoop(err error) bool {
	return errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EMLINK)
}

func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }
