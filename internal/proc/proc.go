// Package proc names processes so that a PID that was given to another process is noticed, and signals and waits through
// handles that cannot hit a stranger. A PID alone identifies nothing: it is always used together with an Identity, which
// the daemon writes into its record about itself. The package looks and signals; it starts nothing and decides nothing.
package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Identity tells one process from every other, together with its PID. The fields are what the kernel says, as text, compared
// for equality only. JSON: {"startTime":"109189","bootId":"6f0c…","pidNamespace":"4026531836"}.
//
// On Linux the start time depends on the time namespace of the reader (time_namespaces(7), kernel 5.5): a reader in one
// with another boot-time offset takes the process for a stranger. It has a resolution of 10 ms, so a PID that is reused
// within 10 ms of the first process's start is not noticed by Match; a Handle that was open notices it.
type Identity struct {
	// StartTime is, on Linux, field 22 of /proc/PID/stat, clock ticks since boot (proc_pid_stat(5)); on Windows the creation
	// FILETIME, 100 ns since 1601 (GetProcessTimes); on darwin p_starttime "seconds.microseconds" since 1970 (sysctl(3)
	// kern.proc.pid), which later clock steps leave alone; on FreeBSD ki_start less kern.boottime, "seconds.microseconds" since boot.
	StartTime string `json:"startTime"`
	// BootID is, on Linux, /proc/sys/kernel/random/boot_id; on darwin kern.bootsessionuuid; on FreeBSD kern.boot_id in hex
	// (13 and later). It is "" on Windows, where StartTime is absolute, and where the system does not say.
	BootID string `json:"bootId,omitempty"`
	// PIDNamespace is, on Linux, the inode number of /proc/self/ns/pid (pid_namespaces(7)); elsewhere "".
	PIDNamespace string `json:"pidNamespace,omitempty"`
}

// IsZero reports whether i says nothing, as in a record that another tool wrote.
func (i Identity) IsZero() bool { return i == Identity{} }

// Info is what the OS tells about one process at one moment.
type Info struct {
	PID, PPID, PGID, SID int // 0 where unknown; PGID and SID exist on Unix only

	UID       int // effective owner, -1 where unknown (Windows)
	Identity  Identity
	Started   time.Time     // the start by today's clock, UTC: now - Age where the OS counts from boot, else as recorded at the start
	Age       time.Duration // since the start, never negative; not affected by clock steps on Linux and FreeBSD
	Zombie    bool          // it has ended and its parent has not asked for its status
	Suspended bool          // by SIGSTOP or SIGTSTP (signal(7), "stopped"): it does nothing before a SIGCONT
	Name      string        // short name: the kernel's comm on Unix, the image's base name on Windows
}

// The answers about a process that are not "here it is". Errors of this package match one of them through errors.Is, or
// errors.ErrUnsupported, or else mean that it could not be found out.
var (
	// ErrNotFound: no such process. Zombies and thread ids are none.
	ErrNotFound = errors.New("no such process")
	// ErrOtherIdentity: the PID exists and belongs to another process now.
	ErrOtherIdentity = errors.New("the PID belongs to another process now")
	// ErrOtherBoot: the identity was recorded before the last boot, so its process is gone.
	ErrOtherBoot = errors.New("recorded before the last boot")
	// ErrOtherNamespace: the identity was recorded where PIDs mean something else (another container, another system), or /proc
	// here belongs to another PID namespace. It says nothing about whether that process lives.
	ErrOtherNamespace = errors.New("recorded in another PID namespace")
	// ErrHidden: the process exists and the OS does not show it to this user (hidepid, proc(5)). It is fs.ErrPermission too.
	ErrHidden = fmt.Errorf("process not visible to this user: %w", fs.ErrPermission)
)

// Self returns the calling process. Its Identity belongs into the record.
func Self() (Info, error) { return Inspect(os.Getpid()) }

// Inspect returns the process that has this PID now, a zombie included. Errors: ErrNotFound, ErrHidden, ErrOtherNamespace,
// errors.ErrUnsupported, or why the OS could not be asked. It costs about 20 µs on Linux and is safe for concurrent use.
func Inspect(pid int) (Info, error) {
	if pid <= 0 {
		return Info{}, failed(pid, ErrNotFound)
	}
	p, err := here()
	if err != nil {
		return Info{}, err
	}
	return inspect(p, pid)
}

// Match returns the process with this PID if it is the one that want was recorded of. Nil means that it was running when
// asked; to act on it, use Open. Errors: as Inspect, and ErrOtherIdentity, ErrOtherBoot, ErrOtherNamespace. A zombie and a PID
// below 1 are ErrNotFound; a zero identity is ErrOtherIdentity, as it identifies nobody.
func Match(pid int, want Identity) (Info, error) {
	if pid <= 0 {
		return Info{}, failed(pid, ErrNotFound)
	}
	p, err := here()
	if err != nil {
		return Info{}, err
	}
	return match(p, pid, want)
}

func match(p place, pid int, want Identity) (Info, error) {
	if err := p.check(want); err != nil {
		return Info{}, failed(pid, err)
	}
	info, err := inspect(p, pid)
	switch {
	case err != nil:
		return Info{}, err
	case info.Identity != want:
		return Info{}, failed(pid, ErrOtherIdentity)
	case info.Zombie:
		return Info{}, failed(pid, ErrNotFound)
	}
	return info, nil
}

// place is where a PID and a start time mean what they mean: one boot, one PID namespace.
type place struct{ boot, ns string }

// check reports why want cannot be one of the processes here, or nil. A field that only one side has comes from another
// kind of system, or from a sandbox that hides /proc/sys: that tells nothing.
func (p place) check(want Identity) error {
	switch {
	case want.IsZero():
		return ErrOtherIdentity
	case (want.BootID == "") != (p.boot == ""):
		return ErrOtherNamespace
	case want.BootID != p.boot:
		return ErrOtherBoot
	case want.PIDNamespace != p.ns:
		return ErrOtherNamespace
	}
	return nil
}

// identity is that of the process which started at start, here.
func (p place) identity(start string) Identity {
	return Identity{StartTime: start, BootID: p.boot, PIDNamespace: p.ns}
}

func failed(pid int, err error) error { return fmt.Errorf("process %d: %w", pid, err) }
