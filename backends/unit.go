package backends

import (
	"fmt"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/systemd"
	"github.com/joshuaaferguson/apexd/service"
)

// unit is what systemd says of one service.
type unit systemd.Unit

// sockets are those of triggers that were made for the service called name: another's are somebody's own.
func (u unit) sockets(name string) []string {
	prefix := strings.TrimSuffix(name, ".service") + "-"
	var out []string
	for _, t := range u.TriggeredBy {
		if strings.HasPrefix(t, prefix) && strings.HasSuffix(t, ".socket") {
			out = append(out, t)
		}
	}
	return out
}

// native is the manager's own words, as `systemctl status` has them.
func (u unit) native() string {
	s := u.ActiveState
	if u.SubState != "" {
		s += " (" + u.SubState + ")"
	}
	switch {
	case u.LoadState != "" && u.LoadState != "loaded":
		s += ", " + u.LoadState
	case u.ActiveState == "failed" && u.Result != "" && u.Result != "success":
		s += ", " + u.Result
	}
	return s
}

// registered reports whether there is a unit file that could start it. A mask is somebody's order not to: the registration is still there.
func (u unit) registered() bool { return u.LoadState != "not-found" && u.LoadState != "" }

// enabled reports whether it starts at boot or log-in; nil where the question has no answer.
func (u unit) enabled() *bool {
	var yes bool
	switch u.UnitFileState {
	case "enabled", "enabled-runtime", "linked", "linked-runtime", "alias":
		yes = strings.HasPrefix(u.UnitFileState, "enabled")
	case "disabled", "masked", "masked-runtime":
	default: // static, indirect, generated, transient: not ours to switch
		return nil
	}
	return &yes
}

// live reports whether the manager will have it running without being asked again.
func (u unit) live() bool {
	switch u.ActiveState {
	case "active", "reloading", "refreshing", "activating":
		return true
	}
	return false
}

// merge adds to s, which record and lock tell, what systemd knows of the same daemon. Who runs and as which process is decided by the lock; the manager's word
// says what comes next.
//
//	lock held  unit                        state
//	no         activating (auto-restart)   restarting
//	no         activating                  starting
//	no         deactivating                stopping
//	no         failed                      failed, with its result
//	no         active                      unknown: it runs something that is not this daemon
//	no         inactive                    as the record says: stopped, or failed
//	yes        deactivating                stopping
//	yes        reloading                   reloading
//	yes        any other                   as the record says
func (u unit) merge(s *service.Status, r service.Registration) {
	s.Registered, s.Enabled = u.registered(), u.enabled()
	if word := u.native(); word != "" {
		s.Native = &word
	}
	outside := s.Running && s.PID != nil && *s.PID != u.MainPID
	if !outside {
		registeredAs(s, r)
		s.Restarts = max(s.Restarts, u.Restarts)
	}
	s.Wanted = s.Running || u.live() || u.ActiveState == "failed" || s.Enabled != nil && *s.Enabled
	switch {
	case outside && s.Backend == string(service.KindDirect):
		s.Warnings = append(s.Warnings, fmt.Sprintf("it is registered as %s and runs outside of it", r.Service))
	case outside:
		s.Warnings = append(s.Warnings, fmt.Sprintf("systemd says that the main process of %s is %d", r.Service, u.MainPID))
	case s.Running:
		u.mergeRunning(s)
	default:
		u.mergeGone(s)
	}
	switch {
	case u.LoadState == "masked":
		s.Warnings = append(s.Warnings, r.Service+" is masked: it cannot be started until somebody unmasks it")
	case u.LoadState == "bad-setting" || u.LoadState == "error":
		s.Warnings = append(s.Warnings, r.Service+" cannot be loaded ("+u.LoadState+`): "apexd install" writes it anew`)
	case systemd.Unit(u).Stale():
		s.Warnings = append(s.Warnings, "the unit or a drop-in was changed: systemd does not know before a daemon-reload")
	}
}

// gaveUp reports whether the manager has restarted it until its start limit. It says so in the journal only, and keeps the Result of the last end.
func (u unit) gaveUp() bool {
	return u.ActiveState == "failed" && u.Restarts > 0 && u.Restart != "" && u.Restart != "no" && !noRestart[u.ExitStatus]
}

// noRestart are the exit statuses after which a unit of ours is not restarted (RestartPreventExitStatus=, docs/design.md).
var noRestart = map[int]bool{78: true, 79: true}

func (u unit) mergeRunning(s *service.Status) {
	switch {
	case u.ActiveState == "deactivating":
		s.State = service.StateStopping
	case u.ActiveState == "reloading" || u.ActiveState == "refreshing":
		s.State = service.StateReloading
	}
}

func (u unit) mergeGone(s *service.Status) {
	switch u.ActiveState {
	case "activating":
		s.State = service.StateStarting
		if strings.HasPrefix(u.SubState, "auto-restart") {
			s.State = service.StateRestarting
		}
	case "deactivating":
		s.State = service.StateStopping
	case "failed":
		s.State = service.StateFailed
		why := u.why()
		if s.StatusText != nil { // the daemon had words of its own
			why = *s.StatusText
		}
		if u.gaveUp() {
			s.Restarts = u.Restarts - 1 // the last one was counted, and then refused
			why = fmt.Sprintf("gave up after %d restarts; %s", s.Restarts, why)
		}
		s.StatusText = &why
	case "active", "reloading", "refreshing":
		s.State = service.StateUnknown
		why := fmt.Sprintf("systemd says %s, but its process %d does not hold the daemon's lock", u.native(), u.MainPID)
		s.StatusText = &why
		s.Warnings = append(s.Warnings, why)
	}
}

// why says in words how the service ended (systemd.exec(5), "$SERVICE_RESULT").
func (u unit) why() string {
	switch u.Result {
	case "exit-code":
		return fmt.Sprintf("the daemon exited with status %d", u.ExitStatus)
	case "signal", "core-dump":
		return fmt.Sprintf("the daemon was ended by signal %d", u.ExitStatus)
	case "timeout":
		return "it did not start or stop in time"
	case "watchdog":
		return "the daemon's watchdog expired"
	case "start-limit-hit":
		return "it was started too often"
	case "oom-kill":
		return "the system ran out of memory and ended it"
	case "exec-condition", "condition":
		return "a condition of its unit is not met"
	case "protocol":
		return "it ended without saying that it was ready"
	case "resources":
		return "systemd had not the resources to start it"
	case "", "success":
		return "systemd says failed"
	}
	return "systemd says " + u.Result
}
