package backends

import (
	"errors"
	"fmt"
	"time"

	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/service"
)

// job is what launchd says of one daemon.
type job struct {
	launchd.Job
	loaded   bool  // launchd has it; else Job is zero
	disabled *bool // nil where launchd did not say
}

// native is the manager's own words.
func (j job) native() string {
	if !j.loaded {
		return "not loaded"
	}
	return j.Native()
}

// live reports whether launchd will have it running without being asked again.
func (j job) live() bool {
	return j.loaded && (j.PID != 0 || j.State == launchd.StateRunning || j.State == launchd.StateScheduled)
}

// ended reports whether the process that it was loaded with, or had when it had been spawned runs times, has ended.
func (j job) ended(runs int) bool {
	return !j.loaded || j.Runs > runs || j.PID == 0 && j.Runs == runs && j.State != launchd.StateRunning
}

// youth is how long a process that launchd has spawned may take until it holds the lock.
const youth = 5 * time.Second

// merge adds to s, which record and lock tell, what launchd knows of the same daemon. Who runs and as which process is decided by the lock; launchd's word says what comes next.
//
//	lock held  job                    state
//	no         SIGTERMed, SIGKILLed   stopping
//	no         spawn scheduled        restarting; starting, when it has never run
//	no         a process, young       starting
//	no         a process              unknown: it runs something that is not this daemon
//	no         not running            as the record says: stopped, or failed; failed too, when its end was a failure of which no record is left
//	no         not loaded             as the record says
//	yes        SIGTERMed, SIGKILLed   stopping
//	yes        any other              as the record says
func (j job) merge(s *service.Status, r service.Registration, age func(pid int) (time.Duration, bool)) {
	native := j.native()
	s.Registered, s.Native = true, &native
	if j.disabled != nil {
		enabled := !*j.disabled
		s.Enabled = &enabled
	}
	outside := s.Running && s.PID != nil && *s.PID != j.PID
	if !outside {
		registeredAs(s, r)
		s.Restarts = max(s.Restarts, j.Runs-1)
	}
	s.Wanted = s.Running || j.live() || s.State == service.StateFailed || s.Enabled != nil && *s.Enabled
	switch {
	case outside && s.Backend == string(service.KindDirect):
		s.Warnings = append(s.Warnings, fmt.Sprintf("it is registered as %s and runs outside of it", r.Service))
	case outside:
		s.Warnings = append(s.Warnings, fmt.Sprintf("launchd says that the process of %s is %d", r.Service, j.PID))
	case j.Ending():
		s.State = service.StateStopping
	case !s.Running:
		j.mergeGone(s, age)
	}
	if j.Pended != "" && j.PID == 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("launchd puts its start off (%s), as it does to save energy, or in a session without a screen: apexd start does not wait for that", j.Pended))
	}
}

func (j job) mergeGone(s *service.Status, age func(pid int) (time.Duration, bool)) {
	since, alive := age(j.PID)
	switch {
	case j.State == launchd.StateScheduled && j.Exited:
		s.State = service.StateRestarting
	case j.State == launchd.StateScheduled:
		s.State = service.StateStarting
	case j.PID == 0 && j.loaded && s.State == service.StateStopped && (j.ExitCode != 0 || j.Signal != ""):
		why := j.why()
		s.State, s.StatusText, s.Wanted = service.StateFailed, &why, true
	case j.PID == 0 || !alive: // between the end of a process and launchd's notice of it
	case since < youth:
		s.State = service.StateStarting
	default:
		why := fmt.Sprintf("launchd says %s, but its process %d does not hold the daemon's lock", j.native(), j.PID)
		s.State, s.StatusText = service.StateUnknown, &why
		s.Warnings = append(s.Warnings, why)
	}
}

// why says in words how the process ended.
func (j job) why() string {
	switch {
	case j.Signal != "":
		return "the daemon was ended by a signal (" + j.Signal + ")"
	case j.ExitCode == exConfig:
		return launchd.Words(j.ExitCode)
	}
	return fmt.Sprintf("the daemon exited with status %d", j.ExitCode)
}

// exConfig is what launchd says of a program that it could not execute (sysexits.h, EX_CONFIG). apexd itself never ends with it there.
const exConfig = 78

// ageOf is how long there has been a process with this PID; false where there is none, or one that has ended and that its parent has not asked for.
func ageOf(pid int) (time.Duration, bool) {
	if pid == 0 {
		return 0, false
	}
	info, err := proc.Inspect(pid)
	return info.Age, !errors.Is(err, proc.ErrNotFound) && !info.Zombie
}
