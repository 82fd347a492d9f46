//go:build unix

package install

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/internal/plist"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

func planJob(t *testing.T, l *Launchd, r Request) *Plan {
	t.Helper()
	p, err := l.Install(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func agentRequest() Request {
	r := request()
	r.User = ""
	return r
}

// agentInstalled is a machine on which r is installed.
func agentInstalled(t *testing.T, r Request) (*fakeJobs, *Launchd) {
	t.Helper()
	f := newFakeJobs(t)
	l := f.open()
	if err := planJob(t, l, r).Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f, l
}

func TestProperty(t *testing.T) {
	r := agentRequest()
	r.Spec.StopTimeout = 1500 * time.Millisecond
	r.Spec.Restart = service.RestartPolicy{When: service.RestartOnFailure, Delay: 2 * time.Second, Factor: 1}
	r.Path, r.Env = "/usr/bin:/bin", []string{"A=b=c"}
	text, err := plist.Encode(first2(property(r, service.ScopeUser, "Aqua")))
	if err != nil {
		t.Fatal(err)
	}
	label := r.name()
	for _, want := range []string{
		"<key>Label</key>\n\t\t<string>" + label + "</string>",
		"<string>" + r.Exec + "</string>\n\t\t\t<string>run</string>\n\t\t\t<string>--keeper</string>\n\t\t\t<string>launchd</string>\n\t\t\t<string>--scope</string>\n\t\t\t<string>user</string>\n\t\t\t<string>--service</string>\n\t\t\t<string>" + label + "</string>",
		"<key>WorkingDirectory</key>\n\t\t<string>" + r.Spec.Project + "</string>",
		"<key>KeepAlive</key>\n\t\t<dict>\n\t\t\t<key>SuccessfulExit</key>\n\t\t\t<false/>",
		"<key>ThrottleInterval</key>\n\t\t<integer>2</integer>",
		"<key>ExitTimeOut</key>\n\t\t<integer>7</integer>", // 1.5 s, the margin of 5, and no less
		"<key>RunAtLoad</key>\n\t\t<true/>",
		"<key>ProcessType</key>\n\t\t<string>Interactive</string>",
		"<key>LimitLoadToSessionType</key>\n\t\t<string>Aqua</string>",
		"<key>A</key>\n\t\t\t<string>b=c</string>\n\t\t\t<key>PATH</key>\n\t\t\t<string>/usr/bin:/bin</string>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "UserName") {
		t.Errorf("a user's agent has a user:\n%s", text)
	}
	r.User = "alice"
	if p, _ := property(r, service.ScopeSystem, "System"); p.UserName != "alice" || p.LimitLoadToSessionType != "" {
		t.Errorf("the system's is %+v", p)
	}
}

func first2(p launchd.PropertyList, _ []gap) launchd.PropertyList { return p }

func TestKeepAlive(t *testing.T) {
	policy := func(p service.RestartPolicy) service.RestartPolicy {
		if p.When == "" {
			p.When = service.RestartOnFailure
		}
		return p
	}
	for _, row := range []struct {
		name     string
		policy   service.RestartPolicy
		kept     bool
		throttle int
		missing  string // keys of what cannot be said
	}{
		{"never", policy(service.RestartPolicy{When: service.RestartNever, Delay: time.Second}), false, 0, ""},
		{"on failure", policy(service.RestartPolicy{Delay: time.Second, Factor: 1}), true, 1, ""},
		{"always", policy(service.RestartPolicy{When: service.RestartAlways, Delay: 30 * time.Second}), true, 30, ""},
		{"half a second", policy(service.RestartPolicy{Delay: 500 * time.Millisecond}), true, 1, "restart.delay"},
		{"at once", policy(service.RestartPolicy{}), true, 1, "restart.delay"},
		{"it grows", policy(service.RestartPolicy{Delay: time.Second, Factor: 2, Max: time.Minute}), true, 1, "restart.factor restart.maxDelay"},
		{"jitter", policy(service.RestartPolicy{Delay: time.Second, Jitter: 0.1}), true, 1, "restart.jitter"},
		{"a limit is apexd's", policy(service.RestartPolicy{Delay: time.Second, Limit: 3, Window: time.Minute, Healthy: time.Hour}), true, 1, ""},
	} {
		k, throttle, missing := keepAlive(row.policy)
		var keys []string
		for _, g := range missing {
			keys = append(keys, g.keys...)
		}
		if (k != nil) != row.kept || k != nil && k.SuccessfulExit || throttle != row.throttle || strings.Join(keys, " ") != row.missing {
			t.Errorf("%s: %+v, %d, %q; want %t, %d, %q", row.name, k, throttle, keys, row.kept, row.throttle, row.missing)
		}
	}
}

// TestHostileJob: what the property list says is read back as it was, and what XML cannot carry is refused with its name.
func TestHostileJob(t *testing.T) {
	for _, s := range []string{"two  blanks", "tab\there", "new\nline", "<&>\"'", "]]>", "{{.Path}}", "$HOME %h `id`", `back\slash`, "漢字 😀", "--name"} {
		r := agentRequest()
		r.Spec.Project, r.Env = "/src/"+s, []string{"A=" + s}
		f := newFakeJobs(t)
		l := f.open()
		p := planJob(t, l, r)
		if err := p.Apply(t.Context()); err != nil {
			t.Errorf("%q: %v", s, err)
			continue
		}
		got, err := l.find(t.Context(), r.name(), pidfile.Ref{})
		o, ours := ownerOfJob(got.list)
		if err != nil || !ours || o != (owner{r.Spec.Project, r.Spec.Name}) || got.list.EnvironmentVariables["A"] != s || got.list.WorkingDirectory != r.Spec.Project {
			t.Errorf("%q: %+v, %t, %v", s, got.list, ours, err)
		}
	}
	for _, s := range []string{"bell\a", "escape\x1b[31m", "not\xffutf8", "nul\x00"} {
		r := agentRequest()
		r.Spec.Project = "/src/" + s
		f := newFakeJobs(t)
		if _, err := f.open().Install(t.Context(), r); service.CodeOf(err) != service.CodeGenerationFailed || !strings.Contains(err.Error(), fmt.Sprintf("%q", s)[1:4]) {
			t.Errorf("%q: %v", s, err)
		}
		if len(f.snapshot(t)) != 1 {
			t.Errorf("%q: refused, and there is %q", s, f.snapshot(t))
		}
	}
}

func TestJobIsIdempotent(t *testing.T) {
	r := agentRequest()
	r.Now = true
	f, l := agentInstalled(t, r)
	if f.loaded[r.name()].PID == 0 {
		t.Errorf("--now has not started it: asked %q", f.asked)
	}
	before := f.snapshot(t)
	p := planJob(t, l, r)
	if !p.UpToDate || len(p.Commands) > 0 || !strings.Contains(p.String(), "up to date") {
		t.Errorf("again: %s", p)
	}
	if err := p.Apply(t.Context()); err != nil {
		t.Error(err)
	}
	r.Path, r.Now = "/elsewhere", false
	p = planJob(t, l, r)
	if p.UpToDate || !p.Restart || !strings.Contains(p.Files[0].Diff, "+ \t\t\t<string>/elsewhere</string>") || !strings.Contains(p.String(), "until it is restarted") {
		t.Errorf("with another definition: %s", p)
	}
	if d := differences(before, f.snapshot(t)); len(d) > 0 {
		t.Errorf("planning or installing again has changed %q", d)
	}
	r.Now, f.asked = true, nil
	if err := planJob(t, l, r).Apply(t.Context()); err != nil || !slices.Equal(f.asked, []string{"unload", "load"}) {
		t.Errorf("--now, with another definition: %v, asked %q", err, f.asked)
	}
}

// TestJobFaults has every step of several installations fail, after it has done its work, and looks for what is left.
func TestJobFaults(t *testing.T) {
	r := agentRequest()
	r.Now = true
	changed := r
	changed.Path = "/elsewhere"
	for _, tt := range []struct {
		name string
		on   func(t *testing.T) (*fakeJobs, *Launchd)
		r    Request
	}{
		{"first", func(t *testing.T) (*fakeJobs, *Launchd) { f := newFakeJobs(t); return f, f.open() }, r},
		{"a change", func(t *testing.T) (*fakeJobs, *Launchd) { return agentInstalled(t, r) }, changed},
		{"a change of what is disabled and stopped", func(t *testing.T) (*fakeJobs, *Launchd) {
			f, l := agentInstalled(t, r)
			f.disabled[r.name()] = true
			delete(f.loaded, r.name())
			return f, l
		}, changed},
		{"over an empty file", func(t *testing.T) (*fakeJobs, *Launchd) {
			f := newFakeJobs(t)
			path := launchd.File(service.ScopeUser, f.home, r.name())
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
				t.Fatal(err)
			}
			return f, f.open()
		}, r},
	} {
		t.Run(tt.name, func(t *testing.T) {
			takesBack(t, func() (machine, *Plan) { f, l := tt.on(t); return f, planJob(t, l, tt.r) })
		})
	}
}

// TestJobLibrary: whatever the library leaves behind, the file holds our text in the end, or nothing of it stays.
func TestJobLibrary(t *testing.T) {
	bare := errors.New("exit status 1")
	for _, tt := range []struct {
		name  string
		write func(path, text string) error
		ok    bool
	}{
		{"it works, with a narrow umask", func(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }, true},
		{"an empty file", func(path, _ string) error { return errors.Join(os.WriteFile(path, nil, 0o644), bare) }, false},
		{"another text, and no error", func(path, text string) error { return os.WriteFile(path, []byte(text+" "), 0o644) }, false},
		{"nothing", func(string, string) error { return nil }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := agentRequest()
			f := newFakeJobs(t)
			l := f.open()
			l.register = func(label, _, text string) error {
				path := launchd.File(service.ScopeUser, f.home, label)
				return errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), tt.write(path, text))
			}
			before := f.snapshot(t)
			err := planJob(t, l, r).Apply(t.Context())
			if (err == nil) != tt.ok {
				t.Fatalf("%v", err)
			}
			d := differences(before, f.snapshot(t))
			if !tt.ok && len(d) > 0 {
				t.Errorf("left behind: %q", d)
			}
			if tt.ok && !planJob(t, l, r).UpToDate {
				t.Errorf("it is not up to date: %q", d)
			}
		})
	}
}

func TestForeignJob(t *testing.T) {
	r := agentRequest()
	other := r
	other.Spec.Project = "/src/other"
	write := func(text string) func(t *testing.T, f *fakeJobs, path string) {
		return func(t *testing.T, _ *fakeJobs, path string) {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	others, err := plist.Encode(first2(property(other, service.ScopeUser, "Aqua")))
	if err != nil {
		t.Fatal(err)
	}
	others = strings.ReplaceAll(others, other.name(), r.name()) // as if the hashes were the same
	for _, row := range []struct {
		name  string
		there func(t *testing.T, f *fakeJobs, path string)
		says  string
	}{
		{"somebody's own", write("<plist><dict><key>Label</key><string>x</string></dict></plist>"), "was not made by apexd"},
		{"no property list", write("hello"), "was not made by apexd"},
		{"another project's", write(others), `is that of the daemon daemon of "/src/other"`},
		{"a link", func(t *testing.T, _ *fakeJobs, path string) {
			if err := os.Symlink("/etc/passwd", path); err != nil {
				t.Skip(err)
			}
		}, "a link or a directory"},
		{"a directory", func(t *testing.T, _ *fakeJobs, path string) {
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		}, "a link or a directory"},
		{"a job from elsewhere", func(_ *testing.T, f *fakeJobs, _ string) {
			f.loaded[r.name()] = launchd.Job{Domain: f.domain, State: "running", PID: 7, Path: "/opt/homebrew/x.plist"}
		}, `a job of that label from "/opt/homebrew/x.plist"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			f := newFakeJobs(t)
			l := f.open()
			path := launchd.File(service.ScopeUser, f.home, r.name())
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			row.there(t, f, path)
			_, installed := l.Install(t.Context(), r)
			_, removed := l.Uninstall(t.Context(), r.Spec.Project, r.Spec.Name)
			_, enabled := l.Enable(t.Context(), r.Spec.Project, r.Spec.Name, false)
			for op, err := range map[string]error{"install": installed, "uninstall": removed, "disable": enabled} {
				if row.name == "a job from elsewhere" && op == "disable" {
					continue // there is nothing registered
				}
				if service.CodeOf(err) != service.CodeServiceExists || !strings.Contains(err.Error(), row.says) {
					t.Errorf("%s: %v, want %q", op, err, row.says)
				}
			}
			if len(f.asked) > 0 {
				t.Errorf("launchd was asked to %q", f.asked)
			}
		})
	}
}

// TestUninstallJob starts from everything that may be left of a registration.
func TestUninstallJob(t *testing.T) {
	r := agentRequest()
	for i := range 12 {
		file, loaded, disabled := []string{"there", "empty", "gone"}[i%3], i/3%2 == 1, i/6 == 1
		name := fmt.Sprintf("file %s, loaded %t, disabled %t", file, loaded, disabled)
		t.Run(name, func(t *testing.T) {
			f, l := agentInstalled(t, r)
			path := launchd.File(service.ScopeUser, f.home, r.name())
			if loaded {
				f.loaded[r.name()] = launchd.Job{Domain: f.domain, State: "running", PID: 7, Path: path}
			}
			if disabled {
				f.disabled[r.name()] = true
			}
			var err error
			switch file {
			case "empty":
				err = os.WriteFile(path, nil, 0o644)
			case "gone":
				err = os.Remove(path)
			}
			if err != nil {
				t.Fatal(err)
			}
			p, err := l.Uninstall(t.Context(), r.Spec.Project, r.Spec.Name)
			if err != nil {
				t.Fatal(err)
			}
			if p.UpToDate != (file == "gone" && !loaded && !disabled) {
				t.Errorf("up to date %t", p.UpToDate)
			}
			if err := p.Apply(t.Context()); err != nil {
				t.Fatal(err)
			}
			left := slices.DeleteFunc(slices.Sorted(maps.Keys(f.snapshot(t))), func(s string) bool {
				return s == f.home || strings.HasPrefix(s, filepath.Join(f.home, "Library")) && !strings.HasSuffix(s, ".plist")
			})
			if len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
			if p, err := l.Uninstall(t.Context(), r.Spec.Project, r.Spec.Name); err != nil || !p.UpToDate {
				t.Errorf("again: %+v, %v", p, err)
			}
		})
	}
}

func TestJobOutside(t *testing.T) {
	r := agentRequest()
	r.Ref = pidfile.Ref{Path: "/x"}
	f := newFakeJobs(t)
	l := f.open()
	l.running = func(pidfile.Ref) pidfile.Finding { return pidfile.Finding{Running: true, PID: 99} }
	if _, err := l.Install(t.Context(), r); service.CodeOf(err) != service.CodeAlreadyRunning {
		t.Errorf("without takeover: %v", err)
	}
	var order []string
	r.Takeover = &Hook{Do: func(context.Context) error { order = append(order, "stop"); return nil }, Undo: func(context.Context) error { order = append(order, "start"); return nil }}
	r.Now, f.load = true, errors.New("it does not come up")
	if err := planJob(t, l, r).Apply(t.Context()); !errors.Is(err, service.ErrInstallFailed) || !slices.Equal(order, []string{"stop", "start"}) {
		t.Errorf("%v, %q", err, order)
	}
	if len(f.loaded) > 0 || len(f.snapshot(t)) > 1 {
		t.Errorf("left behind: %q", f.snapshot(t))
	}
}

func TestEnableJob(t *testing.T) {
	r := agentRequest()
	f, l := agentInstalled(t, r)
	for _, on := range []bool{true, false, false, true, true} {
		reg, err := l.Enable(t.Context(), r.Spec.Project, r.Spec.Name, on)
		if err != nil || reg.Service != r.name() || f.disabled[r.name()] == on {
			t.Errorf("%t: %+v, %v", on, reg, err)
		}
	}
	if !slices.Equal(f.asked, []string{"disable", "enable"}) {
		t.Errorf("asked %q: what is so already needs no override", f.asked)
	}
	if _, err := l.Enable(t.Context(), "/src/other", "daemon", true); service.CodeOf(err) != service.CodeServiceNotFound {
		t.Errorf("not registered: %v", err)
	}
	f.domain = ""
	if _, err := l.Install(t.Context(), agentRequest()); service.CodeOf(err) != service.CodeInstallFailed || !strings.Contains(err.Error(), "not logged in") {
		t.Errorf("nobody logged in: %v", err)
	}
}

// TestJobDisabled: installing what somebody has disabled enables it, as with every manager.
func TestJobDisabled(t *testing.T) {
	r := agentRequest()
	f, l := agentInstalled(t, r)
	f.disabled[r.name()] = true
	p := planJob(t, l, r)
	if p.UpToDate {
		t.Error("disabled, and up to date")
	}
	if err := p.Apply(t.Context()); err != nil || f.disabled[r.name()] {
		t.Errorf("%v, disabled %t", err, f.disabled[r.name()])
	}
}
