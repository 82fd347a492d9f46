//go:build unix

package install

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/openrc"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// fakeRC is OpenRC with its files in a directory of the test's, whose processes are a word.
type fakeRC struct {
	openrc.Tree
	asked []string
	fail  string // what fails: "start", "add"
}

func newFakeRC(t *testing.T) *fakeRC {
	t.Helper()
	dir := t.TempDir()
	m := &fakeRC{Tree: openrc.Tree{State: dir + "/state", Levels: dir + "/levels", Init: dir + "/init.d", Conf: dir + "/conf.d", Run: dir + "/run"}}
	for _, d := range []string{m.State + "/started", m.State + "/options", m.Levels + "/default", m.Levels + "/boot", m.Init, m.Conf, m.Run} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func (m *fakeRC) open() *OpenRC {
	return &OpenRC{manager: m, tree: m.Tree, running: func(pidfile.Ref) pidfile.Finding { return pidfile.Finding{} }}
}

func (m *fakeRC) Service(_ context.Context, name, verb string) error {
	m.asked = append(m.asked, verb)
	path := filepath.Join(m.State, "started", name)
	switch {
	case m.fail == verb:
		return errors.New(verb + " fails")
	case verb == "start":
		return errors.Join(os.WriteFile(path, nil, 0o644), os.MkdirAll(filepath.Join(m.State, "options", name), 0o755))
	}
	return os.RemoveAll(path)
}

func (m *fakeRC) StopSupervisor(ctx context.Context, name string) error {
	m.asked = append(m.asked, "supervisor")
	return nil
}

func (m *fakeRC) Update(_ context.Context, verb, name, level string) error {
	m.asked = append(m.asked, verb)
	link := filepath.Join(m.Levels, level, name)
	switch {
	case m.fail == verb:
		return errors.New(verb + " fails")
	case verb == "add":
		return os.Symlink(m.Script(name), link)
	}
	if _, err := os.Stat(m.Script(name)); err != nil {
		return errors.New("service " + name + " does not exist")
	}
	return os.Remove(link)
}

// snapshot leaves out what OpenRC itself keeps of a service that was started once.
func (m *fakeRC) snapshot(t *testing.T) map[string]string {
	t.Helper()
	all := tree(t, filepath.Dir(m.Init))
	maps.DeleteFunc(all, func(path, _ string) bool { return strings.Contains(path, "/options/") })
	return all
}

// installs installs r, which must work.
func (m *fakeRC) installs(t *testing.T, r Request) *Plan {
	t.Helper()
	p, err := m.open().Install(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, p)
	return p
}

func TestOpenRCIsIdempotent(t *testing.T) {
	m, r := newFakeRC(t), rcRequest()
	r.Now = true
	name := r.name()
	p := m.installs(t, r)
	if s := m.Look(name); !slices.Equal(s.Levels, []string{"default"}) || s.Word == openrc.Stopped || len(p.Commands) != 2 {
		t.Errorf("%+v; %q", s, p.Commands)
	}
	before := m.snapshot(t)
	if p = m.installs(t, r); !p.UpToDate || len(p.Commands) > 0 || p.Files[0].Diff != "" {
		t.Errorf("again: %+v", p)
	}
	if d := differences(before, m.snapshot(t)); len(d) > 0 {
		t.Errorf("installing again has changed %q", d)
	}
	r.Now, r.Spec.StopTimeout = false, 2*r.Spec.StopTimeout
	if p = m.installs(t, r); p.UpToDate || !p.Restart || !strings.Contains(p.Files[0].Diff, "retry=SIGTERM/25/SIGKILL/5") {
		t.Errorf("another stopTimeout: %+v", p)
	}
}

func TestOpenRCDryRun(t *testing.T) {
	m := newFakeRC(t)
	before := m.snapshot(t)
	if _, err := m.open().Install(t.Context(), rcRequest()); err != nil {
		t.Fatal(err)
	}
	if d := differences(before, m.snapshot(t)); len(d) > 0 || len(m.asked) > 0 {
		t.Errorf("planning has changed %q, asked %q", d, m.asked)
	}
}

// TestOpenRCTakesBack: after a failure in any step everything is as it was, on a fresh machine and over an older installation.
func TestOpenRCTakesBack(t *testing.T) {
	for _, old := range []bool{false, true} {
		steps := 0
		takesBack(t, func() (machine, *Plan) {
			m, r := newFakeRC(t), rcRequest()
			r.Now = true
			if old {
				m.installs(t, r)
				r.Spec.StopTimeout *= 2
			}
			p, err := m.open().Install(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			steps = len(p.steps)
			return m, p
		})
		if steps < 3 {
			t.Errorf("only %d steps", steps)
		}
	}
}

func TestOpenRCRefuses(t *testing.T) {
	r := rcRequest()
	other := r
	other.Spec.Project = "/srv/other"
	theirs, err := RenderOpenRC(other)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		make func(path string) error
		want string // "" is no refusal
	}{
		{"a foreign script", func(p string) error { return os.WriteFile(p, []byte("#!/sbin/openrc-run\n"), 0o755) }, "was not made by apexd"},
		{"another project's", func(p string) error { return os.WriteFile(p, []byte(theirs.Text), 0o755) }, "the daemon daemon of \"/srv/other\""},
		{"a link", func(p string) error { return os.Symlink("/etc/passwd", p) }, "a link or a directory"},
		{"a directory", func(p string) error { return os.Mkdir(p, 0o755) }, "a link or a directory"},
		{"an interrupted installation's", func(p string) error { return os.WriteFile(p, nil, 0o755) }, ""},
	} {
		m := newFakeRC(t)
		if err := row.make(m.Script(r.name())); err != nil {
			t.Fatal(err)
		}
		before := m.snapshot(t)
		_, err := m.open().Install(t.Context(), r)
		if row.want == "" {
			if err != nil {
				t.Errorf("%s: %v", row.name, err)
			}
			continue
		}
		if service.CodeOf(err) != service.CodeServiceExists || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v", row.name, err)
		}
		if p, err := m.open().Uninstall(t.Context(), r.Spec.Project, r.Spec.Name); err == nil {
			apply(t, p)
		}
		if d := differences(before, m.snapshot(t)); len(d) > 0 {
			t.Errorf("%s: changed %q", row.name, d)
		}
	}
	o := newFakeRC(t).open()
	o.running = func(pidfile.Ref) pidfile.Finding { return pidfile.Finding{Running: true, PID: 42} }
	r.Ref.Path = "/srv/shop/.apex/daemon.pid"
	if _, err := o.Install(t.Context(), r); service.CodeOf(err) != service.CodeAlreadyRunning {
		t.Errorf("a daemon outside: %v", err)
	}
}

// TestOpenRCUninstall begins with an installation of which something is gone, and leaves nothing but what is the administrator's.
func TestOpenRCUninstall(t *testing.T) {
	for _, gone := range []string{"", "script", "link", "script and link", "text", "state"} {
		m, r := newFakeRC(t), rcRequest()
		empty := m.snapshot(t)
		r.Now = true
		name := r.name()
		m.installs(t, r)
		settings := filepath.Join(m.Conf, name)
		script, link := m.Script(name), filepath.Join(m.Levels, "default", name)
		errs := []error{os.WriteFile(settings, []byte("rc_ulimit=\n"), 0o644), os.WriteFile(m.PIDFile(name), []byte("1\n"), 0o644)}
		switch gone {
		case "script":
			errs = append(errs, os.Remove(script))
		case "link":
			errs = append(errs, os.Remove(link))
		case "script and link":
			errs = append(errs, os.Remove(script), os.Remove(link))
		case "text":
			errs = append(errs, os.Truncate(script, 0))
		case "state":
			errs = append(errs, os.RemoveAll(filepath.Join(m.State, "started", name)))
		}
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for again := range 2 {
			p, err := m.open().Uninstall(t.Context(), r.Spec.Project, r.Spec.Name)
			if err != nil {
				t.Fatal(err)
			}
			apply(t, p)
			if p.UpToDate != (again == 1) || !slices.Equal(p.Kept, []string{settings}) {
				t.Errorf("without %q, time %d: up to date %t, kept %q", gone, again, p.UpToDate, p.Kept)
			}
		}
		if err := os.Remove(settings); err != nil {
			t.Error(err)
		}
		if d := differences(empty, m.snapshot(t)); len(d) > 0 {
			t.Errorf("without %q: left %q", gone, d)
		}
	}
}

func TestOpenRCEnable(t *testing.T) {
	m, r := newFakeRC(t), rcRequest()
	o := m.open()
	if _, err := o.Enable(t.Context(), r.Spec.Project, r.Spec.Name, true); service.CodeOf(err) != service.CodeServiceNotFound {
		t.Errorf("what is not registered: %v", err)
	}
	m.installs(t, r)
	for _, on := range []bool{false, false, true, true} {
		if _, err := o.Enable(t.Context(), r.Spec.Project, r.Spec.Name, on); err != nil || (len(m.Look(r.name()).Levels) > 0) != on {
			t.Errorf("enable %t: %v, %q", on, err, m.Look(r.name()).Levels)
		}
	}
}
