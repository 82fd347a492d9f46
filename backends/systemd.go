package backends

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/joshuaaferguson/apexd/internal/systemd"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// Systemd runs the daemon as a service of systemd, the system's or a user's. Who runs is still decided by lock and record; what is to happen is asked of the
// manager. It is a value and safe for concurrent use.
type Systemd struct {
	Direct       *Direct // the record, the lock, and what a crash left behind
	Registration service.Registration
	Owner        int    // the user whose manager it is, with ScopeUser
	Fragment     string // the unit file

	dial func(ctx context.Context, s service.Scope, uid int) (units, error) // nil: systemd.Connect
}

var (
	_ service.Backend = (*Systemd)(nil)
	_ Restarter       = (*Systemd)(nil)
)

// Restarter is a Backend whose manager restarts as one job. Others are stopped and started.
type Restarter interface {
	// Restart stops the daemon, if it runs, and starts it; it returns as Start does.
	Restart(ctx context.Context) (service.Started, error)
}

// units is what is asked of systemd; see systemd.Conn.
type units interface {
	Unit(ctx context.Context, name string) (systemd.Unit, error)
	Job(ctx context.Context, verb, name string) (result string, err error)
	Kill(ctx context.Context, name string, sig syscall.Signal) error
	ResetFailed(ctx context.Context, name string) error
	Close()
}

// Kind implements service.Backend.
func (s *Systemd) Kind() service.Kind { return service.KindSystemd }

// ask is what m says of the unit called name.
func ask(ctx context.Context, m units, name string) (unit, error) {
	u, err := m.Unit(ctx, name)
	return unit(u), err
}

func (s *Systemd) connect(ctx context.Context) (units, error) {
	if s.dial != nil {
		return s.dial(ctx, s.Registration.Scope, s.Owner)
	}
	return systemd.Connect(ctx, s.Registration.Scope, s.Owner)
}

// askWait bounds how long a status waits for systemd, askAgain is how often lock and manager are asked when they contradict each other: between the end of a
// process and its manager's notice of it lie microseconds.
const (
	askWait  = 2 * time.Second
	askAgain = 3
)

// agreeWait bounds how long a status waits for a manager that has not seen yet, or not yet said, how the daemon has ended.
const agreeWait = 100 * time.Millisecond

// Status implements service.Backend. Where systemd cannot be asked, lock and record still tell who runs, and a warning says what is missing.
func (s *Systemd) Status(ctx context.Context) (service.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	m, err := s.connect(ctx)
	if err != nil {
		return s.Direct.unasked(s.Registration, "systemd", err), nil
	}
	defer m.Close()
	began := time.Now()
	for i := 1; ; i++ {
		u, err := ask(ctx, m, s.Registration.Service)
		if err != nil {
			return s.Direct.unasked(s.Registration, "systemd", err), nil
		}
		st := s.Direct.look()
		ran := st.Running
		u.merge(&st, s.Registration)
		switch {
		case consistent(u, ran):
			return st, nil
		case i < askAgain:
		case !ran && time.Since(began) < agreeWait && pause(ctx) == nil: // of the end of its process a busy systemd may not have heard
		default:
			return st, nil
		}
	}
}

// consistent reports whether the manager's word and the lock can both be true for longer than an instant.
func consistent(u unit, running bool) bool {
	switch u.ActiveState {
	case "active", "reloading", "refreshing":
		return running
	case "inactive", "failed":
		return !running
	}
	return true
}

// Start implements service.Backend: it returns when the start job has run, and with it, the unit being of Type=notify, the workload is ready.
func (s *Systemd) Start(ctx context.Context) (service.Started, error) {
	unlock, err := turn(ctx, s.Fragment, s.Direct.turnBound())
	if err != nil {
		return service.Started{}, err
	}
	defer unlock()
	if f := s.Direct.certain(ctx); f.Running {
		return service.Started{}, alreadyRunning(f)
	}
	return s.run(ctx, "start")
}

// Restart implements Restarter.
func (s *Systemd) Restart(ctx context.Context) (service.Started, error) {
	unlock, err := turn(ctx, s.Fragment, s.Direct.turnBound())
	if err != nil {
		return service.Started{}, err
	}
	defer unlock()
	return s.run(ctx, "restart")
}

// run starts or restarts the unit.
func (s *Systemd) run(ctx context.Context, verb string) (service.Started, error) {
	m, err := s.connect(ctx)
	if err != nil {
		return service.Started{}, s.cannotAsk("start daemon", service.CodeStartFailed, err)
	}
	defer m.Close()
	name := s.Registration.Service
	u, err := ask(ctx, m, name)
	if err != nil {
		return service.Started{}, s.cannotAsk("start daemon", service.CodeStartFailed, err)
	}
	if err := s.startable(u); err != nil {
		return service.Started{}, err
	}
	// The limit is for crashes: a person's word is neither refused by it nor counted.
	if err := m.ResetFailed(ctx, name); err != nil && !errors.Is(err, systemd.ErrDenied) && !errors.Is(err, systemd.ErrNoUnit) { // then the start tells
		return service.Started{}, s.cannotAsk("start daemon", service.CodeStartFailed, err)
	}
	if err := s.closeOld(ctx, m, u); err != nil {
		return service.Started{}, s.cannotAsk("start daemon", service.CodeStartFailed, err)
	}
	result, err := m.Job(ctx, verb, name)
	if err == nil && result == "done" {
		return s.started(ctx)
	}
	return service.Started{}, s.notStarted(m, result, err)
}

// closeOld stops the sockets whose units were written after they were opened: a restart of the service alone would leave them as they are. Others stay
// open, so that clients wait and are not refused.
func (s *Systemd) closeOld(ctx context.Context, m units, u unit) error {
	for _, name := range u.sockets(s.Registration.Service) {
		sock, err := ask(ctx, m, name)
		if err != nil {
			return err
		}
		fi, err := os.Stat(sock.FragmentPath)
		if err != nil || sock.Since.IsZero() || !fi.ModTime().After(sock.Since) {
			continue
		}
		if _, err := m.Job(ctx, "stop", name); err != nil && !errors.Is(err, systemd.ErrNoUnit) {
			return err
		}
	}
	return nil
}

// startable reports what keeps a unit from being started whatever it runs.
func (s *Systemd) startable(u unit) error {
	name := s.Registration.Service
	e := &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Path: u.FragmentPath}
	switch u.LoadState {
	case "not-found":
		e.Code, e.Err, e.Hint = service.CodeServiceNotFound, fmt.Errorf("systemd does not know %s", name), `"apexd install" registers it; after a change by hand, systemctl `+s.flag()+`daemon-reload`
	case "masked":
		e.Err, e.Hint = fmt.Errorf("%s is masked: somebody has forbidden to start it", name), "to allow it again: systemctl "+s.flag()+"unmask "+name
	case "bad-setting", "error":
		e.Err, e.Hint = fmt.Errorf("systemd cannot load %s (%s)", name, u.LoadState), `"apexd install" writes it anew; systemd-analyze verify `+name+" says what is wrong"
	default:
		return nil
	}
	return e
}

func (s *Systemd) flag() string {
	if s.Registration.Scope == service.ScopeUser {
		return "--user "
	}
	return ""
}

func (s *Systemd) started(ctx context.Context) (service.Started, error) {
	f := s.Direct.certain(ctx)
	if !f.Running {
		return service.Started{}, &service.Error{
			Op: "start daemon", Code: service.CodeStartFailed, Err: errors.New("systemd has started it, and it has ended since"), Hint: s.hint(),
		}
	}
	return startedAs(f), nil
}

// notStarted explains a start that failed, and sees to it that nothing goes on trying.
func (s *Systemd) notStarted(m units, result string, err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.Direct.stopBound(0)) // also when the caller's has ended
	defer cancel()
	switch {
	case errors.Is(err, systemd.ErrDenied):
		return s.denied("start daemon")
	case err == nil && result == "canceled":
		err = errors.New("somebody has stopped it meanwhile")
	}
	u, _ := ask(ctx, m, s.Registration.Service) // before the stop: it has the reason
	f := s.Direct.Ref.Look()
	if f.Running && f.Record != nil && f.Record.Backend != string(service.KindSystemd) {
		return alreadyRunning(f) // a daemon outside of the unit has the lock
	}
	why := reason(f, u)
	if result == "dependency" {
		why = s.dependency(ctx, m, u, why)
	}
	_, stopErr := s.stopAll(ctx, m, u)
	e := &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Hint: s.hint(), Err: err}
	if e.Err == nil {
		e.Err = fmt.Errorf("%s (systemd: %s, job %s)", why, u.native(), result)
	}
	e.Err = errors.Join(e.Err, stopErr)
	e.Exit = lastExit(f.Record)
	e.Log = s.Direct.words(f)
	return e
}

// dependency is why a start job failed before the service was begun: what it requires are its sockets.
func (s *Systemd) dependency(ctx context.Context, m units, u unit, why string) string {
	for _, name := range u.sockets(s.Registration.Service) {
		if sock, err := ask(ctx, m, name); err == nil && sock.ActiveState == "failed" {
			return fmt.Sprintf("%s cannot be opened (%s): the address is in use, or not this machine's", name, sock.Result)
		}
	}
	return why
}

// stopAll stops the service; before it its sockets, or the next connection would start it again.
func (s *Systemd) stopAll(ctx context.Context, m units, u unit) (result string, err error) {
	for _, name := range u.sockets(s.Registration.Service) {
		result, err = m.Job(ctx, "stop", name)
		switch {
		case errors.Is(err, systemd.ErrNoUnit):
			continue
		case err != nil || result != "done":
			return result, err
		}
		_ = m.ResetFailed(ctx, name) // one that is not failed has nothing to reset
	}
	return m.Job(ctx, "stop", s.Registration.Service)
}

// reason is why a start failed: the daemon's own words where it had any.
func reason(f pidfile.Finding, u unit) string {
	if f.Record != nil && f.Record.State == service.StateFailed && f.Record.StatusText != "" {
		return strings.TrimSuffix(f.Record.StatusText, ".") + " before it was ready"
	}
	return u.why()
}

func (s *Systemd) hint() string {
	return `see "apexd logs" and: systemctl ` + s.flag() + "status " + s.Registration.Service
}

// Stop implements service.Backend, through the manager, which would otherwise start the daemon again.
func (s *Systemd) Stop(ctx context.Context, o service.StopOptions) (service.Stopped, error) {
	m, err := s.connect(ctx)
	if err != nil {
		return service.Stopped{}, s.cannotAsk("stop daemon", service.CodeStopFailed, err)
	}
	defer m.Close()
	return s.Direct.stopThrough(ctx, s.Registration, o, 0, func(ctx context.Context, pid int) (bool, error) {
		killed, err := s.stop(ctx, m, o)
		if err != nil {
			return killed, s.stopError(pid, err)
		}
		_ = m.ResetFailed(ctx, s.Registration.Service) // a unit that is not failed, or is gone, has nothing to reset
		return killed, nil
	})
}

// ended is how a job ended.
type ended struct {
	result string
	err    error
}

// stop runs the stop job, and helps it with SIGKILL when the time is over.
func (s *Systemd) stop(ctx context.Context, m units, o service.StopOptions) (killed bool, err error) {
	u, err := ask(ctx, m, s.Registration.Service)
	if err != nil {
		return false, err
	}
	done := make(chan ended, 1)
	go func() { // ended by the job, which is bounded, or by ctx
		result, err := s.stopAll(ctx, m, u)
		done <- ended{result, err}
	}()
	var late <-chan time.Time
	if o.Force || o.Timeout > 0 {
		t := time.NewTimer(o.Timeout)
		defer t.Stop()
		late = t.C
	}
	for {
		select {
		case e := <-done:
			return killed, s.stopped(e)
		case <-late:
			// The job must come first, or the manager would start again what is killed. It was queued by another goroutine, and its begin is no event.
			late = time.After(certainEvery)
			began, err := s.killStopping(ctx, m)
			if err != nil {
				return killed, err
			}
			if began {
				late, killed = nil, true
			}
		}
	}
}

// stopped makes an error of a stop job that did not do its work. A unit that is not there any more is stopped.
func (s *Systemd) stopped(e ended) error {
	switch {
	case errors.Is(e.err, systemd.ErrNoUnit):
		return nil
	case e.err == nil && e.result != "done":
		return fmt.Errorf("the stop job of %s was %s", s.Registration.Service, e.result)
	}
	return e.err
}

// killStopping kills a service that the manager has begun to stop, and reports whether it has.
func (s *Systemd) killStopping(ctx context.Context, m units) (began bool, err error) {
	u, err := ask(ctx, m, s.Registration.Service)
	if err != nil {
		return false, err
	}
	switch u.ActiveState {
	case "inactive", "failed":
		return true, nil
	case "deactivating":
		err := m.Kill(ctx, s.Registration.Service, syscall.SIGKILL)
		if errors.Is(err, systemd.ErrNoUnit) { // gone meanwhile
			err = nil
		}
		return true, err
	}
	return false, nil
}

// Reload implements service.Backend: the manager is asked, so that its tools show it, and the record tells when it is done.
func (s *Systemd) Reload(ctx context.Context) error {
	return s.Direct.reload(ctx, func() error {
		m, err := s.connect(ctx)
		if err != nil {
			return s.cannotAsk("reload daemon", service.CodeStopFailed, err)
		}
		defer m.Close()
		result, err := m.Job(ctx, "reload", s.Registration.Service)
		switch {
		case errors.Is(err, systemd.ErrDenied):
			return s.denied("reload daemon")
		case err == nil && result != "done":
			err = fmt.Errorf("the reload job of %s was %s", s.Registration.Service, result)
		}
		return err
	})
}

func (s *Systemd) stopError(pid int, err error) error {
	if errors.Is(err, systemd.ErrDenied) {
		return s.denied("stop daemon")
	}
	return &service.Error{Op: "stop daemon", Code: service.CodeStopFailed, PID: pid, Err: err, Hint: "see: systemctl " + s.flag() + "status " + s.Registration.Service}
}

func (s *Systemd) cannotAsk(op string, c service.Code, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return s.denied(op)
	}
	e := &service.Error{Op: op, Code: c, Err: fmt.Errorf("cannot ask systemd about %s: %w", s.Registration.Service, err)}
	if s.Registration.Scope == service.ScopeUser {
		e.Hint = fmt.Sprintf("the user manager answers at /run/user/%d while that user is logged in, or lingers: loginctl enable-linger", s.Owner)
	}
	return e
}

func (s *Systemd) denied(op string) error {
	return &service.Error{
		Op: op, Code: service.CodePermissionDenied, Err: fmt.Errorf("%s belongs to the system", s.Registration.Service), Hint: "run the same command with sudo",
	}
}
