package project

import (
	"os"

	"golang.org/x/sys/unix"
)

// Types of file systems that WSL mounts the disks of Windows as (statfs(2)): WSL 2 has 9p or virtiofs, WSL 1 its own.
const (
	wslFS    = 0x53464846
	virtioFS = 0x6a656a63
)

// mountedFromWindows looks at the mounts only where the type of the file system may be one of those.
func mountedFromWindows(dir string) string {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return ""
	}
	switch uint32(st.Type) {
	case unix.V9FS_MAGIC, wslFS, virtioFS:
	default:
		return ""
	}
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	return fromWindows(string(b), dir)
}
