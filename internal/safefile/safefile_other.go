//go:build !unix

package safefile

import (
	"io/fs"
	"os"
)

// Flags are what Open adds to the caller's flags.
const Flags = 0

// open refuses links by looking first: there is no O_NOFOLLOW here.
func open(path string, flag int, perm fs.FileMode) (*os.File, error) {
	if isLink(path) {
		return nil, refuse(path, "is a symbolic link")
	}
	return openShared(path, flag, perm)
}

// openOwn is open: a file takes its access rights from its directory.
func openOwn(path string, flag int, perm fs.FileMode) (*os.File, error) {
	return open(path, flag, perm)
}

// MkdirAll is os.MkdirAll.
func MkdirAll(path string, perm fs.FileMode) error { return os.MkdirAll(path, perm) }

// KeepsOwner reports whether a file at path that Replace has replaced is still its owner's. fi is the present one's.
func KeepsOwner(string, fs.FileInfo) bool { return true }

func isLink(path string) bool {
	fi, err := os.Lstat(path)
	return err == nil && fi.Mode()&fs.ModeSymlink != 0
}

func chmod(*os.File, fs.FileMode) error { return nil }
