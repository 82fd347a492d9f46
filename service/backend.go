package service

import (
	"context"
	"time"
)

// Kind names a way of keeping a daemon alive.
type Kind string

// The kinds. Not each has a backend: a manager without one is known so that it is never taken for another.
const (
	KindDirect  Kind = "direct" // apexd itself, where no service manager is asked
	KindSystemd Kind = "systemd"
	KindLaunchd Kind = "launchd"
	KindWindows Kind = "windows" // the Service Control Manager
	KindOpenRC  Kind = "openrc"
	KindSysV    Kind = "sysv"
	KindRunit   Kind = "runit"
	KindS6      Kind = "s6"
	KindFreeBSD Kind = "freebsd" // rc(8)
	KindProcd   Kind = "procd"   // of OpenWrt, through /etc/rc.common
	KindRCS     Kind = "rcs"     // BusyBox's init, which runs /etc/init.d/rcS and no more
)

// Untested reports whether apexd was never run under k by its makers: what it does there follows from manuals, and everything that shows k says so.
func (k Kind) Untested() bool { return k == KindFreeBSD || k == KindProcd }

// HasPolicy reports whether the manager k carries out the restart policy (CONTRACT.md section 9), so that a daemon ends with its workload. Under the others the daemon
// does: System V has nobody who would, and runit and s6 know neither a limit nor a backoff.
func (k Kind) HasPolicy() bool {
	switch k {
	case KindSystemd, KindLaunchd, KindWindows, KindOpenRC:
		return true
	}
	return false
}

// Started is the answer to a successful start.
type Started struct {
	PID     int    `json:"pid"`               // of the daemon
	Address string `json:"address,omitempty"` // of the built-in API server
	Warning string `json:"warning,omitempty"` // what the caller should know all the same, "" mostly
}

// StopOptions says how to stop.
type StopOptions struct {
	Timeout time.Duration // after how long of the graceful stop the daemon is killed; 0 is its stopTimeout and 5 s. The workload itself has its stopTimeout, no more
	Force   bool          // kill at once
}

// Stopped is the answer to a successful stop.
type Stopped struct {
	PID            int           `json:"pid"`            // 0 when nothing was running
	Killed         bool          `json:"killed"`         // the daemon itself was killed
	WorkloadKilled *bool         `json:"workloadKilled"` // its workload, or a part of that, was killed, by the daemon or with it; nil: nobody can tell
	Took           time.Duration `json:"-"`
}

// Backend runs and observes one daemon by one mechanism. All methods are safe for concurrent use and return when ctx is done.
type Backend interface {
	// Kind says which mechanism this is.
	Kind() Kind
	// Start returns when the daemon is ready, or has failed and nothing of it is left.
	Start(ctx context.Context) (Started, error)
	// Stop returns when the daemon and everything it started are gone. Nothing running is no error.
	Stop(ctx context.Context, o StopOptions) (Stopped, error)
	// Status observes and changes nothing. An error means that it could not find out.
	Status(ctx context.Context) (Status, error)
	// Reload makes a running daemon re-read its configuration and reopen its log, and returns when it has.
	Reload(ctx context.Context) error
}
