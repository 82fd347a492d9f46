package backends

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/systemd"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// fakeUnits is a manager of one service. daemon, when set, takes and releases the daemon's lock as the service starts and stops.
type fakeUnits struct {
	mu      sync.Mutex
	u       unit
	sock    unit // any of its sockets
	calls   []string
	results map[string]string // of jobs; "done" unless said
	errs    map[string]error
	hang    map[string]chan struct{} // a job that waits for this
	onJob   func(verb string)
	onUnit  func() // before an answer about the service
}

func (f *fakeUnits) dial(context.Context, service.Scope, int) (units, error) {
	return f, f.errs["dial"]
}

func (f *fakeUnits) call(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, what)
}

func (f *fakeUnits) set(active, sub string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.u.ActiveState, f.u.SubState = active, sub
}

func (f *fakeUnits) Unit(_ context.Context, name string) (systemd.Unit, error) {
	if f.onUnit != nil {
		f.onUnit()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if strings.HasSuffix(name, ".socket") {
		return systemd.Unit(f.sock), f.errs["unit"]
	}
	return systemd.Unit(f.u), f.errs["unit"]
}

func (f *fakeUnits) Job(ctx context.Context, verb, name string) (string, error) {
	f.call(verb + " " + name)
	if c := f.hang[verb]; c != nil {
		f.set("deactivating", "stop-sigterm")
		select {
		case <-c:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
	if f.onJob != nil {
		f.onJob(verb)
	}
	if r := f.results[verb]; r != "" {
		return r, f.errs[verb]
	}
	return "done", f.errs[verb]
}

func (f *fakeUnits) Kill(_ context.Context, name string, sig syscall.Signal) error {
	f.call(fmt.Sprintf("kill %s %d", name, sig))
	if c := f.hang["stop"]; c != nil {
		close(c)
	}
	return f.errs["kill"]
}

func (f *fakeUnits) ResetFailed(_ context.Context, name string) error {
	f.call("reset-failed " + name)
	return f.errs["reset-failed"]
}

func (f *fakeUnits) Close() {}

// called reports what was asked, without the service's name.
func (f *fakeUnits) called() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.ReplaceAll(strings.Join(f.calls, ", "), " "+shop.Service, "")
}

// fixture is a service whose daemon is this process while its lock is held.
type fixture struct {
	*Systemd
	fake *fakeUnits
	lock *pidfile.Lock
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, ".apex"), 0o755); err != nil {
		t.Fatal(err)
	}
	d := &Direct{
		Ref:  pidfile.Ref{Project: dir, Path: filepath.Join(dir, ".apex", "daemon.pid")},
		Spec: service.Spec{Name: "daemon", StopTimeout: time.Second, Readiness: service.Readiness{Timeout: time.Second}},
	}
	f := &fixture{fake: &fakeUnits{results: map[string]string{}, errs: map[string]error{}, hang: map[string]chan struct{}{}}}
	f.fake.u = unit{LoadState: "loaded", ActiveState: "inactive", SubState: "dead", UnitFileState: "enabled", Result: "success", FragmentPath: "/etc/x"}
	f.Systemd = &Systemd{Direct: d, Registration: shop, dial: f.fake.dial, Fragment: filepath.Join(dir, "none")}
	t.Cleanup(f.down)
	return f
}

// up makes this process the daemon.
func (f *fixture) up(t *testing.T, backend service.Kind, state service.State) {
	t.Helper()
	lock, _, err := f.Direct.Ref.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f.lock = lock
	self := lock.Self()
	r := pidfile.Record{
		PID: self.PID, Identity: self.Identity, StartedAt: pidfile.Time{Time: self.Started}, ProjectPath: f.Direct.Ref.Project, Schema: 1, Name: "daemon",
		Backend: string(backend), State: state, Ready: state == service.StateRunning, Workload: &pidfile.Workload{Address: "127.0.0.1:1"},
	}
	if backend == service.KindSystemd {
		r.Scope, r.Service = "system", shop.Service
	}
	if err := lock.Write(r); err != nil {
		t.Fatal(err)
	}
	f.fake.mu.Lock()
	f.fake.u.MainPID = self.PID
	f.fake.mu.Unlock()
}

func (f *fixture) down() {
	if f.lock != nil {
		_ = f.lock.Remove()
		_ = f.lock.Release()
		f.lock = nil
	}
}

// obey lets the jobs do what they are for.
func (f *fixture) obey(t *testing.T) {
	f.fake.onJob = func(verb string) {
		switch verb {
		case "start", "restart":
			f.down()
			f.up(t, service.KindSystemd, service.StateRunning)
			f.fake.set("active", "running")
		case "stop":
			f.down()
			f.fake.set("inactive", "dead")
		}
	}
}

func TestSystemdStartStop(t *testing.T) {
	f := newFixture(t)
	f.obey(t)
	s, err := f.Start(t.Context())
	if err != nil || s.PID != os.Getpid() || s.Address != "127.0.0.1:1" {
		t.Fatalf("%+v, %v", s, err)
	}
	st, err := f.Status(t.Context())
	if err != nil || !st.Running || st.Backend != "systemd" || st.Service == nil || *st.Service != shop.Service || *st.Native != "active (running)" {
		t.Errorf("%+v, %v", st, err)
	}
	if _, err := f.Start(t.Context()); !errors.Is(err, service.ErrAlreadyRunning) {
		t.Errorf("second start: %v", err)
	}
	if s, err = f.Restart(t.Context()); err != nil || s.PID != os.Getpid() {
		t.Errorf("restart: %+v, %v", s, err)
	}
	gone, err := f.Stop(t.Context(), service.StopOptions{})
	if err != nil || gone.PID != os.Getpid() || gone.Killed {
		t.Errorf("stop: %+v, %v", gone, err)
	}
	if gone, err = f.Stop(t.Context(), service.StopOptions{}); err != nil || gone.PID != 0 {
		t.Errorf("second stop: %+v, %v", gone, err)
	}
	if got := f.fake.called(); got != "reset-failed, start, reset-failed, restart, stop, reset-failed, stop, reset-failed" {
		t.Errorf("asked: %s", got)
	}
}

// TestSystemdStartRefused: each of these is told before anything is started.
func TestSystemdStartRefused(t *testing.T) {
	tests := []struct {
		name  string
		setup func(*fakeUnits)
		code  service.Code
		says  string
	}{
		{"masked", func(f *fakeUnits) { f.u.LoadState = "masked" }, service.CodeStartFailed, "masked"},
		{"not found", func(f *fakeUnits) { f.u.LoadState = "not-found" }, service.CodeServiceNotFound, "does not know"},
		{"bad setting", func(f *fakeUnits) { f.u.LoadState = "bad-setting" }, service.CodeStartFailed, "cannot load"},
		{"no bus", func(f *fakeUnits) { f.errs["dial"] = errors.New("no socket") }, service.CodeStartFailed, "no socket"},
		{"may not ask", func(f *fakeUnits) { f.errs["unit"] = systemd.ErrDenied }, service.CodePermissionDenied, "belongs to the system"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			tt.setup(f.fake)
			_, err := f.Start(t.Context())
			if service.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %s", err, tt.code)
			}
			var e *service.Error
			if errors.As(err, &e) && e.Hint == "" && tt.name != "no bus" {
				t.Error("no hint")
			}
			if got := f.fake.called(); got != "" {
				t.Errorf("asked: %s", got)
			}
		})
	}
}

// TestSystemdStartFails: whatever the reason, the manager is told to leave it, and the error has what is known.
func TestSystemdStartFails(t *testing.T) {
	tests := []struct {
		name, result string
		err          error
		setup        func(t *testing.T, f *fixture)
		code         service.Code
		says, asked  string
	}{
		{"workload fails", "failed", nil, func(t *testing.T, f *fixture) { f.failed(t, "the workload exited with status 3") }, service.CodeStartFailed, "exited with status 3 before it was ready", "reset-failed, start, stop"},
		{"daemon is killed", "failed", nil, func(_ *testing.T, f *fixture) {
			f.fake.u.Result, f.fake.u.ExitStatus = "signal", 9
		}, service.CodeStartFailed, "ended by signal 9", "reset-failed, start, stop"},
		{"canceled", "canceled", nil, func(*testing.T, *fixture) {}, service.CodeStartFailed, "stopped it meanwhile", "reset-failed, start, stop"},
		{"denied", "", systemd.ErrDenied, func(*testing.T, *fixture) {}, service.CodePermissionDenied, "belongs to the system", "reset-failed, start"},
		{"foreign daemon has the lock", "failed", nil, func(t *testing.T, f *fixture) { f.up(t, service.KindDirect, service.StateRunning) }, service.CodeAlreadyRunning, "outside of its service", "reset-failed, start"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.fake.results["start"], f.fake.errs["start"] = tt.result, tt.err
			f.fake.onJob = func(verb string) {
				if verb == "start" {
					tt.setup(t, f)
				}
			}
			_, err := f.Start(t.Context())
			if service.CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %s and %q", err, tt.code, tt.says)
			}
			if got := f.fake.called(); got != tt.asked {
				t.Errorf("asked: %s, want %s", got, tt.asked)
			}
		})
	}
}

// failed leaves the record of a daemon that gave up.
func (f *fixture) failed(t *testing.T, why string) {
	t.Helper()
	f.up(t, service.KindSystemd, service.StateStarting)
	rec, err := pidfile.Read(f.Direct.Ref.Path)
	if err != nil {
		t.Fatal(err)
	}
	rec.State, rec.StatusText = service.StateFailed, why
	if err := f.lock.Write(*rec); err != nil {
		t.Fatal(err)
	}
	_ = f.lock.Release()
	f.lock = nil
}

// TestSystemdStartResets: a limit that was hit does not keep a person from starting it.
func TestSystemdStartResets(t *testing.T) {
	f := newFixture(t)
	f.obey(t)
	f.fake.u.ActiveState, f.fake.u.Result = "failed", "start-limit-hit"
	if _, err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.fake.called(); got != "reset-failed, start" {
		t.Errorf("asked: %s", got)
	}
}

// TestSystemdKill: the stop job comes first, so that the manager does not start again what is killed.
func TestSystemdKill(t *testing.T) {
	tests := []struct {
		name string
		o    service.StopOptions
	}{
		{"by force", service.StopOptions{Force: true}},
		{"late", service.StopOptions{Timeout: time.Millisecond}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFixture(t)
			f.obey(t)
			f.up(t, service.KindSystemd, service.StateRunning)
			f.fake.set("active", "running")
			f.fake.hang["stop"] = make(chan struct{})
			s, err := f.Stop(t.Context(), tt.o)
			if err != nil || !s.Killed {
				t.Errorf("%+v, %v", s, err)
			}
			calls := strings.Split(f.fake.called(), ", ")
			if i, j := slices.Index(calls, "stop"), slices.Index(calls, "kill 9"); i != 0 || j < i {
				t.Errorf("asked: %s", calls)
			}
		})
	}
}

// TestSystemdSockets: a stop closes the sockets first, a restart those alone whose units are newer than they are, and a failed start all of them.
func TestSystemdSockets(t *testing.T) {
	http := strings.TrimSuffix(shop.Service, ".service") + "-http.socket"
	open := func(t *testing.T) *fixture {
		f := newFixture(t)
		f.obey(t)
		path := filepath.Join(t.TempDir(), http)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		f.fake.u.TriggeredBy = []string{http, "mine.socket"}
		f.fake.sock = unit{ActiveState: "active", FragmentPath: path, Since: time.Now().Add(time.Minute)}
		return f
	}
	asked := func(f *fixture) string { return strings.ReplaceAll(f.fake.called(), http, "http") }
	f := open(t)
	if _, err := f.Stop(t.Context(), service.StopOptions{}); err != nil || asked(f) != "stop http, reset-failed http, stop, reset-failed" {
		t.Errorf("stop: %v, asked %s", err, asked(f))
	}
	f = open(t)
	if _, err := f.Restart(t.Context()); err != nil || asked(f) != "reset-failed, restart" {
		t.Errorf("restart: %v, asked %s", err, asked(f))
	}
	f = open(t)
	f.fake.sock.Since = time.Unix(1, 0)
	if _, err := f.Restart(t.Context()); err != nil || asked(f) != "reset-failed, stop http, restart" {
		t.Errorf("restart with a changed socket: %v, asked %s", err, asked(f))
	}
	f = open(t)
	f.fake.onJob, f.fake.results["start"] = nil, "dependency"
	f.fake.sock.ActiveState, f.fake.sock.Result = "failed", "resources"
	_, err := f.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), http+" cannot be opened (resources)") || asked(f) != "reset-failed, start, stop http, reset-failed http, stop" {
		t.Errorf("start: %v, asked %s", err, asked(f))
	}
}

func TestSystemdStopFails(t *testing.T) {
	f := newFixture(t)
	f.fake.results["stop"] = "timeout"
	if _, err := f.Stop(t.Context(), service.StopOptions{}); !errors.Is(err, service.ErrStopFailed) || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("timeout: %v", err)
	}
	f = newFixture(t)
	f.fake.errs["stop"] = systemd.ErrDenied
	if _, err := f.Stop(t.Context(), service.StopOptions{}); !errors.Is(err, service.ErrPermissionDenied) {
		t.Errorf("denied: %v", err)
	}
	f = newFixture(t)
	f.up(t, service.KindDirect, service.StateRunning) // the job does not reach it
	if _, err := f.Stop(t.Context(), service.StopOptions{}); !errors.Is(err, service.ErrStopFailed) || !strings.Contains(err.Error(), "outside of it") {
		t.Errorf("outside: %v", err)
	}
}

// TestSystemdUnasked: without the manager, lock and record still tell the truth.
// TestSystemdLate: a systemd that has not heard of the daemon's end is asked until it has, or has had the time to.
func TestSystemdLate(t *testing.T) {
	for _, row := range []struct {
		name  string
		after int // how many answers it hears of it; 0 is never
		want  service.State
	}{
		{"it hears", askAgain + 2, service.StateRestarting},
		{"it is about something else", 0, service.StateUnknown},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newFixture(t)
			f.fake.set("active", "running")
			answers := 0
			f.fake.onUnit = func() {
				if answers++; answers == row.after {
					f.fake.set("activating", "auto-restart")
				}
			}
			if s, err := f.Status(t.Context()); err != nil || s.State != row.want || s.Running {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

func TestSystemdUnasked(t *testing.T) {
	for _, running := range []bool{false, true} {
		f := newFixture(t)
		f.fake.errs["dial"] = errors.New("no socket")
		if running {
			f.up(t, service.KindSystemd, service.StateRunning)
		}
		s, err := f.Status(t.Context())
		if err != nil || s.Running != running || !s.Registered || s.Enabled != nil || s.Native != nil || s.Service == nil || *s.Service != shop.Service {
			t.Errorf("%+v, %v", s, err)
		}
		if len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "no socket") {
			t.Errorf("warnings: %q", s.Warnings)
		}
	}
}

func TestSystemdReload(t *testing.T) {
	f := newFixture(t)
	if err := f.Reload(t.Context()); !errors.Is(err, service.ErrNotRunning) {
		t.Errorf("not running: %v", err)
	}
	f.up(t, service.KindSystemd, service.StateRunning)
	f.fake.onJob = func(string) {
		rec, err := pidfile.Read(f.Direct.Ref.Path)
		if err != nil {
			t.Fatal(err)
		}
		rec.Since = pidfile.Time{Time: time.Now().Add(time.Second)}
		if err := f.lock.Write(*rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	f.fake.onJob, f.fake.errs["reload"] = nil, systemd.ErrDenied
	if err := f.Reload(t.Context()); !errors.Is(err, service.ErrPermissionDenied) {
		t.Errorf("denied: %v", err)
	}
	if got := f.fake.called(); got != "reload, reload" {
		t.Errorf("asked: %s", got)
	}
}
