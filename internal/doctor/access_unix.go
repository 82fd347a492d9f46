//go:build linux || darwin || freebsd || openbsd

package doctor

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Writable reports why this process may not make files in dir, or nil; also nil where dir does not exist. It changes nothing (access(2), with the effective user).
func Writable(dir string) error {
	err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return &fs.PathError{Op: "write to", Path: dir, Err: err}
}
