package fswatch

import "golang.org/x/sys/unix"

const openFlags = unix.O_RDONLY
