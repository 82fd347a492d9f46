//go:build unix

package proc

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// inheritedMax is how many descriptors are looked at where /dev/fd does not list them (FreeBSD without fdescfs(5)).
const inheritedMax = 256

// CloseInherited closes every descriptor from 3 on that was open when this program was executed: whoever waits for the end of a pipe, or for a lock (flock(2)), waits for all who have
// it open. What Go itself opens closes on exec, by which the others are told apart (fcntl(2), FD_CLOEXEC). Call it before anything else opens a descriptor by other means.
func CloseInherited() {
	for _, fd := range openFiles() {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); fd > 2 && err == nil && flags&unix.FD_CLOEXEC == 0 {
			_ = unix.Close(fd)
		}
	}
}

// openFiles has every descriptor of this process, and perhaps others.
func openFiles() []int {
	var all []int
	dir, err := os.Open("/dev/fd")
	if err == nil {
		defer dir.Close()
		names, _ := dir.Readdirnames(-1)
		for _, name := range names {
			if fd, err := strconv.Atoi(name); err == nil {
				all = append(all, fd)
			}
		}
	}
	if len(all) > 3 { // it has its own
		return all
	}
	for fd := range inheritedMax {
		all = append(all, fd)
	}
	return all
}
