//go:build linux && (amd64 || arm64)

package inject

import "golang.org/x/sys/unix"

// call is one system call that is held, and where its arguments say of what.
type call struct {
	nr   uint32
	name string
	of   operand
	at   int // which argument the operand begins with
}

// operand says how the target of a call is found.
type operand int

const (
	ofNothing operand = iota
	ofFile            // a descriptor
	ofPath            // a directory's descriptor and a path
	ofProgram         // a path to execute
	ofSignal          // a signal's number
)

// calls are all that are held. clone is held only where it makes a process.
func calls() []call {
	return []call{
		{unix.SYS_OPENAT, "open", ofPath, 0},
		{sysStatAt, "stat", ofPath, 0},
		{unix.SYS_MKDIRAT, "mkdir", ofPath, 0},
		{unix.SYS_UNLINKAT, "unlink", ofPath, 0},
		{unix.SYS_FCHMODAT, "chmod", ofPath, 0},
		{unix.SYS_FCHOWNAT, "chown", ofPath, 0},
		{sysRename, "rename", ofPath, 2},
		{unix.SYS_RENAMEAT2, "rename", ofPath, 2},
		{unix.SYS_LINKAT, "link", ofPath, 2},
		{unix.SYS_READ, "read", ofFile, 0},
		{unix.SYS_PREAD64, "read", ofFile, 0},
		{unix.SYS_GETDENTS64, "list", ofFile, 0},
		{unix.SYS_WRITE, "write", ofFile, 0},
		{unix.SYS_PWRITE64, "write", ofFile, 0},
		{unix.SYS_FTRUNCATE, "truncate", ofFile, 0},
		{unix.SYS_FSYNC, "sync", ofFile, 0},
		{unix.SYS_FCHMOD, "chmod", ofFile, 0},
		{unix.SYS_FCHOWN, "chown", ofFile, 0},
		{unix.SYS_FLOCK, "lock", ofFile, 0},
		{unix.SYS_PIPE2, "pipe", ofNothing, 0},
		{unix.SYS_CLONE, "fork", ofNothing, 0},
		{unix.SYS_EXECVE, "exec", ofProgram, 0},
		{unix.SYS_PIDFD_OPEN, "pidfd", ofNothing, 0},
		{unix.SYS_PIDFD_SEND_SIGNAL, "signal", ofSignal, 1},
		{unix.SYS_KILL, "signal", ofSignal, 1},
		{unix.SYS_EXIT_GROUP, "exit", ofNothing, 0},
	}
}

// filter is the program that has the kernel hold calls (seccomp(2), struct seccomp_data: nr, arch, ip, args). Another architecture's calls would be numbered
// differently: a process that makes one is killed, so that nothing goes by unseen.
func filter() []unix.SockFilter {
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		bits  = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		end   = unix.BPF_RET | unix.BPF_K
	)
	f := []unix.SockFilter{
		{Code: load, K: 4},
		{Code: equal, K: auditArch, Jt: 1},
		{Code: end, K: unix.SECCOMP_RET_KILL_PROCESS},
		{Code: load, K: 0},
	}
	for _, c := range calls() {
		if c.nr == unix.SYS_CLONE {
			f = append(f, unix.SockFilter{Code: equal, K: c.nr, Jf: 4},
				unix.SockFilter{Code: load, K: 16}, unix.SockFilter{Code: bits, K: unix.CLONE_THREAD, Jt: 1},
				unix.SockFilter{Code: end, K: unix.SECCOMP_RET_USER_NOTIF}, unix.SockFilter{Code: end, K: unix.SECCOMP_RET_ALLOW})
			continue
		}
		f = append(f, unix.SockFilter{Code: equal, K: c.nr, Jf: 1}, unix.SockFilter{Code: end, K: unix.SECCOMP_RET_USER_NOTIF})
	}
	return append(f, unix.SockFilter{Code: end, K: unix.SECCOMP_RET_ALLOW})
}
