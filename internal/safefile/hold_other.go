//go:build unix && !linux && !darwin && !freebsd

package safefile

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// holdDir opens a directory that may be read.
const holdDir = unix.O_RDONLY

func (p parent) lasting(base string) string { return filepath.Join(p.path, base) }
