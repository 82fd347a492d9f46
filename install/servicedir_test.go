package install

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/service"
)

func scriptRequest() Request {
	r := request()
	r.User, r.Ref.Path = "shop", "/srv/shop/.apex/daemon.pid"
	return r
}

func TestRenderServiceDir(t *testing.T) {
	never := func(r *Request) { r.Spec.Restart.When = service.RestartNever }
	for _, tt := range []struct {
		name   string
		kind   service.Kind
		down   bool
		change func(*Request)
		files  string
		in     map[string]string // what a file contains
	}{
		{"runit", service.KindRunit, false, func(*Request) {}, "check finish run", map[string]string{
			"run": `--service "$(pwd -P)" --project`, "finish": `if [ "$1" -eq -1 ]; then`, "check": `status --json --project`,
		}},
		{"runit, never restarted", service.KindRunit, true, never, "check down finish run", map[string]string{"finish": `if [ "$1" -eq -1 ] && [ "$2" -eq 15 ]; then`}},
		{"s6", service.KindS6, false, func(*Request) {}, "finish notification-fd run", map[string]string{
			"run": `--service "$(pwd -P)" --ready-fd 3 --project`, "notification-fd": "3\n", "finish": "exit 125",
		}},
		{"s6, down", service.KindS6, true, func(*Request) {}, "down finish notification-fd run", map[string]string{"finish": `[ "$1" -eq 256 ]`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := scriptRequest()
			tt.change(&r)
			files, err := RenderServiceDir(r, service.ScopeSystem, tt.kind, tt.down)
			if err != nil {
				t.Fatal(err)
			}
			byName := map[string]File{}
			for _, f := range files {
				byName[f.Path] = f
			}
			if got := strings.Join(slices.Sorted(maps.Keys(byName)), " "); got != tt.files {
				t.Errorf("files %q, want %q", got, tt.files)
			}
			for name, want := range tt.in {
				if !strings.Contains(byName[name].New, want) || strings.Contains(byName[name].New, "@") {
					t.Errorf("%s without %q:\n%s", name, want, byName[name].New)
				}
			}
			if m, ok := sysv.ParseMark(byName["run"].New); !ok || m.Kind != string(tt.kind) || m.Project != r.Spec.Project {
				t.Errorf("mark %+v", m)
			}
		})
	}
	if _, err := RenderServiceDir(scriptRequest(), service.ScopeSystem, service.KindSysV, false); err == nil {
		t.Error("System V has service directories")
	}
}

// TestPlanServiceDir: written once, up to date then, changed file by file, and never over somebody else's.
func TestPlanServiceDir(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no supervisor of this kind runs on Windows")
	}
	dir := filepath.Join(t.TempDir(), "sv", "shop")
	r := scriptRequest()
	write := func(r Request) *Plan {
		t.Helper()
		p, err := PlanServiceDir(r, service.ScopeSystem, service.KindRunit, dir, false)
		if err == nil {
			err = p.Apply(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := write(r); p.UpToDate || len(p.Files) != 3 {
		t.Errorf("first: %s", p)
	}
	if fi, err := os.Stat(filepath.Join(dir, "run")); err != nil || fi.Mode().Perm() != 0o755 {
		t.Errorf("run: %v, %v", fi, err)
	}
	if p := write(r); !p.UpToDate {
		t.Errorf("again: %s", p)
	}
	r.Path = "/opt/bin"
	if p := write(r); p.UpToDate || !strings.Contains(p.Files[0].Diff, "/opt/bin") {
		t.Errorf("changed: %s", p)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "run")); err != nil || !strings.Contains(string(text), "PATH=/opt/bin") {
		t.Errorf("run: %s, %v", text, err)
	}
	for name, change := range map[string]func(*Request){"another project": func(r *Request) { r.Spec.Project = "/srv/other" }, "another daemon": func(r *Request) { r.Spec.Name = "web" }} {
		other := r
		change(&other)
		if _, err := PlanServiceDir(other, service.ScopeSystem, service.KindRunit, dir, false); !errors.Is(err, service.ErrServiceExists) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := PlanServiceDir(r, service.ScopeSystem, service.KindS6, dir, false); !errors.Is(err, service.ErrServiceExists) {
		t.Errorf("another supervisor's: %v", err)
	}
	fresh := filepath.Join(t.TempDir(), "new")
	p, err := PlanServiceDir(r, service.ScopeSystem, service.KindS6, fresh, true)
	if err != nil {
		t.Fatal(err)
	}
	p.fault = func(string) error { return errors.New("injected") }
	if err := p.Apply(t.Context()); err == nil {
		t.Error("no error")
	}
	if left, _ := os.ReadDir(filepath.Dir(fresh)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestRenderFreeBSD: the script is one for a shell, has its rcvar, and refuses what rc.subr(8) would evaluate.
func TestRenderFreeBSD(t *testing.T) {
	r := scriptRequest()
	r.Spec.Project = "/usr/home/a'b $(id)\n# PROVIDE: evil"
	text, err := RenderFreeBSD(r)
	if err != nil {
		t.Fatal(err)
	}
	id := strings.ReplaceAll(r.name(), "-", "_")
	for _, want := range []string{"\n# PROVIDE: " + id + "\n", "\nrcvar=" + id + "_enable\n", "${" + id + "_enable:=NO}", "--keeper freebsd"} {
		if !strings.Contains(text, want) {
			t.Errorf("without %q:\n%s", want, text)
		}
	}
	if strings.Count(text, "\n# PROVIDE:") != 1 {
		t.Errorf("comments:\n%s", text)
	}
	if sh, err := exec.LookPath("sh"); err == nil {
		path := filepath.Join(t.TempDir(), "script")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(sh, "-n", path).CombinedOutput(); err != nil {
			t.Errorf("sh -n: %v\n%s", err, out)
		}
	}
}

// TestPlanScript: one file, up to date then, never over somebody's, and taken back.
func TestPlanScript(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	for _, k := range []service.Kind{service.KindSysV, service.KindOpenRC, service.KindFreeBSD, service.KindProcd, service.KindRCS} {
		t.Run(string(k), func(t *testing.T) {
			root := t.TempDir()
			path := filepath.Join(root, "etc", "rc.d", "shop")
			r := scriptRequest()
			p, err := PlanScript(r, k, path)
			if err != nil {
				t.Fatal(err)
			}
			p.fault = func(string) error { return errors.New("injected") }
			if err := p.Apply(t.Context()); err == nil {
				t.Error("no error")
			}
			if left, _ := os.ReadDir(root); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
			p.fault = nil
			apply(t, p)
			if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o755 {
				t.Errorf("%v, %v", fi, err)
			}
			if p, err = PlanScript(r, k, path); err != nil || !p.UpToDate {
				t.Errorf("again: %v, %s", err, p)
			}
			r.Spec.Name = "web"
			if _, err = PlanScript(r, k, path); !errors.Is(err, service.ErrServiceExists) {
				t.Errorf("over another's: %v", err)
			}
		})
	}
	if _, err := PlanScript(scriptRequest(), service.KindSystemd, "/nowhere"); service.CodeOf(err) != service.CodeGenerationFailed {
		t.Errorf("a script for systemd: %v", err)
	}
}

func apply(t *testing.T, p *Plan) {
	t.Helper()
	if err := p.Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
}
