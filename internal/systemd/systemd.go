// Package systemd asks a running systemd, the system's or a user's: over its own socket, where neither a bus daemon nor the variables of a session are needed,
// over the bus, and through systemctl(1) where no socket can be reached. What the answers mean is for its users, backends and install.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// Conn is a connection to a manager. Its methods wait for the end of what they ask for and no longer than ctx, every question but a job at most 90 s. They are
// safe for concurrent use. Errors: ErrDenied, ErrNoUnit, or the transport's.
type Conn interface {
	// Facts are those of the manager itself.
	Facts(ctx context.Context) (Facts, error)
	// Unit is what the manager knows of a unit; one that it does not know has LoadState not-found.
	Unit(ctx context.Context, name string) (Unit, error)
	// Job queues "start", "stop", "restart" or "reload" and returns its result when it has run: "done", "failed", "canceled", "timeout", "dependency", "skipped".
	Job(ctx context.Context, verb, name string) (result string, err error)
	// Kill sends a signal to every process of the service.
	Kill(ctx context.Context, name string, sig syscall.Signal) error
	// ResetFailed forgets that the unit has failed, and how often it was started.
	ResetFailed(ctx context.Context, name string) error
	// Reload has all unit files read again.
	Reload(ctx context.Context) error
	// Enable makes the links that [Install] asks for, Disable removes every link to the unit.
	Enable(ctx context.Context, name string) error
	Disable(ctx context.Context, name string) error
	Close()
}

// ErrDenied is the reason when the manager does not let this user do it. It is fs.ErrPermission.
var ErrDenied = fmt.Errorf("systemd does not let this user do that: %w", fs.ErrPermission)

// ErrNoUnit is the reason when the manager has not loaded the unit.
var ErrNoUnit = errors.New("systemd has no such unit")

// askLimit bounds every question but a job. Reading thousands of units again takes a slow machine seconds.
const askLimit = 90 * time.Second

// Booted is where a systemd that is PID 1 can be seen: sd_booted(3). A binary in PATH, or a package, says nothing.
const Booted = "/run/systemd/system"

// IsBooted reports whether systemd is the init of this machine.
func IsBooted() bool {
	fi, err := os.Lstat(Booted)
	return err == nil && fi.IsDir()
}

// Connect connects to the manager of scope, for ScopeUser to that of the user uid. A connection outlives ctx, so that what was begun can be taken back; the
// caller closes it.
func Connect(ctx context.Context, scope service.Scope, uid int) (Conn, error) {
	c, err := dial(ctx, scope, uid)
	if err == nil {
		return c, nil
	}
	if c, e := connectCtl(scope, uid); e == nil {
		return c, nil
	}
	return nil, err
}

// Socket is where systemd, or a bus in front of it, listens.
type Socket struct {
	Path string
	Peer bool // systemd itself, at the other end: there is no bus to say hello to
}

// Sockets lists where self asks for the manager of scope, best first. systemd's own socket works without a bus daemon and is for the same user and root only (the
// system's for root).
func Sockets(scope service.Scope, uid, self int, getenv func(string) string) []Socket {
	if scope == service.ScopeSystem {
		bus := Socket{Path: "/run/dbus/system_bus_socket"}
		if self == 0 {
			return []Socket{{"/run/systemd/private", true}, bus}
		}
		return []Socket{bus}
	}
	if uid != self {
		getenv = func(string) string { return "" }
	}
	dir := RuntimeDir(getenv, uid)
	return []Socket{{dir + "/systemd/private", true}, {Path: dir + "/bus"}}
}

// RuntimeDir is the user's directory for sockets. A variable of another user (sudo -E, su) does not count.
func RuntimeDir(getenv func(string) string, uid int) string {
	dir := fmt.Sprintf("/run/user/%d", uid)
	if own := getenv("XDG_RUNTIME_DIR"); own != "" && (!strings.HasPrefix(own, "/run/user/") || own == dir) {
		return own
	}
	return dir
}
