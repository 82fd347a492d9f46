//go:build unix

package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/systemd"
	"github.com/joshuaaferguson/apexd/service"
)

// fakeManager is a manager whose units are real files and links in a directory of the test's, and whose processes are a word.
type fakeManager struct {
	etc    string            // where an administrator's units are
	path   []string          // the search path
	loaded map[string]string // what of etc it has read
	active map[string]string // unit → ActiveState
	asked  []string
	start  error // what Start fails with
}

func newFake(t *testing.T) *fakeManager {
	t.Helper()
	base := t.TempDir()
	m := &fakeManager{etc: filepath.Join(base, "etc/systemd/system"), loaded: map[string]string{}, active: map[string]string{}}
	m.path = []string{filepath.Join(base, "etc/systemd/system.control"), m.etc, filepath.Join(base, "run/systemd/system"), filepath.Join(base, "usr/lib/systemd/system")}
	if err := os.MkdirAll(m.etc, 0o755); err != nil {
		t.Fatal(err)
	}
	return m
}

// open is a Systemd on m. register is nil: the library writes only to the real place.
func (m *fakeManager) open(t *testing.T) *Systemd {
	t.Helper()
	s := &Systemd{manager: m, scope: service.ScopeSystem}
	if err := s.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.dir != m.etc {
		t.Fatalf("units go to %s, not %s", s.dir, m.etc)
	}
	return s
}

func (m *fakeManager) Facts(context.Context) (systemd.Facts, error) {
	return systemd.Facts{Version: 252, UnitPath: m.path}, nil
}

func (m *fakeManager) link(name string) string {
	return filepath.Join(m.etc, "multi-user.target.wants", name)
}

func (m *fakeManager) Unit(_ context.Context, name string) (systemd.Unit, error) {
	u := systemd.Unit{LoadState: "not-found", ActiveState: "inactive"}
	path := filepath.Join(m.etc, name)
	if text, ok := m.loaded[name]; ok {
		u.LoadState, u.FragmentPath, u.UnitFileState = "loaded", path, "disabled"
		if text == "" {
			u.LoadState = "masked"
		}
		b, _ := os.ReadFile(path)
		u.NeedsReload = string(b) != text
	}
	if _, err := os.Lstat(m.link(name)); err == nil {
		u.UnitFileState = "enabled"
	}
	if s := m.active[name]; s != "" {
		u.ActiveState = s
	}
	return u, nil
}

func (m *fakeManager) Reload(context.Context) error {
	m.asked = append(m.asked, "reload")
	m.loaded = map[string]string{}
	files, err := filepath.Glob(filepath.Join(m.etc, "*.s[eo][rc]*"))
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil {
			m.loaded[filepath.Base(f)] = string(b)
		}
	}
	return err
}

func (m *fakeManager) Enable(_ context.Context, name string) error {
	m.asked = append(m.asked, "enable")
	link := m.link(name)
	if _, err := os.Lstat(filepath.Join(m.etc, name)); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	if err := os.Symlink(filepath.Join(m.etc, name), link); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func (m *fakeManager) Disable(_ context.Context, name string) error {
	m.asked = append(m.asked, "disable")
	if err := os.Remove(m.link(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_ = os.Remove(filepath.Dir(m.link(name))) // when it is empty, as systemd does
	return nil
}

func (m *fakeManager) Job(ctx context.Context, verb, name string) (string, error) {
	if verb == "stop" {
		return "done", m.Stop(ctx, name)
	}
	return "done", m.Start(ctx, name)
}

func (m *fakeManager) Start(_ context.Context, name string) error {
	m.asked = append(m.asked, "start")
	if _, ok := m.loaded[name]; !ok {
		return errors.New("no such unit")
	}
	for _, need := range m.requires(name) {
		if _, ok := m.loaded[need]; !ok {
			return errors.New(need + ": no such unit")
		}
		m.active[need] = "active"
	}
	if m.start != nil {
		m.active[name] = "failed"
		return m.start
	}
	m.active[name] = "active"
	return nil
}

func (m *fakeManager) Stop(_ context.Context, name string) error {
	m.asked = append(m.asked, "stop")
	for unit := range m.loaded {
		if slices.Contains(m.requires(unit), name) && m.active[unit] == "active" {
			delete(m.active, unit)
		}
	}
	if m.active[name] != "failed" {
		delete(m.active, name)
	}
	return nil
}

// requires are the units that the service called name requires.
func (m *fakeManager) requires(name string) []string {
	_, after, _ := strings.Cut(m.loaded[name], "\nRequires=")
	line, _, _ := strings.Cut(after, "\n")
	return strings.Fields(line)
}

func (m *fakeManager) ResetFailed(_ context.Context, name string) error {
	m.asked = append(m.asked, "reset-failed")
	delete(m.active, name)
	return nil
}

func (m *fakeManager) Close() {}

// snapshot is all that a test can see of m's machine: the files, what is loaded of them, and what runs.
func (m *fakeManager) snapshot(t *testing.T) map[string]string {
	t.Helper()
	all := tree(t, filepath.Dir(filepath.Dir(filepath.Dir(m.etc))))
	for k, v := range m.loaded {
		all["loaded "+k] = v
	}
	for k, v := range m.active {
		all["active "+k] = v
	}
	return all
}

// tree is every file below dir: its mode and its content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		what := fi.Mode().String()
		if fi.Mode().IsRegular() {
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			what += string(b)
		} else if fi.Mode()&fs.ModeSymlink != 0 {
			to, err := os.Readlink(p)
			if err != nil {
				return err
			}
			what += to
		}
		all[p] = what
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// differences says how two snapshots differ.
func differences(a, b map[string]string) []string {
	var out []string
	for k := range maps.Keys(a) {
		if b[k] != a[k] {
			out = append(out, fmt.Sprintf("%s: %.60q became %.60q", k, a[k], b[k]))
		}
	}
	for k := range maps.Keys(b) {
		if _, ok := a[k]; !ok {
			out = append(out, fmt.Sprintf("%s: new, %.60q", k, b[k]))
		}
	}
	return out
}

// machine is a manager's fake that tells all of its state.
type machine interface {
	snapshot(t *testing.T) map[string]string
}

// failsAt is a fault after the step of this name.
func failsAt(step string) func(string) error {
	return func(name string) error {
		if name == step {
			return errors.New("injected")
		}
		return nil
	}
}

// takesBack lets each step of an installation fail after it has done its work, each time on a machine that on makes, and wants that as it was.
func takesBack(t *testing.T, on func() (machine, *Plan)) {
	t.Helper()
	_, p := on()
	for i := range p.steps {
		m, p := on()
		if p.steps[i].do == nil {
			continue
		}
		before := m.snapshot(t)
		p.fault = failsAt(p.steps[i].name)
		if err := p.Apply(t.Context()); !errors.Is(err, service.ErrInstallFailed) || !strings.Contains(err.Error(), p.steps[i].name+": injected") {
			t.Errorf("%s: %v", p.steps[i].name, err)
		}
		if d := differences(before, m.snapshot(t)); len(d) > 0 {
			t.Errorf("after %q has failed: %q", p.steps[i].name, d)
		}
	}
}
