package notify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sendTimeout bounds one message: a manager that does not read must not stop the daemon.
const sendTimeout = time.Second

// Outer talks to the manager that runs this process: systemd, or another that sets $NOTIFY_SOCKET. The zero value has no manager and
// all its methods do nothing and return nil. An Outer is a value, safe for concurrent use. Every method sends one datagram and
// waits at most one second for room in the receiver's queue (os.ErrDeadlineExceeded); a failure is worth a debug line and no more.
//
// The sending is not go-systemd's SdNotify: that reads the process environment on each call and waits without limit.
type Outer struct {
	address  string
	watchdog time.Duration
}

// FromEnv returns the manager that environ ("KEY=value", as os.Environ) speaks of, or none on a system without Unix sockets. Nothing is opened, and environ is not changed;
// what is handed to the workload goes through [Strip].
func FromEnv(environ []string) Outer {
	return fromEnv(environ, os.Getpid())
}

func fromEnv(environ []string, pid int) Outer {
	if !haveSockets {
		return Outer{}
	}
	return Outer{address: lookup(environ, "NOTIFY_SOCKET"), watchdog: watchdogInterval(environ, pid)}
}

// watchdogInterval follows sd_watchdog_enabled(3): WATCHDOG_PID, where given, must be this process.
func watchdogInterval(environ []string, pid int) time.Duration {
	if p := lookup(environ, "WATCHDOG_PID"); p != "" && p != strconv.Itoa(pid) {
		return 0
	}
	var m Message
	m.setUsec(&m.NewWatchdog, "WATCHDOG_USEC", lookup(environ, "WATCHDOG_USEC"))
	if m.NewWatchdog == nil {
		return 0
	}
	return *m.NewWatchdog
}

func lookup(environ []string, key string) string {
	for _, kv := range slices.Backward(environ) { // the last one counts, as in os/exec
		if k, v, ok := strings.Cut(kv, "="); ok && k == key {
			return v
		}
	}
	return ""
}

// Strip returns env without the variables that a manager addresses to this process alone: those of sd_notify(3),
// sd_watchdog_enabled(3), sd_listen_fds(3) and the descriptor store. A workload that inherited them would speak in the daemon's name. env is not changed.
func Strip(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		key, _, _ := strings.Cut(kv, "=")
		switch key {
		case "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "FDSTORE",
			"LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES":
			return true
		}
		return false
	})
}

// Enabled reports whether there is a manager to talk to.
func (o Outer) Enabled() bool { return o.address != "" }

// WatchdogInterval is the time after which the manager kills this process if [Outer.Watchdog] was not called; call it twice as often. 0: no watchdog.
func (o Outer) WatchdogInterval() time.Duration { return o.watchdog }

// Ready says that the daemon has started, or has finished a reload. status is shown by the manager's own tools; "" leaves it as it was.
func (o Outer) Ready(status string) error {
	if status == "" {
		return o.send("READY=1")
	}
	return o.send("READY=1\nSTATUS=" + cleanLine(status, maxStatus))
}

// Reloading says that a reload began; Ready ends it. On Linux it carries the time stamp that Type=notify-reload asks for
// (systemd.service(5)).
func (o Outer) Reloading() error { return o.send("RELOADING=1\n" + monotonicUsec()) }

// Stopping says that the daemon began to stop.
func (o Outer) Stopping() error { return o.send("STOPPING=1") }

// Status sets the line that the manager's own tools show.
func (o Outer) Status(text string) error { return o.send("STATUS=" + cleanLine(text, maxStatus)) }

// Watchdog says that the daemon is alive.
func (o Outer) Watchdog() error { return o.send("WATCHDOG=1") }

// ExtendTimeout asks the manager to wait d longer, from now, for the start, reload or stop that is under way.
func (o Outer) ExtendTimeout(d time.Duration) error {
	return o.send("EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(max(d, 0).Microseconds(), 10))
}

// send connects for each message: it is seldom, and a manager that was restarted is found again.
func (o Outer) send(text string) error {
	if o.address == "" {
		return nil
	}
	if err := o.trySend(text, sendTimeout); err != nil {
		return fmt.Errorf("notify the manager at %q: %w", o.address, err)
	}
	return nil
}

func (o Outer) trySend(text string, timeout time.Duration) error {
	if o.address[0] != '/' && o.address[0] != '@' { // "vsock:…", for virtual machines, and what has no meaning
		return errors.ErrUnsupported
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unixgram", o.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(text))
	return err
}
