package proc

// Descendants returns the live descendants of pid, parents before children; pid itself is not among them. Errors: as Inspect.
//
// It is a snapshot: a process forked meanwhile is missing, and so may be a sibling of one that ended meanwhile
// (proc_tid_children(5)). Who must have them all asks again until there are none. A process whose parent died is a
// descendant only if it went to a subreaper among them. Signal what is found through Open with its Identity.
//
// On Windows it is errors.ErrUnsupported, for good: the parent's PID recorded there is never updated and may have been given
// to a stranger since, so that walking it leads to strangers. Use a job object.
func Descendants(pid int) ([]Info, error) { return descendants(pid) }

// InGroup returns the live members of the process group pgid. On Windows and where there is no list of processes it is
// errors.ErrUnsupported. Processes that are hidden from this user are missing.
func InGroup(pgid int) ([]Info, error) {
	if pgid <= 0 {
		return nil, nil
	}
	all, err := list()
	if err != nil {
		return nil, err
	}
	var out []Info
	for _, info := range all {
		if info.PGID == pgid && !info.Zombie {
			out = append(out, info)
		}
	}
	return out, nil
}

// WithEnv returns the live processes whose environment, as it was when they were executed, holds all of the KEY=value
// strings kv; none for no kv. Processes whose environment this user may not read are missing. The caller itself may be among
// them. Anybody can put anything into the environment of his own processes: look at UID. Linux only, else errors.ErrUnsupported.
func WithEnv(kv ...string) ([]Info, error) {
	if len(kv) == 0 {
		return nil, nil
	}
	return withEnv(kv)
}

// Exiting returns the processes that are on their way out: their memory is gone, and with it the environment that WithEnv looks for, while they may still hold files and
// locks. One whose first thread has ended and whose others run on is among them. Linux only, else errors.ErrUnsupported.
func Exiting() ([]Info, error) { return exiting() }

// SetSubreaper makes orphaned descendants of this process its children, whom it must wait for (PR_SET_CHILD_SUBREAPER,
// prctl(2)). Linux only, else errors.ErrUnsupported.
func SetSubreaper() error { return setSubreaper() }

// LockHolder returns the PID that the kernel names for a lock taken with flock(2) on path. It is a hint and identifies
// nobody: it is the PID at the time of locking, and the lock may since belong to a child of that process. ok is false where
// the kernel does not say: not on Linux, no such lock, a holder in another PID namespace, or a file system that numbers its
// files otherwise in stat(2) than in /proc/locks (btrfs, some overlays).
func LockHolder(path string) (pid int, ok bool) { return lockHolder(path) }

// HasOpen reports whether process pid has the file at path open, as far as this process may see that: what is its user's, or all for root (proc(5), /proc/pid/fd). On Linux, else false.
func HasOpen(pid int, path string) bool { return hasOpen(pid, path) }

// below returns the live descendants of root among all, parents before children.
func below(all []Info, root int) []Info {
	children := make(map[int][]Info)
	for _, info := range all {
		if info.PID != root && !info.Zombie {
			children[info.PPID] = append(children[info.PPID], info)
		}
	}
	var out []Info
	for next := []int{root}; len(next) > 0; next = next[1:] {
		found := children[next[0]]
		delete(children, next[0]) // each once, whatever the list says
		for _, info := range found {
			out = append(out, info)
			next = append(next, info.PID)
		}
	}
	return out
}
