package backends

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/internal/openrc"
	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// OpenRC runs the daemon as a service of OpenRC, supervised by supervise-daemon(8). Who runs is still decided by lock and record; what is to happen is asked of
// OpenRC. It is a value and safe for concurrent use.
type OpenRC struct {
	Direct       *Direct // the record, the lock, and what a crash left behind
	Registration service.Registration

	manager rc // nil: the machine's
}

var _ service.Backend = (*OpenRC)(nil)

// rc is what is asked of OpenRC; see openrc.Tree.
type rc interface {
	Look(name string) openrc.Service
	Service(ctx context.Context, name, verb string) error
	StopSupervisor(ctx context.Context, name string) error
}

// Kind implements service.Backend.
func (o *OpenRC) Kind() service.Kind { return service.KindOpenRC }

// Registered implements Managed.
func (o *OpenRC) Registered() service.Registration { return o.Registration }

// Definition implements Managed.
func (o *OpenRC) Definition() string { return openrc.System().Script(o.Registration.Service) }

func (o *OpenRC) rc() rc {
	if o.manager != nil {
		return o.manager
	}
	return openrc.System()
}

// known is what OpenRC knows of the service.
func (o *OpenRC) known() rcService { return rcService(o.rc().Look(o.Registration.Service)) }

// registeredOpenRC is OpenRC's view of d's daemon: by the record of one that runs, else by its script.
func registeredOpenRC(d *Direct, f pidfile.Finding) (Managed, bool) {
	if !openrc.IsBooted() {
		return nil, false
	}
	o := &OpenRC{Direct: d, Registration: service.NewRegistration(service.KindOpenRC, service.ScopeSystem, d.Ref.Project, d.Spec.Name)}
	if r := f.Record; f.Running && r != nil && r.Backend == string(service.KindOpenRC) {
		o.Registration.Service = r.Service
		return o, true
	}
	m, ok := sysv.ReadMark(o.Definition())
	return o, ok && m.Kind == string(service.KindOpenRC)
}

// Status implements service.Backend. It asks no process: what OpenRC knows stands in files.
func (o *OpenRC) Status(ctx context.Context) (service.Status, error) {
	began := time.Now()
	for i := 1; ; i++ {
		k := o.known()
		st := o.Direct.look()
		ran := st.Running
		k.merge(&st, o.Registration)
		switch {
		case !k.consistent(ran) && i < askAgain: // between the end of a process and its supervisor's notice of it lie milliseconds
		case k.leaving(&st, time.Now()) && time.Since(began) < agreeWait && pause(ctx) == nil:
		default:
			return st, nil
		}
	}
}

// Start implements service.Backend: it returns when OpenRC has started the service, which its script calls done when the workload is ready.
func (o *OpenRC) Start(ctx context.Context) (service.Started, error) {
	unlock, err := turn(ctx, o.Definition(), o.Direct.turnBound())
	if err != nil {
		return service.Started{}, startError(err)
	}
	defer unlock()
	if f := o.Direct.certain(ctx); f.Running {
		return service.Started{}, alreadyRunning(f)
	}
	if err := o.mayOperate("start daemon"); err != nil {
		return service.Started{}, err
	}
	if err := o.settle(ctx); err != nil {
		return service.Started{}, startError(err)
	}
	return o.begin(ctx)
}

// begin has OpenRC start the service. The command is not called off when ctx ends, since OpenRC would forget what it has begun: the daemon is stopped, and then it fails.
func (o *OpenRC) begin(ctx context.Context) (service.Started, error) {
	limit, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), o.Direct.bound()+startMargin+o.Direct.stopBound(0), errors.New("OpenRC did not answer in time"))
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- o.rc().Service(limit, o.Registration.Service, "start") }()
	select {
	case err := <-done:
		if f := o.Direct.certain(ctx); err == nil && f.Running {
			return startedAs(f), nil
		}
		return service.Started{}, o.notStarted(err)
	case <-ctx.Done():
	}
	stop, cancelStop := context.WithTimeout(limit, o.Direct.stopBound(0))
	defer cancelStop()
	err := errors.Join(fmt.Errorf("it was stopped again: %w", context.Cause(ctx)), o.stopStarting(stop, service.StopOptions{}))
	<-done
	if _, e := o.end(limit, o.Direct.Ref.Look(), service.StopOptions{}); e != nil { // it was ready before it could be stopped
		err = errors.Join(err, e)
	}
	return service.Started{}, &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Hint: `see "apexd logs"`, Err: err}
}

// stopStarting stops the daemon that OpenRC is starting, and returns when OpenRC is done with it: it lets nobody stop a service before. The script's start fails then.
func (o *OpenRC) stopStarting(ctx context.Context, opts service.StopOptions) error {
	for o.known().Word == openrc.Starting {
		f := o.Direct.Ref.Look()
		if f.Running && o.keeps(f) {
			if _, err := o.Direct.Stop(ctx, opts); err != nil {
				return err
			}
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
	return nil
}

// keeps reports whether the daemon of f says that it is this service's.
func (o *OpenRC) keeps(f pidfile.Finding) bool {
	return f.Record != nil && f.Record.Backend == string(service.KindOpenRC) && f.Record.Service == o.Registration.Service
}

// pause waits before a manager is asked again: OpenRC tells nobody when it has begun, or is done.
func pause(ctx context.Context) error {
	select {
	case <-time.After(awaitEvery):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// settle has OpenRC forget a service that it calls started although the daemon does not run: one whose end was final, or whose supervisor is gone.
func (o *OpenRC) settle(ctx context.Context) error {
	if o.known().Word == openrc.Stopped {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, o.Direct.stopBound(0))
	defer cancel()
	return o.stopService(ctx)
}

// mayOperate refuses what OpenRC would: it has no services of ordinary users.
func (o *OpenRC) mayOperate(op string) error {
	if os.Geteuid() == 0 || o.manager != nil {
		return nil
	}
	return &service.Error{
		Op: op, Code: service.CodePermissionDenied, Err: fmt.Errorf("%s belongs to the system", o.Registration.Service), Hint: "run the same command with sudo",
	}
}

// notStarted explains a start that failed. The script has stopped what it had started.
func (o *OpenRC) notStarted(said error) error {
	f := o.Direct.Ref.Look()
	if f.Running && (f.Record == nil || f.Record.Backend != string(service.KindOpenRC)) {
		return alreadyRunning(f) // a daemon outside of the service has the lock
	}
	e := &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Hint: `see "apexd logs" and: rc-service ` + o.Registration.Service + " status"}
	var command *openrc.CommandError
	switch {
	case f.Record != nil && f.Record.State == service.StateFailed:
		why := cmp.Or(f.Record.StatusText, "the workload failed")
		e.Err, e.Exit, e.Log = errors.New(strings.TrimSuffix(why, ".")+" before it was ready"), lastExit(f.Record), o.Direct.words(f)
	case errors.As(said, &command) && o.missing():
		e.Code, e.Err, e.Hint = service.CodeServiceNotFound, said, `"apexd install" registers it`
	default:
		e.Err = cmp.Or(said, errors.New("OpenRC has started it, and it has ended since"))
	}
	return e
}

// Stop implements service.Backend, through OpenRC, which would otherwise start the daemon again. One whose supervisor is gone is stopped without it.
func (o *OpenRC) Stop(ctx context.Context, opts service.StopOptions) (service.Stopped, error) {
	began := time.Now()
	f := o.Direct.certain(ctx)
	var st service.Stopped
	if f.Running {
		st.PID = f.PID
		o.Direct.rouse(f)
	}
	if k := o.known(); k.Word != openrc.Stopped || k.Supervisor != 0 || f.Running {
		if err := o.mayOperate("stop daemon"); err != nil {
			return st, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, o.Direct.stopBound(opts.Timeout))
	defer cancel()
	err := o.stopStarting(ctx, opts)
	if err == nil {
		st.Killed, err = o.end(ctx, f, opts)
	}
	if err != nil {
		return st, &service.Error{Op: "stop daemon", Code: service.CodeStopFailed, PID: f.PID, Err: err, Hint: "see: rc-service " + o.Registration.Service + " status"}
	}
	if f = o.Direct.certain(ctx); f.Running && o.keeps(f) {
		left, err := o.Direct.Stop(ctx, opts)
		if err != nil {
			return st, err
		}
		st.Killed = st.Killed || left.Killed
	}
	st.Took, st.WorkloadKilled = time.Since(began), o.Direct.workloadKilled(st, began)
	return st, o.Direct.stoppedBy(ctx, o.Registration)
}

// end has OpenRC stop the service, and helps it with SIGKILL when the time is over.
func (o *OpenRC) end(ctx context.Context, f pidfile.Finding, opts service.StopOptions) (killed bool, err error) {
	k := o.known()
	switch {
	case k.Word == openrc.Stopped && k.Supervisor != 0: // whoever started it gave up before the end
		return false, o.rc().StopSupervisor(ctx, o.Registration.Service)
	case k.Word == openrc.Stopped:
		return false, nil
	}
	done := make(chan error, 1)
	go func() { done <- o.stopService(ctx) }() // ended by the command, or by ctx
	var late <-chan time.Time
	if opts.Force || opts.Timeout > 0 {
		t := time.NewTimer(opts.Timeout)
		defer t.Stop()
		late = t.C
	}
	for {
		select {
		case err := <-done:
			return killed, err
		case <-late:
			// OpenRC must come first, or the supervisor would start again what is killed. When it has begun is no event, and it says that it has before the
			// supervisor knows: what that one starts meanwhile is killed too, until OpenRC is done.
			late = time.After(certainEvery)
			if w := o.known().Word; w != openrc.Stopping && w != openrc.Stopped {
				continue
			}
			late = time.After(awaitEvery)
			if killed, err = true, o.killed(ctx, f); err != nil {
				return killed, errors.Join(err, <-done)
			}
		}
	}
}

// stopService is `rc-service NAME stop`, which fails where somebody else's is under way; then that one is waited for.
func (o *OpenRC) stopService(ctx context.Context) error {
	err := o.rc().Service(ctx, o.Registration.Service, "stop")
	var failed *openrc.CommandError
	if !errors.As(err, &failed) {
		return err
	}
	for o.known().Word == openrc.Stopping {
		if e := pause(ctx); e != nil {
			return errors.Join(err, e)
		}
	}
	if o.known().Word == openrc.Stopped {
		return nil
	}
	return err
}

// killed kills the daemon of f, if it still runs, with its tree.
func (o *OpenRC) killed(ctx context.Context, f pidfile.Finding) error {
	_, err := o.Direct.Stop(ctx, service.StopOptions{Force: true})
	if f.PID == 0 {
		return nil // nobody to be certain of: OpenRC's own SIGKILL comes later
	}
	return err
}

// Reload implements service.Backend: the daemon is asked itself, since OpenRC has no word for it and does not wait.
func (o *OpenRC) Reload(ctx context.Context) error { return o.Direct.Reload(ctx) }

// awaitEvery is how often Await looks: OpenRC tells nobody when the process that it starts has a PID, or has ended.
const awaitEvery = 20 * time.Millisecond

// Await returns when the daemon that OpenRC is starting is ready, or why it will not be. The service's script calls it, so that "started" means ready whoever starts it.
// Errors: START_FAILED, ALREADY_RUNNING.
func (o *OpenRC) Await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, o.Direct.bound(), errors.New("it was not ready in time"))
	defer cancel()
	for {
		f, k := o.Direct.Ref.Look(), o.known()
		ours := o.keeps(f)
		switch {
		case f.Running && ours && f.Record.Ready:
			return nil
		case f.Running && f.Record != nil && !ours:
			return alreadyRunning(f)
		case k.Child != 0 && (!k.ChildAlive || k.Respawns > 0) && !f.Running:
			return o.notStarted(errors.New("it ended before it was ready"))
		}
		if err := pause(ctx); err != nil {
			return o.notStarted(err)
		}
	}
}

// EndLeft stops a daemon of this service that its supervisor has left running. The service's script calls it when OpenRC has stopped the service.
func (o *OpenRC) EndLeft(ctx context.Context) error {
	if f := o.Direct.certain(ctx); !f.Running || !o.keeps(f) {
		return nil
	}
	_, err := o.Direct.Stop(ctx, service.StopOptions{})
	return err
}
