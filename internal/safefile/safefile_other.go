//go:build !unix

package safefile

import (
	"io/fs"
	"os"
)

// Flags are what Open adds to the caller's flags.
const Flags = 0

// MkdirAll is os.MkdirAll.
func MkdirAll(path string, perm fs.FileMode) error { return os.MkdirAll(path, perm) }

// KeepsOwner reports whether a file at path that Replace has replaced is still its owner's. fi is the present one's.
func KeepsOwner(string, fs.FileInfo) bool { return true }

// Ours reports whether nobody else can put something else in the place of dir. Who may do that here is in access control lists, which are not read.
func Ours(string) bool { return true }

func isLink(path string) bool {
	fi, err := os.Lstat(path)
	return err == nil && fi.Mode()&fs.ModeSymlink != 0
}

func chmod(*os.File, fs.FileMode) error { return nil }
