package inject

import "golang.org/x/sys/unix"

// What the two architectures name differently.
const (
	auditArch = unix.AUDIT_ARCH_AARCH64
	sysStatAt = unix.SYS_FSTATAT
	sysRename = unix.SYS_RENAMEAT
)
