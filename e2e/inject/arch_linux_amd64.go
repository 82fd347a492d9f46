package inject

import "golang.org/x/sys/unix"

// What the two architectures name differently.
const (
	auditArch = unix.AUDIT_ARCH_X86_64
	sysStatAt = unix.SYS_NEWFSTATAT
	sysRename = unix.SYS_RENAMEAT
)
