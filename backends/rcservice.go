package backends

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/joshuaaferguson/apexd/internal/openrc"
	"github.com/joshuaaferguson/apexd/service"
)

// rcService is what OpenRC says of one service.
type rcService openrc.Service

// merge adds to st, which record and lock tell, what OpenRC knows of the same daemon. Who runs and as which process is decided by the lock; OpenRC's word says what comes
// next.
//
//	lock held  rc-service                   state
//	no         starting                     starting
//	no         stopping                     stopping
//	no         started, child gone          restarting: the supervisor waits for the next try
//	no         started, child alive         restarting after a failure; else its end was final, and another process stays in its place
//	no         started, never               as the record says: there will be no other try
//	no         crashed, unsupervised        failed: the supervisor is gone, and so is the daemon
//	no         stopped, failed              as the record says; it gave up where there were restarts
//	no         stopped, inactive            as the record says: stopped, or failed
//	yes        stopping                     stopping
//	yes        crashed, unsupervised        as the record says, and nobody would start it again
//	yes        any other                    as the record says
func (k rcService) merge(st *service.Status, r service.Registration) {
	enabled, native := len(k.Levels) > 0, k.Word
	if k.Failed {
		native += ", failed"
	}
	st.Registered, st.Enabled, st.Native = true, &enabled, &native
	outside := st.Running && st.PID != nil && *st.PID != k.Child
	if !outside {
		registeredAs(st, r)
		st.Restarts = max(st.Restarts, k.Respawns)
	}
	st.Wanted = st.Running || k.live() || enabled || st.State == service.StateFailed
	switch {
	case outside && st.Backend == string(service.KindDirect):
		st.Warnings = append(st.Warnings, fmt.Sprintf("it is registered as %s and runs outside of it", r.Service))
	case outside && k.Child != 0:
		st.Warnings = append(st.Warnings, fmt.Sprintf("OpenRC says that the process of %s is %d", r.Service, k.Child))
	case st.Running:
		k.mergeRunning(st, r)
	default:
		k.mergeGone(st)
	}
}

// live reports whether OpenRC will have it running without being asked again.
func (k rcService) live() bool { return k.Word == openrc.Starting || k.Word == openrc.Started }

func (k rcService) mergeRunning(st *service.Status, r service.Registration) {
	switch k.Word {
	case openrc.Stopping:
		st.State = service.StateStopping
	case openrc.Crashed, openrc.Unsupervised, openrc.Stopped:
		if k.Supervisor != 0 {
			return
		}
		st.Warnings = append(st.Warnings, "the supervisor of "+r.Service+` is gone, and nobody would start the daemon again: "apexd restart" mends that`)
	}
}

func (k rcService) mergeGone(st *service.Status) {
	why := ""
	switch {
	case k.Word == openrc.Starting:
		st.State = service.StateStarting
	case k.Word == openrc.Stopping:
		st.State = service.StateStopping
	case k.Word == openrc.Started && !k.Never && (!k.ChildAlive || st.State == service.StateFailed):
		st.State = service.StateRestarting
	case k.Word == openrc.Crashed, k.Word == openrc.Unsupervised:
		st.State, why = service.StateFailed, "the supervisor is gone, and so is the daemon"
	case k.Word == openrc.Stopped && k.Failed && st.State == service.StateFailed && st.Restarts > 0:
		why = fmt.Sprintf("gave up after %d restarts", st.Restarts)
	}
	if why == "" {
		return
	}
	if st.StatusText != nil { // the daemon had words of its own
		why += "; " + *st.StatusText
	}
	st.StatusText = &why
}

// consistent reports whether OpenRC's word and the lock can both be true for longer than an instant.
func (k rcService) consistent(running bool) bool {
	switch {
	case k.Word == openrc.Started && k.ChildAlive:
		return running
	case k.Word == openrc.Stopped:
		return !running
	}
	return true
}

// leaving reports whether, at now, the supervisor may not have said its last word about the failure of st: when it gives up it takes its PID file away, then calls the service stopped, and
// then failed (src/supervise-daemon/supervise-daemon.c, supervisor()).
func (k rcService) leaving(st *service.Status, now time.Time) bool {
	if st.Running || st.State != service.StateFailed || st.Since == nil || now.Sub(*st.Since).Abs() > time.Second {
		return false
	}
	switch k.Word {
	case openrc.Crashed, openrc.Unsupervised:
		return true
	case openrc.Stopped:
		return !k.Failed && st.Restarts > 0
	}
	return false
}

// missing reports whether the service has no script.
func (o *OpenRC) missing() bool {
	_, err := os.Lstat(o.Definition())
	return errors.Is(err, fs.ErrNotExist)
}
