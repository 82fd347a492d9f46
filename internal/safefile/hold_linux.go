package safefile

import (
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// holdDir opens a directory that may be searched, also where it may not be read (open(2)).
const holdDir = unix.O_PATH

// lasting goes through /proc/self/fd, whose entries are the open directories themselves (proc_pid_fd(5)).
func (p parent) lasting(base string) string {
	return filepath.Join("/proc/self/fd", strconv.Itoa(p.fd), base)
}
