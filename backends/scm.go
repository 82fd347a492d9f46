package backends

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/service"
)

// SCM runs the daemon as a service of Windows. Who runs is still decided by lock and record; what is to happen is asked of the Service Control Manager. It is a value
// and safe for concurrent use.
type SCM struct {
	Direct       *Direct // the record, the lock, and what a crash left behind
	Registration service.Registration

	open func(name string, operate bool) (scmService, error) // nil: openService
}

var _ service.Backend = (*SCM)(nil)

func newSCM(d *Direct, r service.Registration) *SCM {
	s := &SCM{Registration: r}
	mine := *d
	mine.holder = s.serves
	s.Direct = &mine
	return s
}

// serves is the process of the service, zero while it does not run. A service has an account of its own, whose guard nobody else has (pidfile/guard.go), and Windows names no
// holder of a lock. Of a process that may not be looked at only the PID is known.
func (s *SCM) serves() proc.Info {
	m, err := s.connect(false)
	if err != nil {
		return proc.Info{}
	}
	defer m.Close()
	q, err := m.Query()
	if err != nil || q.State != winsvc.Running {
		return proc.Info{}
	}
	p, err := proc.Inspect(q.PID)
	switch again, e := m.Query(); {
	case errors.Is(err, proc.ErrNotFound), e != nil, again.State != winsvc.Running, again.PID != q.PID: // the PID may be somebody else's by now
		return proc.Info{}
	case err != nil:
		return proc.Info{PID: q.PID, UID: -1}
	}
	return p
}

// scmService is one open service.
type scmService interface {
	Query() (winsvc.Status, error)
	Start() error
	Stop() (sent bool, err error)
	Reload() (sent bool, err error)
	Wait(ctx context.Context, done func(winsvc.Status) bool) (winsvc.Status, error)
	// StartType is when it starts by itself.
	StartType() winsvc.StartType
	Close()
}

// Kind implements service.Backend.
func (s *SCM) Kind() service.Kind { return service.KindWindows }

// Registered implements Managed.
func (s *SCM) Registered() service.Registration { return s.Registration }

// Definition implements Managed.
func (s *SCM) Definition() string { return `HKLM\` + winsvc.Root + s.Registration.Service }

func (s *SCM) connect(operate bool) (scmService, error) {
	open := s.open
	if open == nil {
		open = openService
	}
	return open(s.Registration.Service, operate)
}

// Status implements service.Backend. Where the SCM cannot be asked, lock and record still tell who runs, and a warning says what is missing.
func (s *SCM) Status(context.Context) (service.Status, error) {
	m, err := s.connect(false)
	if err != nil {
		return s.unasked(err), nil
	}
	defer m.Close()
	var st service.Status
	for range askAgain {
		q, err := m.Query()
		if err != nil {
			return s.unasked(err), nil
		}
		st = s.Direct.look()
		ran := st.Running
		mergeService(&st, q, m.StartType(), s.Registration, alive)
		if (q.State == winsvc.Running) == ran {
			break
		}
	}
	return st, nil
}

// unasked is the status without the manager's part.
func (s *SCM) unasked(err error) service.Status {
	if errors.Is(err, winsvc.ErrNotInstalled) {
		st := s.Direct.look()
		st.Warnings = append(st.Warnings, s.Definition()+` is there, but the Service Control Manager has no such service: "apexd uninstall" removes what is left`)
		return st
	}
	return s.Direct.unasked(s.Registration, "Windows", err)
}

// alive reports whether there is a process with this PID.
func alive(pid int) bool {
	_, err := proc.Inspect(pid)
	return !errors.Is(err, proc.ErrNotFound)
}

// mergeService adds to st, which record and lock tell, what the SCM knows of the same daemon. Who runs and as which process is decided by the lock.
//
//	lock held  service          state
//	no         START_PENDING    starting
//	no         STOP_PENDING     stopping
//	no         RUNNING          unknown: it runs something that is not this daemon; as the record says, where its process is gone
//	no         STOPPED          as the record says: stopped, or failed
//	yes        STOP_PENDING     stopping
//	yes        STOPPED          as the record says: it runs outside of the service
//	any        any other        as the record says
func mergeService(st *service.Status, q winsvc.Status, start winsvc.StartType, r service.Registration, alive func(pid int) bool) {
	enabled, native := start.Enabled(), q.Native()
	st.Registered, st.Enabled, st.Native = true, &enabled, &native
	if st.Running && st.PID == nil && q.State == winsvc.Running { // the record is gone, and the lock is the service's
		st.PID = &q.PID
	}
	outside := st.Running && st.PID != nil && *st.PID != q.PID
	if !outside {
		registeredAs(st, r)
	}
	live := q.State == winsvc.Running || q.State == winsvc.StartPending
	st.Wanted = st.Running || live || enabled || st.State == service.StateFailed
	switch {
	case outside && q.State == winsvc.Stopped && st.Backend == string(service.KindDirect):
		st.Warnings = append(st.Warnings, fmt.Sprintf("it is registered as %s and runs outside of it", r.Service))
	case outside && q.State != winsvc.Stopped:
		st.Warnings = append(st.Warnings, fmt.Sprintf("Windows says that the process of %s is %d", r.Service, q.PID))
	case q.State == winsvc.StopPending:
		st.State = service.StateStopping
	case st.Running:
	case q.State == winsvc.StartPending:
		st.State = service.StateStarting
	case q.State == winsvc.Running && alive(q.PID):
		why := fmt.Sprintf("Windows says %s, but its process %d does not hold the daemon's lock", native, q.PID)
		st.State, st.StatusText = service.StateUnknown, &why
		st.Warnings = append(st.Warnings, why)
	case q.State == winsvc.Running:
		st.Warnings = append(st.Warnings, fmt.Sprintf("Windows says %s, but its process %d is gone", native, q.PID))
	}
}

// Start implements service.Backend: it returns when the service runs, which it says when the workload is ready.
func (s *SCM) Start(ctx context.Context) (service.Started, error) {
	if f := s.Direct.certain(ctx); f.Running {
		return service.Started{}, alreadyRunning(f)
	}
	m, err := s.connect(true)
	if err != nil {
		return service.Started{}, s.cannotAsk("start daemon", service.CodeStartFailed, err)
	}
	defer m.Close()
	wait, cancel := context.WithTimeoutCause(ctx, s.Direct.bound(), fmt.Errorf("it was not ready within %s", s.Direct.bound()))
	defer cancel()
	q, late, err := begin(wait, m)
	if err != nil && wait.Err() == nil {
		return service.Started{}, s.cannotAsk("start daemon", service.CodeStartFailed, err)
	}
	f := s.Direct.certain(ctx)
	switch {
	case err != nil:
		return service.Started{}, s.abandon(m, err)
	case late && f.Running:
		return service.Started{}, alreadyRunning(f)
	case q.State != winsvc.Running || !f.Running:
		return service.Started{}, s.notStarted(q)
	}
	return startedAs(f), nil
}

// begin starts the service and waits until it has. late reports that somebody else has started it. Between another's StartService and the state that comes of it the SCM may
// say both that it is started and STOPPED (Wine does, for as long as the process is made), and while others start it may be locked: then it is asked again, for which there is no event.
func begin(ctx context.Context, m scmService) (q winsvc.Status, late bool, err error) {
	for wait := certainEvery; ; wait = min(2*wait, certainMost) {
		err = m.Start()
		late = errors.Is(err, winsvc.ErrStarted)
		switch {
		case errors.Is(err, winsvc.ErrBusy):
		case err != nil && !late:
			return q, late, err
		default:
			q, err = m.Wait(ctx, func(q winsvc.Status) bool { return q.State != winsvc.StartPending })
			if err != nil || !late || q.State != winsvc.Stopped {
				return q, late, err
			}
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return q, late, errors.Join(context.Cause(ctx), err)
		}
	}
}

// abandon stops a daemon that was started and is not wanted any more.
func (s *SCM) abandon(m scmService, why error) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.Direct.stopBound(0))
	defer cancel()
	_, err := s.end(ctx, m, service.StopOptions{})
	return &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Hint: `see "apexd logs"`, Err: errors.Join(fmt.Errorf("it was stopped again: %w", why), err)}
}

// notStarted explains a start that failed: the daemon's own words where it had any. The service was told that somebody waits, and so does not have the SCM try again.
func (s *SCM) notStarted(q winsvc.Status) error {
	f := s.Direct.Ref.Look()
	if f.Running {
		return alreadyRunning(f)
	}
	e := &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Hint: `see "apexd logs", and the Application log of Windows, source ` + s.Registration.Service}
	why := "it ended before it was ready"
	if q.Failed() {
		why = q.Why()
	}
	if r := f.Record; r != nil && r.State == service.StateFailed {
		why = reason(f, unit{})
		e.Exit = lastExit(r)
	}
	e.Err, e.Log = fmt.Errorf("%s (Windows: %s)", why, q.Native()), s.Direct.words(f)
	return e
}

// Stop implements service.Backend, through the SCM, which would otherwise start the daemon again.
func (s *SCM) Stop(ctx context.Context, o service.StopOptions) (service.Stopped, error) {
	m, err := s.connect(true)
	if err != nil {
		return service.Stopped{}, s.cannotAsk("stop daemon", service.CodeStopFailed, err)
	}
	defer m.Close()
	return s.Direct.stopThrough(ctx, s.Registration, o, 0, func(ctx context.Context, _ int) (bool, error) {
		killed, err := s.end(ctx, m, o)
		if err != nil {
			err = s.cannotAsk("stop daemon", service.CodeStopFailed, err)
		}
		return killed, err
	})
}

// end stops the service and returns when the SCM says so. While a state is pending the SCM passes no request on, and the daemon is asked itself; so it is when it is to be
// killed, since a process that only vanished would be started again.
func (s *SCM) end(ctx context.Context, m scmService, o service.StopOptions) (killed bool, err error) {
	sent := false
	if !o.Force {
		if sent, err = m.Stop(); err != nil {
			return false, err
		}
	}
	q, err := m.Query()
	if err != nil || q.State == winsvc.Stopped {
		return false, err
	}
	if !sent && q.State != winsvc.StopPending || o.Force {
		return s.ask(ctx, m, o)
	}
	wait, cancel := ctx, context.CancelFunc(func() {})
	if o.Timeout > 0 {
		wait, cancel = context.WithTimeout(ctx, o.Timeout)
	}
	defer cancel()
	if _, err = m.Wait(wait, stopped); err != nil && o.Timeout > 0 && ctx.Err() == nil {
		return s.ask(ctx, m, service.StopOptions{Force: true})
	}
	return false, err
}

func stopped(q winsvc.Status) bool { return q.State == winsvc.Stopped }

// ask asks the daemon, and not the SCM, and waits for the SCM to see its end.
func (s *SCM) ask(ctx context.Context, m scmService, o service.StopOptions) (killed bool, err error) {
	st, err := s.Direct.Stop(ctx, o)
	if err != nil {
		return st.Killed, err
	}
	_, err = m.Wait(ctx, stopped)
	return st.Killed, err
}

// Reload implements service.Backend: the SCM passes it on, and the record tells when it is done.
func (s *SCM) Reload(ctx context.Context) error {
	return s.Direct.reload(ctx, func() error {
		m, err := s.connect(true)
		if err != nil {
			return s.cannotAsk("reload daemon", service.CodeStopFailed, err)
		}
		defer m.Close()
		sent, err := m.Reload()
		switch {
		case err != nil:
			return s.cannotAsk("reload daemon", service.CodeStopFailed, err)
		case !sent:
			return &service.Error{
				Op: "reload daemon", Code: service.CodeNotRunning, Err: fmt.Errorf("%s takes no requests while it starts or stops", s.Registration.Service), Hint: "try again",
			}
		}
		return nil
	})
}

func (s *SCM) cannotAsk(op string, c service.Code, err error) error {
	var known *service.Error
	e := &service.Error{Op: op, Code: c, Path: s.Definition(), Err: fmt.Errorf("cannot ask Windows about %s: %w", s.Registration.Service, err)}
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, fs.ErrPermission):
		e.Code, e.Path = service.CodePermissionDenied, ""
		e.Err = fmt.Errorf("only administrators may start, stop and change %s", s.Registration.Service)
		e.Hint = "run the same command as an administrator"
	case errors.Is(err, winsvc.ErrNotInstalled):
		e.Code, e.Hint = service.CodeServiceNotFound, `"apexd install" registers it, "apexd uninstall" removes what is left`
	}
	return e
}
