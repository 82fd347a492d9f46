package backends

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

var serviceRegistration = service.Registration{Backend: service.KindWindows, Scope: service.ScopeSystem, Service: "apex-shop-1"}

// TestMergeService walks every state of the SCM, with and without the lock held.
func TestMergeService(t *testing.T) {
	const dead = 666
	tests := []struct {
		name    string
		running bool
		record  service.State
		q       winsvc.Status
		want    service.State
		warns   bool
	}{
		{"stopped", false, service.StateStopped, winsvc.Status{State: winsvc.Stopped}, service.StateStopped, false},
		{"crashed", false, service.StateFailed, winsvc.Status{State: winsvc.Stopped, Exit: winsvc.ErrorProcessAborted}, service.StateFailed, false},
		{"cleared after a crash", false, service.StateStopped, winsvc.Status{State: winsvc.Stopped, Exit: winsvc.ErrorProcessAborted}, service.StateStopped, false},
		{"starting, before the lock", false, service.StateStopped, winsvc.Status{State: winsvc.StartPending, PID: 5}, service.StateStarting, false},
		{"stopping, after the lock", false, service.StateStopped, winsvc.Status{State: winsvc.StopPending, PID: 5}, service.StateStopping, false},
		{"runs something else", false, service.StateStopped, winsvc.Status{State: winsvc.Running, PID: 5}, service.StateUnknown, true},
		{"the SCM has not noticed", false, service.StateFailed, winsvc.Status{State: winsvc.Running, PID: dead}, service.StateFailed, true},
		{"starting", true, service.StateStarting, winsvc.Status{State: winsvc.StartPending, PID: 5}, service.StateStarting, false},
		{"running", true, service.StateRunning, winsvc.Status{State: winsvc.Running, PID: 5}, service.StateRunning, false},
		{"reloading", true, service.StateReloading, winsvc.Status{State: winsvc.Running, PID: 5}, service.StateReloading, false},
		{"stopping", true, service.StateRunning, winsvc.Status{State: winsvc.StopPending, PID: 5}, service.StateStopping, false},
		{"outside", true, service.StateRunning, winsvc.Status{State: winsvc.Stopped}, service.StateRunning, true},
		{"another process", true, service.StateRunning, winsvc.Status{State: winsvc.Running, PID: 6}, service.StateRunning, true},
		{"paused by somebody", true, service.StateRunning, winsvc.Status{State: winsvc.Paused, PID: 5}, service.StateRunning, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pid := 5
			st := service.Status{State: tt.record, Running: tt.running, Backend: string(service.KindDirect)}
			if tt.running {
				st.PID = &pid
			}
			mergeService(&st, tt.q, winsvc.Manual, serviceRegistration, func(pid int) bool { return pid != dead })
			if st.State != tt.want || len(st.Warnings) > 0 != tt.warns || !st.Registered || *st.Native != tt.q.Native() || *st.Enabled {
				t.Errorf("%s, native %q, warnings %q", st.State, *st.Native, st.Warnings)
			}
			if outside := tt.running && tt.q.PID != pid; (st.Service == nil) != outside {
				t.Errorf("service %v of a daemon that is outside: %v", st.Service, outside)
			}
		})
	}
}

// TestMergeServiceWithoutRecord: somebody has deleted it, and the lock is held.
func TestMergeServiceWithoutRecord(t *testing.T) {
	st := service.Status{State: service.StateRunning, Running: true}
	mergeService(&st, winsvc.Status{State: winsvc.Running, PID: 5}, winsvc.Automatic, serviceRegistration, func(int) bool { return true })
	if st.PID == nil || *st.PID != 5 || st.Service == nil || st.State != service.StateRunning {
		t.Errorf("%+v", st)
	}
}

// fakeService answers with its states in turn, and with the last one from then on.
type fakeService struct {
	states []winsvc.Status
	start  error
	busy   int // how many starts find the SCM so
	stops  int
	sent   bool
}

func (f *fakeService) Query() (winsvc.Status, error) {
	st := f.states[0]
	if len(f.states) > 1 {
		f.states = f.states[1:]
	}
	return st, nil
}

func (f *fakeService) Start() error {
	if f.busy--; f.busy >= 0 {
		return fmt.Errorf("StartService: %w", winsvc.ErrBusy)
	}
	return f.start
}

func (f *fakeService) Stop() (bool, error) {
	f.stops++
	return f.sent, nil
}

func (f *fakeService) Reload() (bool, error) { return f.sent, nil }

func (f *fakeService) Wait(ctx context.Context, done func(winsvc.Status) bool) (winsvc.Status, error) {
	if _, bounded := ctx.Deadline(); !bounded {
		return winsvc.Status{}, errors.New("a wait without a bound")
	}
	if ctx.Err() != nil {
		return f.states[0], context.Cause(ctx)
	}
	for {
		st, _ := f.Query()
		if done(st) {
			return st, nil
		}
		if len(f.states) == 1 && !done(f.states[0]) { // it will never be
			<-ctx.Done()
			return st, context.Cause(ctx)
		}
	}
}

func (f *fakeService) StartType() winsvc.StartType { return winsvc.Automatic }

func (f *fakeService) Close() {}

func scmWith(t *testing.T, f *fakeService, err error) *SCM {
	t.Helper()
	project := t.TempDir()
	d := &Direct{Ref: pidfile.Ref{Path: filepath.Join(project, ".apex", "daemon.pid"), Project: project}}
	d.Spec.Name, d.Spec.Readiness.Timeout = "daemon", time.Minute
	s := newSCM(d, serviceRegistration)
	s.open = func(string, bool) (scmService, error) {
		if err != nil {
			return nil, err
		}
		return f, nil
	}
	return s
}

// TestServiceHasLock: somebody has deleted the record of a service, whose guard is its account's. The SCM knows who has the lock.
func TestServiceHasLock(t *testing.T) {
	self := winsvc.Status{State: winsvc.Running, PID: os.Getpid()}
	for _, row := range []struct {
		name   string
		states []winsvc.Status
		open   error
		want   int
	}{
		{"runs", []winsvc.Status{self}, nil, os.Getpid()},
		{"starts", []winsvc.Status{{State: winsvc.StartPending, PID: os.Getpid()}}, nil, 0},
		{"is gone, which the SCM has not seen", []winsvc.Status{{State: winsvc.Running, PID: 1 << 30}}, nil, 0},
		{"ends meanwhile", []winsvc.Status{self, {State: winsvc.Stopped}}, nil, 0},
		{"is another one meanwhile", []winsvc.Status{self, {State: winsvc.Running, PID: 1 << 30}}, nil, 0},
		{"may not be opened", nil, fs.ErrPermission, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := scmWith(t, &fakeService{states: row.states}, row.open)
			p := s.serves()
			if p.PID != row.want || row.want != 0 && p.Identity.IsZero() {
				t.Errorf("%+v, want PID %d", p, row.want)
			}
			if row.want == 0 {
				return
			}
			lock, _, err := s.Direct.Ref.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { lock.Release() })
			var e *service.Error
			if _, err := s.Start(t.Context()); !errors.As(err, &e) || e.Code != service.CodeAlreadyRunning || e.PID != os.Getpid() {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestServiceStartFails(t *testing.T) {
	gone := winsvc.Status{State: winsvc.Stopped}
	tests := []struct {
		name string
		f    fakeService
		open error
		want error
		text string
	}{
		{"ends at once", fakeService{states: []winsvc.Status{{State: winsvc.StartPending}, gone}}, nil, service.ErrStartFailed, "before it was ready"},
		{"ends with a status", fakeService{states: []winsvc.Status{{State: winsvc.Stopped, Exit: winsvc.ErrorServiceSpecific, Specific: 9}}}, nil, service.ErrStartFailed, "status 9"},
		{"ends at once, when the SCM has had time for it", fakeService{busy: 3, states: []winsvc.Status{gone}}, nil, service.ErrStartFailed, "before it was ready"},
		{"refused", fakeService{start: fs.ErrPermission}, nil, service.ErrPermissionDenied, "administrators"},
		{"may not be opened", fakeService{}, fs.ErrPermission, service.ErrPermissionDenied, "administrators"},
		{"not there", fakeService{}, winsvc.ErrNotInstalled, service.ErrServiceNotFound, "no such service"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := scmWith(t, &tt.f, tt.open).Start(t.Context())
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestServiceStartInterrupted: a start that nobody waits for any more is taken back.
func TestServiceStartInterrupted(t *testing.T) {
	f := &fakeService{states: []winsvc.Status{{State: winsvc.StartPending}, {State: winsvc.StopPending}, {State: winsvc.Stopped}}, sent: true}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := scmWith(t, f, nil).Start(ctx); !errors.Is(err, service.ErrStartFailed) || f.stops != 1 {
		t.Errorf("%v, %d stops", err, f.stops)
	}
}

// TestServiceStartBusy: an SCM that has no time for a start within its bound is what the start says.
func TestServiceStartBusy(t *testing.T) {
	s := scmWith(t, &fakeService{busy: 1 << 30, states: []winsvc.Status{{State: winsvc.Stopped}}}, nil)
	s.Direct.Spec.Readiness.Timeout = 50*time.Millisecond - startMargin
	if _, err := s.Start(t.Context()); !errors.Is(err, service.ErrStartFailed) || !errors.Is(err, winsvc.ErrBusy) || !strings.Contains(err.Error(), "not ready within") {
		t.Errorf("%v", err)
	}
}

func TestServiceStop(t *testing.T) {
	tests := []struct {
		name  string
		f     fakeService
		force bool
		stops int
	}{
		{"stops", fakeService{states: []winsvc.Status{{State: winsvc.StopPending}, {State: winsvc.StopPending}, {State: winsvc.Stopped}}, sent: true}, false, 1},
		{"stopped already", fakeService{states: []winsvc.Status{{State: winsvc.Stopped}}}, false, 1},
		{"is stopping already", fakeService{states: []winsvc.Status{{State: winsvc.StopPending}, {State: winsvc.Stopped}}}, false, 1},
		{"starting: the daemon is asked", fakeService{states: []winsvc.Status{{State: winsvc.StartPending}, {State: winsvc.Stopped}}}, false, 1},
		{"force: the daemon is asked", fakeService{states: []winsvc.Status{{State: winsvc.Running}, {State: winsvc.Stopped}}}, true, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := scmWith(t, &tt.f, nil).Stop(t.Context(), service.StopOptions{Force: tt.force}); err != nil || tt.f.stops != tt.stops {
				t.Errorf("%v, %d stops", err, tt.f.stops)
			}
		})
	}
}

// TestServiceUnasked: lock and record answer where the SCM does not.
func TestServiceUnasked(t *testing.T) {
	for _, tt := range []struct {
		name       string
		err        error
		registered bool
	}{{"access denied", fs.ErrPermission, true}, {"a key without a service", winsvc.ErrNotInstalled, false}} {
		t.Run(tt.name, func(t *testing.T) {
			st, err := scmWith(t, nil, tt.err).Status(t.Context())
			if err != nil || st.State != service.StateStopped || st.Registered != tt.registered || len(st.Warnings) != 1 {
				t.Errorf("%v, %+v", err, st)
			}
		})
	}
}
