//go:build darwin || freebsd

package doctor

import (
	"slices"

	"golang.org/x/sys/unix"
)

// DiskOf looks at the file system that path is on (statfs(2)). What is not MNT_LOCAL is another machine's.
func DiskOf(path string) Disk {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil {
		return Disk{}
	}
	name := unix.ByteSliceToString(st.Fstypename[:])
	return Disk{
		Type: name, Known: true, Free: uint64(max(int64(st.Bavail), 0)) * uint64(st.Bsize), ReadOnly: st.Flags&unix.MNT_RDONLY != 0, Network: st.Flags&unix.MNT_LOCAL == 0,
		Memory: slices.Contains([]string{"tmpfs", "mfs"}, name),
	}
}
