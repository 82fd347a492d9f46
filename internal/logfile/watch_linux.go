package logfile

import "golang.org/x/sys/unix"

// watchParent: a directory that is deleted tells so only when its last file is closed (inotify(7), IN_DELETE_SELF), and the follower itself has one open.
const watchParent = true

// eventsMissing reports whether another machine, or another process, may write to dir without inotify noticing (inotify(7), "Limitations and caveats": network file
// systems; FUSE is one for this purpose).
func eventsMissing(dir string) bool {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return true
	}
	const cephMagic = 0x00c36400 // not in x/sys
	switch uint32(st.Type) {
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC, unix.V9FS_MAGIC,
		unix.AFS_SUPER_MAGIC, unix.CODA_SUPER_MAGIC, cephMagic:
		return true
	}
	return false
}
