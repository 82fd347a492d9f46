package doctor

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// diskTypes are the names of what statfs(2) numbers, as far as anything follows from them; drvfs is the 9p of WSL.
var diskTypes = map[uint32]struct {
	name            string
	network, memory bool
}{
	unix.NFS_SUPER_MAGIC:  {"nfs", true, false},
	unix.SMB_SUPER_MAGIC:  {"smb", true, false},
	unix.SMB2_SUPER_MAGIC: {"smb2", true, false},
	unix.CIFS_SUPER_MAGIC: {"cifs", true, false},
	unix.AFS_SUPER_MAGIC:  {"afs", true, false},
	unix.CODA_SUPER_MAGIC: {"coda", true, false},
	0x00c36400:            {"ceph", true, false}, // <linux/magic.h>, CEPH_SUPER_MAGIC of fs/ceph
	unix.V9FS_MAGIC:       {"9p", true, false},
	unix.FUSE_SUPER_MAGIC: {"fuse", true, false},
	unix.TMPFS_MAGIC:      {"tmpfs", false, true},
	unix.RAMFS_MAGIC:      {"ramfs", false, true},
}

// DiskOf looks at the file system that path is on (statfs(2)).
func DiskOf(path string) Disk {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil {
		return Disk{}
	}
	d := Disk{Known: true, ReadOnly: st.Flags&unix.ST_RDONLY != 0, Free: st.Bavail * uint64(st.Bsize)}
	t, ok := diskTypes[uint32(st.Type)]
	d.Type, d.Network, d.Memory = t.name, t.network, t.memory
	if !ok {
		d.Type = fmt.Sprintf("%#x", uint32(st.Type))
	}
	return d
}
