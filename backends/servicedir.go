package backends

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/internal/fswatch"
	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// ServiceDir runs the daemon from a service directory of runit or s6, which a person has written by `apexd install --for`. The supervisor starts it and brings it back when it
// was killed; the daemon carries out the restart policy, and an end that it has chosen is one (the directory's finish script sees to that). It is a value and safe for concurrent use.
type ServiceDir struct {
	Direct       *Direct
	Registration service.Registration // Service is the directory
}

var (
	_ Managed   = (*ServiceDir)(nil)
	_ Restarter = (*ServiceDir)(nil)
)

// registeredDir is the service directory of d's daemon: the one that a running daemon names, or one that a supervisor looks into.
func registeredDir(d *Direct, f pidfile.Finding) (Managed, bool) {
	return dirIn(sysv.Scanned(), d, f)
}

func dirIn(scan []string, d *Direct, f pidfile.Finding) (Managed, bool) {
	if r := f.Record; f.Running && r != nil && supervised(service.Kind(r.Backend)) {
		return &ServiceDir{d, service.Registration{Backend: service.Kind(r.Backend), Scope: service.Scope(r.Scope), Service: r.Service}}, true
	}
	for dir, m := range sysv.ServiceDirs(scan) {
		if m.Project == d.Ref.Project && m.Name == d.Spec.Name {
			return &ServiceDir{d, service.Registration{Backend: service.Kind(m.Kind), Scope: service.ScopeSystem, Service: dir}}, true
		}
	}
	return nil, false
}

func supervised(k service.Kind) bool { return k == service.KindRunit || k == service.KindS6 }

// Kind implements service.Backend.
func (s *ServiceDir) Kind() service.Kind { return s.Registration.Backend }

// Registered implements Managed.
func (s *ServiceDir) Registered() service.Registration { return s.Registration }

// Definition implements Managed.
func (s *ServiceDir) Definition() string {
	if path := filepath.Join(s.Registration.Service, "run"); exists(path) {
		return path
	}
	return ""
}

// Status implements service.Backend. It has no errors.
func (s *ServiceDir) Status(context.Context) (service.Status, error) {
	st := s.Direct.look()
	mergeScript(&st, s.Registration, s.Definition() != "", !exists(filepath.Join(s.Registration.Service, "down")))
	return st, nil
}

// Start implements service.Backend. A workload that fails before it is ready is not tried again: the service is put down.
func (s *ServiceDir) Start(ctx context.Context) (service.Started, error) {
	unlock, err := turn(ctx, s.Definition(), s.Direct.turnBound())
	if err != nil {
		return service.Started{}, err
	}
	defer unlock()
	f := s.Direct.certain(ctx)
	if f.Running {
		return service.Started{}, alreadyRunning(f)
	}
	if f.State == service.StateFailed {
		if err := s.Direct.clear(ctx, f); err != nil { // what is left of the last run, and its record, which would be taken for this one's
			return service.Started{}, err
		}
	}
	s.awaitFinish(ctx)
	if err := s.control("u"); err != nil {
		return service.Started{}, s.cannot("start daemon", service.CodeStartFailed, err)
	}
	wait, cancel := context.WithTimeout(ctx, s.Direct.bound())
	defer cancel()
	f, err = s.begun(wait)
	if err == nil {
		return startedAs(f), nil
	}
	down, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Direct.stopBound(0))
	defer cancel()
	var stopErr error
	if s.Direct.Ref.Look().Running {
		_, stopErr = s.Stop(down, service.StopOptions{})
	}
	_ = s.control("d") // it is down, but for one that has gone between
	e := &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Err: errors.Join(err, stopErr), Exit: lastExit(f.Record), Hint: `see "apexd logs"`}
	e.Log = s.Direct.words(f)
	return service.Started{}, e
}

// startEvery is how often a start looks again when no event tells it to: that a daemon has ended before it could write a record changes no file of ours. downFor is how many such
// looks in a row must find the service down before it is believed: the supervisor may not have read yet what it was told. Then it is told again, tells times, but only once when a process has
// said why it could not become the daemon.
const (
	startEvery = 50 * time.Millisecond
	downFor    = 20
	tells      = 3
)

// begun returns when the daemon is ready. It fails when the workload has, and then returns the finding that tells why. The daemon sees that it is waited for, and then does not
// try a second time.
func (s *ServiceDir) begun(ctx context.Context) (pidfile.Finding, error) {
	changed, _ := fswatch.Changed(ctx, s.Direct.Ref.Path) // before the daemon has made .apex there is nothing to watch
	again := time.NewTicker(startEvery)
	defer again.Stop()
	seen, since := false, time.Now()
	for down, told := 0, 0; ; {
		f := s.Direct.Ref.Look()
		seen = seen || f.Running
		switch r := f.Record; {
		case f.Running && r != nil && r.State == service.StateRunning && r.Ready:
			return f, nil
		case !f.Running && f.State == service.StateFailed:
			return f, errors.New(reason(f, unit{Result: "exit-code", ExitStatus: exitStatus(r)}))
		case !f.Running && seen:
			return f, errors.New("somebody has stopped it meanwhile")
		case !f.Running && down == downFor:
			why := s.refusal(since)
			if told == tells || told > 0 && why != "" {
				return f, errors.New(cmp.Or(why, "the daemon ended before it could say why: the supervisor's own log has its words"))
			}
			down, told = 0, told+1
			_ = s.control("u") // the finish script of the run before may have come later than our wish; the first one said what is wrong
		}
		select {
		case <-changed:
		case <-again.C:
			if down++; f.Running || !s.down(ctx) {
				down = 0
			}
		case <-ctx.Done():
			return f, fmt.Errorf("it was stopped again: %w", context.Cause(ctx))
		}
	}
}

// refusal is why a process that was started since then did not become the daemon; "" where none has said so.
func (s *ServiceDir) refusal(since time.Time) string {
	events, _, _ := history.Read(supervise.HistoryPath(s.Direct.Ref), refusals) // what cannot be read says nothing
	for _, e := range slices.Backward(events) {
		if e.Event == history.Refused && !e.At.Before(since) {
			return e.Reason
		}
	}
	return ""
}

// refusals is how many of the last events are looked through for one.
const refusals = 10

// down reports whether the supervisor has nothing running and wants nothing: after a daemon that the finish script has put down. Runit's status is a file whose bytes sv(8) and
// others read; s6's has a program, since its bytes change with the version.
func (s *ServiceDir) down(ctx context.Context) bool {
	if s.Kind() == service.KindS6 {
		var out, errs bytes.Buffer
		err := runGroup(ctx, []string{"s6-svstat", "-o", "up,wantedup", s.Registration.Service}, &out, &errs)
		return err == nil && strings.TrimSpace(out.String()) == "false false"
	}
	want, state, ok := s.runsv()
	return ok && want == 'd' && state == 0
}

// runsv reads what runsv(8) says of the service: 'u' or 'd', and 0 down, 1 run, 2 finish.
func (s *ServiceDir) runsv() (want, state byte, ok bool) {
	b, err := os.ReadFile(filepath.Join(s.Registration.Service, "supervise", "status"))
	const size, wantAt, stateAt = 20, 17, 19
	if err != nil || len(b) != size {
		return 0, 0, false
	}
	return b[wantAt], b[stateAt], true
}

// awaitFinish waits, for a moment, until runsv is done with the last run: its finish script may put the service down, after our wish that it be up. s6-supervise(1) takes that from the
// script's exit status, in order. No event tells.
func (s *ServiceDir) awaitFinish(ctx context.Context) {
	for range downFor {
		if _, state, ok := s.runsv(); s.Kind() == service.KindS6 || !ok || state == 0 {
			return
		}
		select {
		case <-time.After(startEvery):
		case <-ctx.Done():
			return
		}
	}
}

func exitStatus(r *pidfile.Record) int {
	if x := lastExit(r); x != nil {
		return x.Code
	}
	return 0
}

// Stop implements service.Backend: the supervisor is told not to start the daemon again, and the daemon is asked itself, so that its identity is verified.
func (s *ServiceDir) Stop(ctx context.Context, o service.StopOptions) (service.Stopped, error) {
	if err := s.leave(s.Direct.certain(ctx).Running); err != nil && !errors.Is(err, errNotSupervised) && !errors.Is(err, fs.ErrNotExist) {
		return service.Stopped{}, s.cannot("stop daemon", service.CodeStopFailed, err)
	}
	st, err := s.Direct.Stop(ctx, o)
	if err == nil {
		_ = s.control("d") // it is down already, but for one that was between two tries
	}
	return st, err
}

// leave has the supervisor not start the daemon again when it ends: "o" of runsv(8), which would start one that does not run, and "O" of s6-svc(8).
func (s *ServiceDir) leave(running bool) error {
	switch {
	case !running:
		return s.control("d")
	case s.Kind() == service.KindS6:
		return s.control("O")
	}
	return s.control("o")
}

// Restart implements Restarter.
func (s *ServiceDir) Restart(ctx context.Context) (service.Started, error) {
	if _, err := s.Stop(ctx, service.StopOptions{}); err != nil {
		return service.Started{}, err
	}
	return s.Start(ctx)
}

// Reload implements service.Backend.
func (s *ServiceDir) Reload(ctx context.Context) error { return s.Direct.Reload(ctx) }

// control writes a command to the directory's supervisor (runsv(8), "CONTROL"; s6-supervise(1)). Errors: fs.ErrPermission; errNotSupervised where nobody reads it.
func (s *ServiceDir) control(command string) error {
	return tell(filepath.Join(s.Registration.Service, "supervise", "control"), command)
}

var errNotSupervised = errors.New("nobody supervises it")

func (s *ServiceDir) cannot(op string, c service.Code, err error) error {
	e := &service.Error{Op: op, Code: c, Path: s.Registration.Service, Err: err}
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.Code, e.Hint = service.CodePermissionDenied, "run the same command with sudo"
	case errors.Is(err, errNotSupervised), errors.Is(err, fs.ErrNotExist):
		e.Err = errNotSupervised
		e.Hint = "link " + s.Registration.Service + " into the directory that " + string(s.Kind()) + " scans; it may take some seconds until it is seen"
	}
	return e
}
