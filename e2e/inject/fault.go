//go:build linux && (amd64 || arm64)

package inject

import "golang.org/x/sys/unix"

// Fault is what happens to a step.
type Fault struct {
	Name  string
	Errno unix.Errno // the step fails with it, and does nothing
	// Lasting: from this step on every step of the same role that can fail so does, as with a disk that is full.
	Lasting bool
	// Short: half of a write is done, and the next to the same target fails with ENOSPC.
	Short bool
	// Kill: SIGKILL instead of the step. After: SIGKILL when it has been done, before the process's next held call.
	Kill, After bool
}

// Faults are those that a step can have: the errors that its system call knows (open(2), write(2) …), and death.
func (s Step) Faults() []Fault {
	var all []Fault
	for _, e := range errnos(s.Call) {
		all = append(all, Fault{Name: unix.ErrnoName(e), Errno: e})
		if lasts(e) {
			all = append(all, Fault{Name: unix.ErrnoName(e) + " from here on", Errno: e, Lasting: true})
		}
	}
	if s.Call == "write" && s.Target != "pipe" {
		all = append(all, Fault{Name: "short write", Short: true})
	}
	all = append(all, Fault{Name: "SIGKILL before", Kill: true})
	if s.Call != "exit" {
		all = append(all, Fault{Name: "SIGKILL after", After: true})
	}
	return all
}

func lasts(e unix.Errno) bool { return e == unix.ENOSPC || e == unix.EROFS || e == unix.EMFILE }

// errnos are the errors of a call.
func errnos(call string) []unix.Errno {
	switch call {
	case "open":
		return []unix.Errno{unix.EACCES, unix.EMFILE, unix.EIO}
	case "create":
		return []unix.Errno{unix.EACCES, unix.EROFS, unix.ENOSPC, unix.EMFILE, unix.EIO}
	case "mkdir", "rename", "link":
		return []unix.Errno{unix.EACCES, unix.EROFS, unix.ENOSPC, unix.EIO}
	case "unlink", "chmod", "chown":
		return []unix.Errno{unix.EACCES, unix.EROFS, unix.EIO}
	case "write":
		return []unix.Errno{unix.ENOSPC, unix.EIO}
	case "stat":
		return []unix.Errno{unix.EACCES, unix.EIO}
	case "read", "list", "truncate", "sync":
		return []unix.Errno{unix.EIO}
	case "lock":
		return []unix.Errno{unix.ENOLCK, unix.EIO}
	case "pipe":
		return []unix.Errno{unix.EMFILE}
	case "fork":
		return []unix.Errno{unix.EAGAIN, unix.ENOMEM}
	case "exec":
		return []unix.Errno{unix.EACCES, unix.ENOMEM, unix.EIO}
	case "pidfd":
		return []unix.Errno{unix.EMFILE, unix.EPERM}
	}
	return nil // signal too: of one's own processes none is refused (kill(2))
}

// hits reports whether a lasting fault is also that of a step of this call.
func (f Fault) hits(call string) bool {
	for _, e := range errnos(call) {
		if e == f.Errno {
			return true
		}
	}
	return false
}
