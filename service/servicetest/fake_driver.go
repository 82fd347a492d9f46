package servicetest

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/joshuaaferguson/apexd/service"
)

// FakeDriver runs the suite on a Fake.
func FakeDriver() Driver { return fakeDriver{} }

type fakeDriver struct{}

func (fakeDriver) Name() string { return "fake" }

func (fakeDriver) Missing(a Ability) Absence {
	reasons := map[Ability]string{
		CanForeground: "its daemon is a goroutine",
		CanSuspend:    "its daemon is a goroutine",
		CanBystander:  "it has no processes",
		CanOwnPID:     "it has no processes",
		HasTree:       "it has no processes",
		CanOtherUser:  "it has no users",
		CanReadOnly:   "it has no files",
		CanCopy:       "it has no files",
		HasFiles:      "it has no files",
		HasOpenDelete: "it has no files",
		HasConfigFile: "it is configured by a service.Spec",
		HasProbes:     "it probes nothing",
		HasExecutable: "its workload is a function",
		CanNative:     "nothing stands behind it",
		CanInstall:    "nothing stands behind it",

		CanCommandLine: "it has no command line",
	}
	return Absence{Reason: reasons[a]}
}

// New makes a Fake. t's clean-up kills it.
func (fakeDriver) New(t T, base string) Subject {
	f := NewFake(service.Spec{Name: service.DefaultName, Project: "/" + base}, nil)
	t.Cleanup(func() {
		if _, err := f.Stop(t.Context(), service.StopOptions{Force: true}); err != nil {
			t.Errorf("cannot clean up: %v", err)
		}
	})
	return fakeSubject{f, "/" + base}
}

type fakeSubject struct {
	f       *Fake
	project string
}

func (s fakeSubject) Project() string { return s.project }

func (s fakeSubject) Configure(_ T, w Workload) {
	spec := service.Spec{
		Name: service.DefaultName, Project: s.project, StopTimeout: w.StopTimeout, ReloadSig: w.ReloadSignal, Watchdog: w.Watchdog,
		Readiness: w.Readiness, Restart: w.Restart,
	}
	if spec.StopTimeout == 0 {
		spec.StopTimeout = service.DefaultStopTimeout
	}
	if spec.Readiness.Kind == "" {
		spec.Readiness.Settle = service.DefaultSettle
	}
	var program Program
	if len(w.Command) == 0 {
		program = func(p *FakeProcess) service.Exit { return Play(fakeActor{p, s.project}, w.Script) }
	}
	s.f.Configure(spec, program)
}

// fakeActor plays a Script in a goroutine.
type fakeActor struct {
	*FakeProcess
	dir string
}

func (a fakeActor) Hello() Hello { return Hello{PID: a.PID, Dir: a.dir} }

func (a fakeActor) Spawn(Script) error { return errors.ErrUnsupported }

func fakeOutcome(pid int, err error) Outcome {
	o := Outcome{Exit: NoExit, PID: pid}
	if err != nil && !errors.As(err, &o.Err) {
		o.Err = &service.Error{Err: err}
	}
	return o
}

func (s fakeSubject) Start(ctx context.Context) Outcome {
	started, err := s.f.Start(ctx)
	return fakeOutcome(started.PID, err)
}

func (s fakeSubject) Stop(ctx context.Context, o service.StopOptions) Outcome {
	stopped, err := s.f.Stop(ctx, o)
	return fakeOutcome(stopped.PID, err)
}

func (s fakeSubject) Restart(ctx context.Context) Outcome {
	pid, err := service.NewManager(s.f, nil, nil).Restart(ctx)
	return fakeOutcome(pid, err)
}

func (s fakeSubject) Reload(ctx context.Context) Outcome { return fakeOutcome(0, s.f.Reload(ctx)) }

func (s fakeSubject) Status(ctx context.Context) (service.Status, Outcome) {
	st, err := s.f.Status(ctx)
	return st, fakeOutcome(0, err)
}

func (s fakeSubject) Await(ctx context.Context, ok func(service.Status) bool) (service.Status, error) {
	for {
		changed := s.f.Changed()
		st, err := s.f.Status(ctx)
		if err != nil || ok(st) {
			return st, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return st, context.Cause(ctx)
		}
	}
}

func (s fakeSubject) Logs(context.Context) (string, Outcome) {
	return strings.Join(s.f.Log(), "\n") + "\n", fakeOutcome(0, nil)
}

func (s fakeSubject) History(context.Context) ([]Event, Outcome) {
	return s.f.History(), fakeOutcome(0, nil)
}

func (s fakeSubject) Process(pid int) Existence {
	if s.f.Exists(pid) {
		return Alive
	}
	return Gone
}

func (s fakeSubject) Crash(context.Context) error {
	if !s.f.Crash() {
		return os.ErrProcessDone
	}
	return nil
}

var (
	_ Crasher   = fakeSubject{}
	_ Restarter = fakeSubject{}
)
