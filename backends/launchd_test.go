package backends

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// fakeCtl is a launchd with one job, whose process is whatever a test says. e2e/fakelaunchd has real ones.
type fakeCtl struct {
	mu       sync.Mutex
	calls    []string
	domain   launchd.Domain // where the job is, or would be
	job      launchd.Job
	loaded   bool
	disabled bool
	errs     map[string]error
	onLoad   func(*launchd.Job)
	onKick   func(*launchd.Job)
	onPrint  func()
	onUnload func()
	onKill   func()
}

func (f *fakeCtl) call(text string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, text)
	verb, _, _ := strings.Cut(text, " ")
	return f.errs[verb]
}

func (f *fakeCtl) called() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.calls, ", ")
}

func (f *fakeCtl) Find(ctx context.Context, domains []launchd.Domain, label string) (launchd.Job, error) {
	if err := f.errs["print"]; err != nil {
		return launchd.Job{}, err
	}
	return f.Print(ctx, f.domain, label)
}

func (f *fakeCtl) Print(_ context.Context, d launchd.Domain, _ string) (launchd.Job, error) {
	if f.onPrint != nil {
		f.onPrint()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.loaded || d != f.domain {
		return launchd.Job{Domain: f.domain}, &launchd.Error{Verb: "print", Status: 113}
	}
	f.job.Domain = f.domain
	return f.job, nil
}

func (f *fakeCtl) Disabled(context.Context, launchd.Domain, string) (bool, error) {
	return f.disabled, f.errs["print-disabled"]
}

func (f *fakeCtl) Enable(context.Context, launchd.Domain, string) error {
	f.disabled = false
	return f.call("enable")
}

func (f *fakeCtl) Disable(context.Context, launchd.Domain, string) error {
	f.disabled = true
	return f.call("disable")
}

func (f *fakeCtl) Load(_ context.Context, d launchd.Domain, _, _ string) error {
	if err := f.call("load " + string(d)); err != nil {
		return err
	}
	if d != f.domain {
		return &launchd.Error{Verb: "bootstrap", Target: string(d), Status: 125}
	}
	f.mu.Lock()
	f.loaded, f.job = true, launchd.Job{State: launchd.StateRunning, PID: os.Getpid(), Runs: 1}
	f.mu.Unlock()
	f.change(f.onLoad)
	return nil
}

func (f *fakeCtl) change(hook func(*launchd.Job)) {
	if hook == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	hook(&f.job)
}

func (f *fakeCtl) Unload(ctx context.Context, _ launchd.Domain, _, _ string) error {
	if err := f.call("unload"); err != nil {
		return err
	}
	f.change(func(j *launchd.Job) { j.State = launchd.StateTermed })
	if f.onUnload != nil {
		f.onUnload()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.loaded = false
	return ctx.Err()
}

func (f *fakeCtl) Kickstart(context.Context, launchd.Domain, string) error {
	f.change(f.onKick)
	return f.call("kickstart")
}

func (f *fakeCtl) Kill(_ context.Context, _ launchd.Domain, _, signal string) error {
	if f.onKill != nil {
		f.onKill()
	}
	return f.call("kill " + signal)
}

// jobFixture is a job whose daemon is this process while its lock is held.
type jobFixture struct {
	*fixture
	*Launchd
	fake *fakeCtl
}

func newJobFixture(t *testing.T) *jobFixture {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("launchd is no manager of Windows, where a watched directory stays open for a moment after its watch")
	}
	f := &jobFixture{fixture: newFixture(t), fake: &fakeCtl{domain: launchd.GUI(501), errs: map[string]error{}}}
	file := filepath.Join(f.Systemd.Direct.Ref.Project, "x.plist")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f.Launchd = &Launchd{Direct: f.Systemd.Direct, Registration: shopJob, Owner: 501, File: file, ctl: f.fake}
	return f
}

// up makes this process the daemon of the job.
func (f *jobFixture) up(t *testing.T) {
	t.Helper()
	f.fixture.up(t, service.KindLaunchd, service.StateRunning)
	r, err := pidfile.Read(f.Launchd.Direct.Ref.Path)
	if err != nil {
		t.Fatal(err)
	}
	r.Service = shopJob.Service
	if err := f.lock.Write(*r); err != nil {
		t.Fatal(err)
	}
}

func TestLaunchdStart(t *testing.T) {
	for _, row := range []struct {
		name   string
		before func(t *testing.T, f *jobFixture)
		calls  string
		code   service.Code // of the error, "" for none
		says   string
	}{
		{"it comes up", func(t *testing.T, f *jobFixture) { f.fake.onLoad = func(*launchd.Job) { f.up(t) } }, "load gui/501", "", ""},
		{"launchd puts it off", func(t *testing.T, f *jobFixture) {
			f.fake.onLoad = func(j *launchd.Job) { *j = launchd.Job{State: "not running", Pended: "speculative"} }
			f.fake.onKick = func(j *launchd.Job) {
				*j = launchd.Job{State: "running", PID: os.Getpid(), Runs: 1}
				f.up(t)
			}
		}, "load gui/501, kickstart", "", ""},
		{"over ssh", func(t *testing.T, f *jobFixture) {
			f.fake.domain, f.fake.onLoad = launchd.User(501), func(*launchd.Job) { f.up(t) }
		}, "load gui/501, load user/501", "", ""},
		{"disabled, and still so afterwards", func(t *testing.T, f *jobFixture) {
			f.fake.disabled, f.fake.onLoad = true, func(*launchd.Job) { f.up(t) }
		}, "enable, load gui/501, disable", "", ""},
		{"an idle job", func(t *testing.T, f *jobFixture) {
			f.fake.loaded, f.fake.job = true, launchd.Job{State: "not running", Runs: 3, Exited: true}
			f.fake.onLoad = func(*launchd.Job) { f.up(t) }
		}, "unload, load gui/501", "", ""},
		{"it runs", func(t *testing.T, f *jobFixture) { f.up(t) }, "", service.CodeAlreadyRunning, "already running"},
		{"launchd has begun to start it", func(t *testing.T, f *jobFixture) {
			f.fake.loaded, f.fake.job = true, launchd.Job{State: "running", PID: os.Getpid(), Runs: 1}
			f.fake.onPrint = func() {
				if f.fake.onPrint = nil; f.lock == nil {
					f.up(t)
				}
			}
		}, "", service.CodeAlreadyRunning, "already running"},
		{"it ends at once", func(_ *testing.T, f *jobFixture) {
			f.fake.onLoad = func(j *launchd.Job) { *j = launchd.Job{State: "spawn scheduled", Runs: 1, Exited: true, ExitCode: 3} }
		}, "load gui/501, unload", service.CodeStartFailed, "the daemon exited with status 3 (launchd: spawn scheduled, last exit code 3)"},
		{"it cannot be executed", func(_ *testing.T, f *jobFixture) {
			f.fake.onLoad = func(j *launchd.Job) { *j = launchd.Job{State: "spawn scheduled", Runs: 1, Exited: true, ExitCode: 78} }
		}, "load gui/501, unload", service.CodeStartFailed, "could not be executed"},
		{"somebody boots it out", func(_ *testing.T, f *jobFixture) {
			f.fake.onLoad = func(*launchd.Job) { f.fake.loaded = false }
		}, "load gui/501, unload", service.CodeStartFailed, "somebody has booted it out"},
		{"a direct one is faster", func(t *testing.T, f *jobFixture) {
			f.fake.onLoad = func(*launchd.Job) { f.fixture.up(t, service.KindDirect, service.StateRunning) }
		}, "load gui/501, unload", service.CodeAlreadyRunning, "outside of its service"},
		{"nobody is logged in", func(_ *testing.T, f *jobFixture) { f.fake.domain = launchd.GUI(7) }, "load gui/501, load user/501", service.CodeStartFailed, "nobody is logged in at the screen"},
		{"no permission", func(_ *testing.T, f *jobFixture) {
			f.fake.errs["load"] = &launchd.Error{Verb: "bootstrap", Status: 1}
		}, "load gui/501", service.CodePermissionDenied, "not permitted"},
		{"not registered any more", func(t *testing.T, f *jobFixture) {
			if err := os.Remove(f.File); err != nil {
				t.Fatal(err)
			}
			f.fake.errs["load"] = &launchd.Error{Verb: "bootstrap", Status: 5}
		}, "load gui/501", service.CodeServiceNotFound, "input/output error"},
		{"launchctl cannot be run", func(_ *testing.T, f *jobFixture) { f.fake.errs["print"] = fs.ErrInvalid }, "", service.CodeStartFailed, "invalid"},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newJobFixture(t)
			row.before(t, f)
			s, err := f.Launchd.Start(t.Context())
			if service.CodeOf(err) != row.code || row.code == "" && s.PID != os.Getpid() || err != nil && !strings.Contains(err.Error(), row.says) {
				t.Errorf("%+v, %v, want %q %q", s, err, row.code, row.says)
			}
			if got := f.fake.called(); got != row.calls {
				t.Errorf("asked %q, want %q", got, row.calls)
			}
		})
	}
}

// TestLaunchdStartTakenBack: a start that is called off leaves nothing loaded, also when launchctl was interrupted.
func TestLaunchdStartTakenBack(t *testing.T) {
	for _, where := range []string{"while it starts", "in launchctl"} {
		f := newJobFixture(t)
		ctx, cancel := context.WithCancel(t.Context())
		f.fake.onLoad = func(j *launchd.Job) {
			if where == "in launchctl" {
				*j = launchd.Job{State: "not running"}
				f.fake.errs["kickstart"] = context.Canceled
			}
			cancel()
		}
		_, err := f.Launchd.Start(ctx)
		if service.CodeOf(err) != service.CodeStartFailed || !strings.HasSuffix(f.fake.called(), "unload") || f.fake.loaded {
			t.Errorf("%s: %v, asked %q", where, err, f.fake.called())
		}
	}
}

func TestLaunchdStop(t *testing.T) {
	t.Run("it runs", func(t *testing.T) {
		f := newJobFixture(t)
		f.up(t)
		f.fake.loaded, f.fake.job = true, launchd.Job{State: "running", PID: os.Getpid(), Runs: 1}
		f.fake.onUnload = f.fixture.down
		st, err := f.Launchd.Stop(t.Context(), service.StopOptions{})
		if err != nil || st.PID != os.Getpid() || st.Killed || f.fake.called() != "unload" {
			t.Errorf("%+v, %v, asked %q", st, err, f.fake.called())
		}
	})
	t.Run("not loaded", func(t *testing.T) {
		f := newJobFixture(t)
		if st, err := f.Launchd.Stop(t.Context(), service.StopOptions{}); err != nil || st.PID != 0 || f.fake.called() != "" {
			t.Errorf("%+v, %v, asked %q", st, err, f.fake.called())
		}
	})
	t.Run("launchd does not let go", func(t *testing.T) {
		f := newJobFixture(t)
		f.fake.loaded, f.fake.errs["unload"] = true, errors.New("launchd still has it")
		if _, err := f.Launchd.Stop(t.Context(), service.StopOptions{}); service.CodeOf(err) != service.CodeStopFailed || !strings.Contains(err.Error(), "still has it") {
			t.Errorf("%v", err)
		}
	})
	t.Run("it runs outside", func(t *testing.T) {
		f := newJobFixture(t)
		f.fixture.up(t, service.KindDirect, service.StateRunning)
		if _, err := f.Launchd.Stop(t.Context(), service.StopOptions{}); service.CodeOf(err) != service.CodeStopFailed || !strings.Contains(err.Error(), "runs outside of it") {
			t.Errorf("%v", err)
		}
	})
}

func TestLaunchdReload(t *testing.T) {
	f := newJobFixture(t)
	f.up(t)
	f.fake.loaded, f.fake.job = true, launchd.Job{State: "running", PID: os.Getpid(), Runs: 1}
	f.fake.onKill = func() {
		r, err := pidfile.Read(f.Launchd.Direct.Ref.Path)
		if err != nil {
			t.Error(err)
			return
		}
		r.Since = pidfile.Time{Time: r.Since.Add(time.Second)}
		if err := f.lock.Write(*r); err != nil {
			t.Error(err)
		}
	}
	if err := f.Launchd.Reload(t.Context()); err != nil || f.fake.called() != "kill SIGHUP" {
		t.Errorf("%v, asked %q", err, f.fake.called())
	}
}

func TestLaunchdStatus(t *testing.T) {
	f := newJobFixture(t)
	f.fake.disabled = true
	st, err := f.Launchd.Status(t.Context())
	if err != nil || st.State != service.StateStopped || !st.Registered || st.Enabled == nil || *st.Enabled || *st.Native != "not loaded" || st.Backend != "launchd" {
		t.Errorf("%+v, %v", st, err)
	}
	f.fake.errs["print"] = errors.New("no answer within 10s")
	st, err = f.Launchd.Status(t.Context())
	if err != nil || !st.Registered || st.Enabled != nil || st.Native != nil || !slices.ContainsFunc(st.Warnings, func(w string) bool { return strings.Contains(w, "cannot ask launchd") }) {
		t.Errorf("%+v, %v", st, err)
	}
}

// TestJobFiles: whose domain an agent is in is told by its file's owner, not by whoever asks.
func TestJobFiles(t *testing.T) {
	home := t.TempDir()
	got := jobFiles("x", []person{{501, home, ""}, {502, "/nonexistent", ""}})
	var paths []string
	for _, f := range got {
		paths = append(paths, f.path)
	}
	want := []string{launchd.File(service.ScopeSystem, "", "x"), filepath.Join(home, "Library/LaunchAgents/x.plist"), filepath.Join("/nonexistent", "Library/LaunchAgents/x.plist")}
	if !slices.Equal(paths, want) || got[0].scope != service.ScopeSystem || got[1].uid != 501 || got[2].uid != 502 {
		t.Errorf("%+v, want %q", got, want)
	}
	if err := os.MkdirAll(filepath.Dir(want[1]), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(want[1], nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if uid := jobFiles("x", []person{{501, home, ""}})[1].uid; os.Getuid() >= 0 && uid != os.Getuid() {
		t.Errorf("the file of %d is in the domain of %d", os.Getuid(), uid)
	}
}
