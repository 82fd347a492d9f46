package backends

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// What the backends of all managers share: who runs is told by lock and record, whoever was asked to start or stop it.

// look is what record and lock tell.
func (d *Direct) look() service.Status { return d.Ref.Look().Status(d.Ref, d.Spec.Name) }

// stopBound bounds a manager's stop: the daemon's own time, or the caller's where that is longer, and what the manager needs besides.
func (d *Direct) stopBound(timeout time.Duration) time.Duration {
	return min(max(timeout, d.Spec.StopTimeout), 1<<62) + 2*stopMargin // callers add their own to it
}

// stoppedBy finishes a stop that r's manager calls done: it clears what a killed daemon has left, and tells a daemon that runs outside of the service.
func (d *Direct) stoppedBy(ctx context.Context, r service.Registration) error {
	f := d.certain(ctx)
	if !f.Running {
		return d.clear(ctx, f)
	}
	return &service.Error{
		Op: "stop daemon", Code: service.CodeStopFailed, PID: f.PID, Err: fmt.Errorf("%s is stopped, and the daemon runs outside of it", r.Service),
		Hint: "stop it where it was started",
	}
}

// stopThrough stops the daemon by end, which has r's manager do it and reports whether the graceful request was not enough. It gets the PID of the daemon, and a context that ends when the
// manager takes longer than the daemon may and more.
func (d *Direct) stopThrough(ctx context.Context, r service.Registration, o service.StopOptions, more time.Duration, end func(ctx context.Context, pid int) (killed bool, err error)) (service.Stopped, error) {
	began := time.Now()
	f := d.certain(ctx)
	st := service.Stopped{PID: f.PID}
	d.rouse(f)
	ctx, cancel := context.WithTimeout(ctx, d.stopBound(o.Timeout)+more)
	defer cancel()
	var err error
	if st.Killed, err = end(ctx, st.PID); err != nil {
		return st, err
	}
	st.Took, st.WorkloadKilled = time.Since(began), d.workloadKilled(st, began)
	return st, d.stoppedBy(ctx, r)
}

// registeredAs says in st that r's manager has the daemon, or would start it.
func registeredAs(st *service.Status, r service.Registration) {
	scope := string(r.Scope)
	st.Backend, st.Scope, st.Service = string(r.Backend), &scope, &r.Service
}

// unasked is the status without the part of r's manager, which people call name and which could not be asked.
func (d *Direct) unasked(r service.Registration, name string, err error) service.Status {
	st := d.look()
	st.Registered = true // or nobody would have asked
	if !st.Running {
		registeredAs(&st, r)
	}
	st.Warnings = append(st.Warnings, "cannot ask "+name+" about "+r.Service+": "+err.Error())
	return st
}

// startedAs is the answer to a start, of a daemon that runs.
func startedAs(f pidfile.Finding) service.Started {
	a := service.Started{PID: f.PID}
	if f.Record != nil && f.Record.Workload != nil {
		a.Address = f.Record.Workload.Address
	}
	return a
}

// lastExit is how r's workload ended the last time, nil where it has not.
func lastExit(r *pidfile.Record) *service.Exit {
	if r == nil || r.Workload == nil || r.Workload.LastExit == nil {
		return nil
	}
	x := r.Workload.LastExit
	return &service.Exit{Code: x.Code, Signal: x.Signal, At: x.At.Time}
}

func alreadyRunning(f pidfile.Finding) error {
	e := &service.Error{Op: "start daemon", Code: service.CodeAlreadyRunning, PID: f.PID, Hint: `"apexd restart" replaces it`}
	if f.PID > 0 {
		e.Err = fmt.Errorf("it is already running as PID %d", f.PID) // the lock's own words
	}
	if f.Record != nil && f.Record.Backend == string(service.KindDirect) {
		e.Err = errors.New("it is already running, outside of its service")
		e.Hint = `"apexd stop" ends it; then "apexd start" starts the service`
	}
	return e
}
