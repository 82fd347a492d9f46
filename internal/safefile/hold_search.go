//go:build darwin || freebsd

package safefile

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// holdDir opens a directory that may be searched, also where it may not be read (POSIX, open(); FreeBSD 13, macOS 12).
const holdDir = unix.O_SEARCH

func (p parent) lasting(base string) string { return filepath.Join(p.path, base) }
