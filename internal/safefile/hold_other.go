//go:build unix && !linux && !darwin && !freebsd

package safefile

import "golang.org/x/sys/unix"

// holdDir opens a directory that may be read.
const holdDir = unix.O_RDONLY
