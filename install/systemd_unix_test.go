//go:build unix

package install

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// plan plans the installation of r, which must be possible.
func plan(t *testing.T, s *Systemd, r Request) *Plan {
	t.Helper()
	p, err := s.Install(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// installed is a machine on which r is installed.
func installed(t *testing.T, r Request) (*fakeManager, *Systemd) {
	t.Helper()
	m := newFake(t)
	s := m.open(t)
	if err := plan(t, s, r).Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m, s
}

func TestInstallIsIdempotent(t *testing.T) {
	r := request()
	r.Now = true
	m, s := installed(t, r)
	name := r.name() + ".service"
	if m.active[name] != "active" {
		t.Errorf("--now has not started it: asked %q", m.asked)
	}
	before := m.snapshot(t)
	p := plan(t, s, r)
	if !p.UpToDate || len(p.Commands) > 0 || p.Files[0].Diff != "" || !strings.Contains(p.String(), "up to date") {
		t.Errorf("again: %+v", p)
	}
	if err := p.Apply(t.Context()); err != nil {
		t.Error(err)
	}
	if d := differences(before, m.snapshot(t)); len(d) > 0 {
		t.Errorf("installing again has changed %q", d)
	}
	r.Hardening = HardeningOff
	r.Now = false
	p = plan(t, s, r)
	if p.UpToDate || !p.Restart || !strings.Contains(p.String(), "- NoNewPrivileges=yes") || !strings.Contains(p.String(), "until it is restarted") {
		t.Errorf("with another definition: %s", p)
	}
	if d := differences(before, m.snapshot(t)); len(d) > 0 {
		t.Errorf("planning has changed %q", d)
	}
}

// TestFaults has every step of several installations fail, after it has done its work, and looks for what is left.
func TestFaults(t *testing.T) {
	r := request()
	r.Now = true
	r.Takeover = &Hook{Do: func(context.Context) error { return nil }}
	changed := r
	changed.Hardening = HardeningOff
	open := withSockets(r, "http:81", "control:82")
	opened := withSockets(r, "http:91", "dns:82")
	for _, tt := range []struct {
		name string
		on   func(t *testing.T) (*fakeManager, *Systemd) // the machine before
		r    Request
	}{
		{"first", func(t *testing.T) (*fakeManager, *Systemd) { m := newFake(t); return m, m.open(t) }, r},
		{"a change", func(t *testing.T) (*fakeManager, *Systemd) { return installed(t, r) }, changed},
		{"a change of what is disabled and stopped", func(t *testing.T) (*fakeManager, *Systemd) {
			m, s := installed(t, r)
			if err := errors.Join(m.Stop(t.Context(), r.name()+".service"), m.Disable(t.Context(), r.name()+".service")); err != nil {
				t.Fatal(err)
			}
			return m, s
		}, changed},
		{"sockets", func(t *testing.T) (*fakeManager, *Systemd) { m := newFake(t); return m, m.open(t) }, open},
		{"sockets come and go", func(t *testing.T) (*fakeManager, *Systemd) { return installed(t, open) }, opened},
		{"over an empty file and a link to nothing", func(t *testing.T) (*fakeManager, *Systemd) {
			m := newFake(t)
			link := m.link(r.name() + ".service")
			if err := errors.Join(os.WriteFile(filepath.Join(m.etc, r.name()+".service"), nil, 0o644), os.MkdirAll(filepath.Dir(link), 0o755), os.Symlink("/nowhere", link)); err != nil {
				t.Fatal(err)
			}
			_ = m.Reload(t.Context())
			return m, m.open(t)
		}, r},
	} {
		t.Run(tt.name, func(t *testing.T) {
			takesBack(t, func() (machine, *Plan) { m, s := tt.on(t); return m, plan(t, s, tt.r) })
		})
	}
}

// TestFaultsOfTheLibrary: whatever the library leaves behind, nothing of it stays (K9, K14).
func TestFaultsOfTheLibrary(t *testing.T) {
	r := request()
	bare := errors.New("exit status 1")
	for _, tt := range []struct {
		name     string
		register func(m *fakeManager, path, text string) error
		ok       bool
	}{
		{"it works", func(m *fakeManager, path, text string) error {
			err := os.WriteFile(path, []byte(text), 0o600)
			return errors.Join(err, m.Enable(context.Background(), filepath.Base(path)), m.Reload(context.Background()))
		}, true},
		{"an empty file, which is a mask", func(_ *fakeManager, path, _ string) error { return errors.Join(os.WriteFile(path, nil, 0o644), bare) }, false},
		{"half a file", func(_ *fakeManager, path, text string) error {
			return errors.Join(os.WriteFile(path, []byte(text[:20]), 0o644), bare)
		}, false},
		{"another text, and no error", func(_ *fakeManager, path, text string) error { return os.WriteFile(path, []byte(text+"#"), 0o644) }, false},
		{"the file, but not enabled, for no reason", func(_ *fakeManager, path, text string) error {
			return errors.Join(os.WriteFile(path, []byte(text), 0o644), bare)
		}, true},
		{"nothing", func(*fakeManager, string, string) error { return bare }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newFake(t)
			s := m.open(t)
			s.register = func(name, _, text string) error { return tt.register(m, filepath.Join(m.etc, name+".service"), text) }
			before := m.snapshot(t)
			err := plan(t, s, r).Apply(t.Context())
			if tt.ok {
				if fi, e := os.Stat(filepath.Join(m.etc, r.name()+".service")); err != nil || e != nil || fi.Mode().Perm() != unitMode {
					t.Errorf("%v, %v, %v", err, e, fi)
				}
				return
			}
			if service.CodeOf(err) != service.CodeInstallFailed {
				t.Errorf("error %v", err)
			}
			if d := differences(before, m.snapshot(t)); len(d) > 0 {
				t.Errorf("left: %q", d)
			}
		})
	}
}

func TestInstallRefuses(t *testing.T) {
	r := request()
	name := r.name() + ".service"
	put := func(t *testing.T, path, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	other := request()
	other.Spec.Project = "/srv/other"
	theirs, err := RenderUnit(other, service.ScopeSystem, 252)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		make func(t *testing.T, m *fakeManager)
		code service.Code
		hint string
	}{
		{"a mask", func(t *testing.T, m *fakeManager) {
			if err := os.Symlink("/dev/null", filepath.Join(m.etc, name)); err != nil {
				t.Fatal(err)
			}
		}, service.CodeInstallFailed, "unmask"},
		{"a mask for this boot", func(t *testing.T, m *fakeManager) {
			if err := errors.Join(os.MkdirAll(m.path[2], 0o755), os.Symlink("/dev/null", filepath.Join(m.path[2], name))); err != nil {
				t.Fatal(err)
			}
		}, service.CodeInstallFailed, "unmask"},
		{"another project's", func(t *testing.T, m *fakeManager) { put(t, filepath.Join(m.etc, name), theirs.Text) }, service.CodeServiceExists, "--project /srv/other"},
		{"nobody's we know", func(t *testing.T, m *fakeManager) { put(t, filepath.Join(m.etc, name), "[Service]\nExecStart=/x\n") }, service.CodeServiceExists, "look at it"},
		{"a unit that is preferred", func(t *testing.T, m *fakeManager) { put(t, filepath.Join(m.path[0], name), "[Service]\n") }, service.CodeServiceExists, "remove it"},
		{"a link elsewhere", func(t *testing.T, m *fakeManager) {
			if err := os.Symlink("/srv/my.service", filepath.Join(m.etc, name)); err != nil {
				t.Fatal(err)
			}
		}, service.CodeServiceExists, "remove it"},
		{"a directory", func(t *testing.T, m *fakeManager) {
			if err := os.Mkdir(filepath.Join(m.etc, name), 0o755); err != nil {
				t.Fatal(err)
			}
		}, service.CodeServiceExists, "remove it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newFake(t)
			tt.make(t, m)
			before := m.snapshot(t)
			_, err := m.open(t).Install(t.Context(), r)
			var e *service.Error
			if !errors.As(err, &e) || e.Code != tt.code || !strings.Contains(e.Hint, tt.hint) {
				t.Errorf("%v, want %s with %q", err, tt.code, tt.hint)
			}
			if d := differences(before, m.snapshot(t)); len(d) > 0 {
				t.Errorf("changed: %q", d)
			}
		})
	}
}

func TestDropInsAreKept(t *testing.T) {
	r := request()
	m, s := installed(t, r)
	conf := filepath.Join(m.etc, r.name()+".service.d", "mine.conf")
	if err := errors.Join(os.Mkdir(filepath.Dir(conf), 0o755), os.WriteFile(conf, []byte("[Service]\nNice=5\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if p := plan(t, s, r); !slices.Equal(p.Kept, []string{conf}) || !strings.Contains(p.String(), conf) {
		t.Errorf("kept: %q", p.Kept)
	}
	p, err := s.Uninstall(t.Context(), r.Spec.Project, r.Spec.Name)
	if err != nil || !slices.Equal(p.Kept, []string{conf}) || !strings.Contains(strings.Join(p.Warnings, ""), "revert") {
		t.Fatalf("%v, %+v", err, p)
	}
	if err := p.Apply(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(conf); err != nil {
		t.Error(err)
	}
}

// TestStartFailure: --now with a workload that does not start leaves nothing, and says why.
func TestStartFailure(t *testing.T) {
	m := newFake(t)
	m.start = &service.Error{Op: "start x", Code: service.CodeStartFailed, Err: errors.New("no readiness"), Log: []string{"boom"}}
	before := m.snapshot(t)
	r := request()
	r.Now = true
	err := plan(t, m.open(t), r).Apply(t.Context())
	var e *service.Error
	if !errors.As(err, &e) || e.Code != service.CodeStartFailed || len(e.Log) != 1 {
		t.Errorf("%#v", err)
	}
	if d := differences(before, m.snapshot(t)); len(d) > 0 {
		t.Errorf("left: %q", d)
	}
}

// TestTakeover: a daemon that runs outside of the unit is refused, or stopped first, and started again when the rest fails.
func TestTakeover(t *testing.T) {
	var did []string
	r := request()
	r.Ref.Path = "/srv/shop/.apex/daemon.pid"
	s := newFake(t).open(t)
	s.running = func(pidfile.Ref) pidfile.Finding { return pidfile.Finding{Running: true, PID: 7} }
	_, err := s.Install(t.Context(), r)
	var e *service.Error
	if !errors.As(err, &e) || e.Code != service.CodeAlreadyRunning || e.PID != 7 || !strings.Contains(e.Hint, "--takeover") {
		t.Errorf("%v", err)
	}
	r.Takeover = &Hook{
		Do:   func(context.Context) error { did = append(did, "stop"); return nil },
		Undo: func(context.Context) error { did = append(did, "start"); return nil },
	}
	if p := plan(t, s, r); p.UpToDate || p.Commands[0] != "apexd stop" {
		t.Errorf("%+v", p)
	} else if err := p.Apply(t.Context()); err != nil || !slices.Equal(did, []string{"stop"}) {
		t.Errorf("%v, %q", err, did)
	}
	did = nil
	s = newFake(t).open(t)
	s.running = func(pidfile.Ref) pidfile.Finding { return pidfile.Finding{Running: true} }
	p := plan(t, s, r)
	p.fault = failsAt("verify")
	if err := p.Apply(t.Context()); err == nil || !slices.Equal(did, []string{"stop", "start"}) {
		t.Errorf("%v, %q", err, did)
	}
	s.running = func(pidfile.Ref) pidfile.Finding { return pidfile.Finding{} }
	if p := plan(t, s, r); slices.Contains(p.Commands, "apexd stop") {
		t.Error("nothing runs, and something is to be stopped")
	}
}

// TestCancelled: an interrupt between two steps takes everything back.
func TestCancelled(t *testing.T) {
	m := newFake(t)
	before := m.snapshot(t)
	ctx, cancel := context.WithCancel(t.Context())
	p := plan(t, m.open(t), request())
	p.fault = func(name string) error {
		if strings.HasPrefix(name, "write") {
			cancel()
		}
		return nil
	}
	if err := p.Apply(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if d := differences(before, m.snapshot(t)); len(d) > 0 {
		t.Errorf("left: %q", d)
	}
}

// TestUninstall: from every half of an installation nothing is left, and a second time there is nothing to do.
func TestUninstall(t *testing.T) {
	r := request()
	r.Now = true
	name := r.name() + ".service"
	for _, tt := range []struct {
		name string
		half func(m *fakeManager) error
	}{
		{"whole", func(*fakeManager) error { return nil }},
		{"stopped", func(m *fakeManager) error { return m.Stop(context.Background(), name) }},
		{"failed", func(m *fakeManager) error { m.active[name] = "failed"; return nil }},
		{"disabled", func(m *fakeManager) error { return m.Disable(context.Background(), name) }},
		{"unit deleted", func(m *fakeManager) error { return os.Remove(filepath.Join(m.etc, name)) }},
		{"unit deleted and seen so", func(m *fakeManager) error {
			return errors.Join(os.Remove(filepath.Join(m.etc, name)), m.Reload(context.Background()))
		}},
		{"unit empty", func(m *fakeManager) error { return os.Truncate(filepath.Join(m.etc, name), 0) }},
		{"only the links", func(m *fakeManager) error {
			delete(m.active, name)
			return errors.Join(os.Remove(filepath.Join(m.etc, name)), m.Reload(context.Background()))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, s := installed(t, r)
			empty := newFake(t).snapshot(t)
			if err := tt.half(m); err != nil {
				t.Fatal(err)
			}
			p, err := s.Uninstall(t.Context(), r.Spec.Project, r.Spec.Name)
			if err != nil || p.UpToDate {
				t.Fatalf("%v, %+v", err, p)
			}
			if err := p.Apply(t.Context()); err != nil {
				t.Fatal(err)
			}
			if after := m.snapshot(t); len(after) != len(empty) {
				t.Errorf("left: %q", after)
			}
			if p, err := s.Uninstall(t.Context(), r.Spec.Project, r.Spec.Name); err != nil || !p.UpToDate {
				t.Errorf("again: %v, %+v", err, p)
			}
		})
	}
}

// TestUninstallLeavesTheMask: K9, the library removes it.
func TestUninstallLeavesTheMask(t *testing.T) {
	r := request()
	m, s := installed(t, r)
	path := filepath.Join(m.etc, r.name()+".service")
	if err := errors.Join(os.Remove(path), os.Symlink("/dev/null", path)); err != nil {
		t.Fatal(err)
	}
	p, err := s.Uninstall(t.Context(), r.Spec.Project, r.Spec.Name)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(t.Context()); err != nil {
		t.Error(err)
	}
	if to, err := os.Readlink(path); err != nil || to != "/dev/null" {
		t.Errorf("the mask is %q, %v", to, err)
	}
	if len(links(m.etc, r.name()+".service")) > 0 {
		t.Error("the links stay")
	}
}

// TestUninstallGoesOn: one step that fails does not keep the others from being done.
func TestUninstallGoesOn(t *testing.T) {
	r := request()
	r.Now = true
	m, s := installed(t, r)
	p, err := s.Uninstall(t.Context(), r.Spec.Project, r.Spec.Name)
	if err != nil {
		t.Fatal(err)
	}
	p.fault = func(name string) error {
		if strings.HasPrefix(name, "stop ") {
			return errors.New("injected")
		}
		return nil
	}
	if err := p.Apply(t.Context()); !errors.Is(err, service.ErrUninstallFailed) || !strings.Contains(err.Error(), ".service: injected") {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(m.etc, r.name()+".service")); err == nil {
		t.Error("the unit is still there")
	}
}

func TestEnable(t *testing.T) {
	r := request()
	m, s := installed(t, r)
	for _, on := range []bool{false, true, true} {
		if reg, err := s.Enable(t.Context(), r.Spec.Project, r.Spec.Name, on); err != nil || reg.Service != r.name()+".service" {
			t.Errorf("%+v, %v", reg, err)
		}
		if u, _ := m.Unit(t.Context(), r.name()+".service"); enabled(u) != on {
			t.Errorf("enabled is %v, want %v", enabled(u), on)
		}
	}
	if _, err := s.Enable(t.Context(), "/srv/none", "daemon", true); !errors.Is(err, service.ErrServiceNotFound) {
		t.Errorf("what is not registered: %v", err)
	}
}

func TestOldDefinition(t *testing.T) {
	r := request()
	_, s := installed(t, r)
	if newer(filepath.Join(s.dir, r.name()+".service"), time.Now().Add(time.Hour)) || newer("/nonexistent", time.Now()) {
		t.Error("a unit that is older than the process counts as newer")
	}
	if !newer(filepath.Join(s.dir, r.name()+".service"), time.Unix(1, 0)) {
		t.Error("a unit that was written since does not count")
	}
}

func TestLinger(t *testing.T) {
	var asked []string
	l := linger{user: "alice", dir: t.TempDir(), run: func(_ context.Context, args ...string) error {
		asked = append(asked, strings.Join(args, " "))
		return nil
	}}
	if w := l.warning(); !strings.Contains(w, "loginctl enable-linger alice") {
		t.Errorf("warning %q", w)
	}
	m := newFake(t)
	s := m.open(t)
	s.linger = l
	r := request()
	r.Linger = true
	p := plan(t, s, r)
	p.fault = failsAt("verify")
	if err := p.Apply(t.Context()); err == nil || !slices.Equal(asked, []string{"enable-linger alice", "disable-linger alice"}) {
		t.Errorf("%v, asked %q", err, asked)
	}
	if err := os.WriteFile(filepath.Join(l.dir, "alice"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, ok := l.step(); ok || l.warning() != "" {
		t.Error("who lingers already is asked again")
	}
}
