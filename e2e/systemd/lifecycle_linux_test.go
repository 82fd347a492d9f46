package systemd_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
	"github.com/joshuaaferguson/apexd/install"
	"github.com/joshuaaferguson/apexd/service"
)

// asRoot are what install needs to register a project of root's, and nothing for an ordinary user.
func asRoot(args ...string) []string {
	if os.Geteuid() == 0 {
		args = append(args, "--run-as", "root")
	}
	return args
}

// eachScope runs a test with the system's manager and with a user's, in the world of each.
func eachScope(t *testing.T, test func(t *testing.T, scope service.Scope)) {
	t.Helper()
	for _, scope := range []service.Scope{service.ScopeSystem, service.ScopeUser} {
		t.Run(string(scope), func(t *testing.T) {
			needWorld(t, string(scope))
			test(t, scope)
		})
	}
}

// residue is everything that a registration could leave: unit files, links, runtime files, and units that the manager remembers. The directory of a user's units is not: who
// finds it empty removes it.
func residue(t *testing.T) []string {
	t.Helper()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(home, ".config/systemd")
	var all []string
	for _, dir := range []string{"/etc/systemd", "/run/systemd/system", "/run/systemd/transient", "/etc/init.d", own} {
		_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error { // what cannot be read is not ours
			if err == nil && p != own && p != filepath.Join(own, "user") {
				all = append(all, p)
			}
			return nil
		})
	}
	for line := range strings.Lines(systemctl(t, "list-units", "--all", "--plain", "--no-legend", "apex*")) {
		all = append(all, "unit "+line)
	}
	return all
}

// shown is a property of a unit.
func shown(t *testing.T, unit, property string) string {
	t.Helper()
	return systemctl(t, "show", "--value", "--property="+property, unit)
}

func unitOf(t *testing.T, project string) string {
	t.Helper()
	return service.RegistrationName(project, service.DefaultName) + ".service"
}

func status(t *testing.T, project string) service.Status {
	t.Helper()
	var s service.Status
	r := inworld.Command(t, project, nil, inworld.Tool("apexd"), "status", "--json")
	if err := json.Unmarshal([]byte(r.Out), &s); err != nil {
		t.Fatalf("%v: %s", err, r)
	}
	return s
}

// object is what status --json prints.
func object(t *testing.T, project string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(inworld.Apexd(t, project, 0, "status", "--json").Out), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestLifecycle(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		before := residue(t)
		dir := newProject(t, "shop", "sleep", "1000")
		unit := unitOf(t, dir)

		r := inworld.Apexd(t, dir, 0, asRoot("install", "--dry-run")...)
		if !strings.Contains(r.Out, "ExecStart=") || !strings.Contains(r.Out, "daemon-reload") {
			t.Errorf("the plan: %s", r)
		}
		if now := residue(t); !slices.Equal(before, now) {
			t.Errorf("--dry-run has changed %q to %q", before, now)
		}
		inworld.Apexd(t, dir, 0, asRoot("install", "--now")...)
		s := status(t, dir)
		if !s.Running || s.Backend != "systemd" || !s.Registered || s.Service == nil || *s.Service != unit || s.PID == nil {
			t.Fatalf("status %+v", s)
		}
		for property, want := range map[string]string{
			"ActiveState": "active", "UnitFileState": "enabled", "MainPID": strconv.Itoa(*s.PID), "NeedDaemonReload": "no", "NotifyAccess": "main", "KillMode": "mixed",
		} {
			if got := shown(t, unit, property); got != want {
				t.Errorf("%s=%s, want %s", property, got, want)
			}
		}
		if r := inworld.Apexd(t, dir, 0, asRoot("install")...); !strings.Contains(r.Out, "up to date") {
			t.Errorf("again: %s", r)
		}
		killed := *s.PID
		if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		inworld.Eventually(t, "systemd restarts it", func() bool {
			s := status(t, dir)
			return s.Running && s.PID != nil && *s.PID != killed && s.State == "running"
		})

		var answer struct{ Enabled *bool }
		r = inworld.Apexd(t, dir, 0, "disable", "--json")
		if err := json.Unmarshal([]byte(r.Out), &answer); err != nil || answer.Enabled == nil || *answer.Enabled || shown(t, unit, "UnitFileState") != "disabled" {
			t.Errorf("disable: %v, %s", err, r)
		}
		inworld.Apexd(t, dir, 0, "enable")
		if got := shown(t, unit, "UnitFileState"); got != "enabled" {
			t.Errorf("enable: %s", got)
		}

		r = inworld.Apexd(t, dir, 0, asRoot("install", "--hardening", "off")...)
		if !strings.Contains(r.Out, "- NoNewPrivileges=yes") || !strings.Contains(r.Out, "apexd restart") {
			t.Errorf("a change: %s", r)
		}
		old := *status(t, dir).PID
		inworld.Apexd(t, dir, 0, asRoot("install", "--hardening", "off", "--now")...)
		if s := status(t, dir); !s.Running || *s.PID == old || shown(t, unit, "NoNewPrivileges") != "no" {
			t.Errorf("--now does not replace what runs with an old definition: %+v", s)
		}

		pid := *status(t, dir).PID
		inworld.Apexd(t, dir, 0, "uninstall")
		if err := syscall.Kill(pid, 0); err == nil {
			t.Error("the daemon survives uninstall") // K11
		}
		if after := residue(t); !slices.Equal(before, after) {
			t.Errorf("left behind: %q, was %q", after, before)
		}
		if r := inworld.Apexd(t, dir, 0, "uninstall"); !strings.Contains(r.Out, "not installed") {
			t.Errorf("again: %s", r)
		}
		if r := inworld.Apexd(t, dir, 1, "enable"); !strings.Contains(r.Err, "not registered") {
			t.Errorf("enable: %s", r)
		}
	})
}

// TestHalfRemoved uninstalls what is left of registrations.
func TestHalfRemoved(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		for _, tt := range []struct {
			name string
			half func(path, unit string)
		}{
			{"file deleted", func(path, _ string) { os.Remove(path) }},
			{"file deleted, and seen so", func(path, _ string) { os.Remove(path); systemctl(t, "daemon-reload") }},
			{"file empty", func(path, _ string) { _ = os.Truncate(path, 0); systemctl(t, "daemon-reload") }},
			{"disabled and killed", func(_, unit string) { systemctl(t, "disable", unit); systemctl(t, "kill", "-s", "KILL", unit) }},
		} {
			t.Run(tt.name, func(t *testing.T) {
				before := residue(t)
				dir := newProject(t, "shop", "sleep", "1000")
				inworld.Apexd(t, dir, 0, asRoot("install", "--now")...)
				unit := unitOf(t, dir)
				pid := *status(t, dir).PID
				tt.half(shown(t, unit, "FragmentPath"), unit)
				inworld.Apexd(t, dir, 0, "uninstall")
				if after := residue(t); !slices.Equal(before, after) {
					t.Errorf("left behind: %q, was %q", after, before)
				}
				if err := syscall.Kill(pid, 0); err == nil {
					t.Error("the daemon survives")
				}
			})
		}
	})
}

func TestMaskIsLeftAlone(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		dir := newProject(t, "shop", "sleep", "1000")
		unit := unitOf(t, dir)
		systemctl(t, "mask", unit)
		defer systemctl(t, "unmask", unit)
		if r := inworld.Apexd(t, dir, 1, asRoot("install", "--now")...); !strings.Contains(r.Err, "masked") || !strings.Contains(r.Err, "unmask") {
			t.Errorf("%s", r)
		}
		inworld.Apexd(t, dir, 0, "uninstall")
		if got := shown(t, unit, "LoadState"); got != "masked" {
			t.Errorf("LoadState=%s: the mask is gone", got)
		}
	})
}

func TestTakeover(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		dir := newProject(t, "shop", "sleep", "1000")
		inworld.Apexd(t, dir, 0, "start")
		if r := inworld.Apexd(t, dir, 79, asRoot("install")...); !strings.Contains(r.Err, "--takeover") {
			t.Errorf("%s", r)
		}
		inworld.Apexd(t, dir, 0, asRoot("install", "--takeover", "--now")...)
		if s := status(t, dir); !s.Running || s.Backend != "systemd" {
			t.Errorf("%+v", s)
		}
	})
}

// TestStartFails: K8. The library's Start returns nil for a service that ends at once.
func TestStartFails(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		before := residue(t)
		dir := newProject(t, "shop", "sh", "-c", "echo no database >&2; exit 3")
		r := inworld.Apexd(t, dir, 1, asRoot("install", "--now")...)
		if !strings.Contains(r.Err, "no database") && !strings.Contains(r.Err, "3") || strings.Contains(r.Err, "exit status 1") {
			t.Errorf("it does not say why: %s", r) // K14
		}
		if after := residue(t); !slices.Equal(before, after) {
			t.Errorf("left behind: %q, was %q", after, before)
		}
	})
}

// TestCrashLoop: K6. The library's unit waits two minutes for each restart, and its limit of ten starts in five seconds is never reached.
func TestCrashLoop(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		dir := newProject(t, "shop", "sleep", "1000")
		config := filepath.Join(dir, ".apex/config.yaml")
		if err := os.WriteFile(config, []byte("daemon:\n  command: [sleep, '1000']\n  restart: {delay: 100ms, limit: 2, window: 1m}\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		inworld.Apexd(t, dir, 0, asRoot("install", "--now")...)
		unit := unitOf(t, dir)
		began := time.Now()
		last := 0
		for range 3 {
			var pid int
			inworld.Eventually(t, "it runs, as another process", func() bool { // systemd may not have seen the end of the last one yet
				pid, _ = strconv.Atoi(shown(t, unit, "MainPID"))
				return shown(t, unit, "ActiveState") == "active" && pid > 1 && pid != last
			})
			last = pid
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		inworld.Eventually(t, "systemd gives up", func() bool { return shown(t, unit, "ActiveState") == "failed" })
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("three crashes took %s", took)
		}
		if got := shown(t, unit, "NRestarts"); got != "2" && got != "3" {
			t.Errorf("NRestarts=%s with a limit of 2", got)
		}
	})
}

// TestUserTarget: K12. A user's manager has no multi-user.target, so that what it wants never starts.
func TestUserTarget(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		dir := newProject(t, "shop", "sleep", "1000")
		inworld.Apexd(t, dir, 0, asRoot("install")...)
		target := map[service.Scope]string{service.ScopeSystem: "multi-user.target", service.ScopeUser: "default.target"}[scope]
		if deps := systemctl(t, "list-dependencies", "--plain", target); !strings.Contains(deps, unitOf(t, dir)) {
			t.Errorf("%s does not want it:\n%s", target, deps)
		}
		if scope == service.ScopeUser && strings.Contains(systemctl(t, "cat", unitOf(t, dir)), "User=") {
			t.Error("User= in a user's unit: 216/GROUP")
		}
	})
}

// TestSecretsStayOut: K13. What the unit says, anybody can read.
func TestSecretsStayOut(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		dir := newProject(t, "shop", "sh", "-c", "test \"$TOKEN\" = hush && exec sleep 1000")
		if err := os.WriteFile(filepath.Join(dir, ".apex/daemon.env"), []byte("TOKEN=hush\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		inworld.Apexd(t, dir, 0, asRoot("install", "--now")...)
		if s := systemctl(t, "show", unitOf(t, dir)) + systemctl(t, "cat", unitOf(t, dir)); strings.Contains(s, "hush") {
			t.Errorf("systemctl shows it:\n%s", s)
		}
	})
}

// TestVerify: systemd-analyze has nothing to say about any unit that this systemd can be given.
func TestVerify(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		for _, level := range []install.Hardening{install.HardeningOff, install.HardeningBaseline, install.HardeningStrict} {
			for _, when := range []service.RestartWhen{service.RestartNever, service.RestartOnFailure, service.RestartAlways} {
				for _, project := range []string{"/srv/shop", "/srv/a b%h$HOME\"'\\{{ü", "/srv/tail\\"} {
					r := install.Request{
						Spec: service.Spec{
							Project: project, Name: "web", Command: []string{"x"}, StopTimeout: time.Second, Watchdog: time.Second,
							Sockets: []service.Socket{
								{Name: "http", Kind: service.SocketStream, Address: "192.0.2.1:80", Backlog: 9},
								{Name: "dns", Kind: service.SocketDatagram, Address: "[::]:53"},
								{Name: "control", Kind: service.SocketStream, Address: "unix:/run/50% of é/a b.sock", Mode: 0o660},
							},
							Restart: service.RestartPolicy{When: when, Delay: time.Second, Factor: 2, Max: time.Minute, Limit: 3, Window: time.Minute},
						},
						Exec: inworld.Tool("apexd"), Path: "/usr/bin:/bin", Hardening: level,
					}
					if scope == service.ScopeSystem {
						r.User = "daemon"
					}
					out, err := install.RenderUnit(r, scope, install.OldestVersion)
					if err != nil {
						t.Fatal(err)
					}
					path := filepath.Join(inworld.TempDir(t), service.RegistrationName(project, "web")+".service")
					if err := os.WriteFile(path, []byte(out.Text), 0o644); err != nil {
						t.Fatal(err)
					}
					argv := []string{"systemd-analyze", "verify", "--man=no", path}
					for _, u := range out.Sockets {
						path := filepath.Join(filepath.Dir(path), u.Name)
						if err := os.WriteFile(path, []byte(u.Text), 0o644); err != nil {
							t.Fatal(err)
						}
						argv = append(argv, path)
					}
					if scope == service.ScopeUser {
						argv = append(argv, "--user")
					}
					if got := inworld.Command(t, "/", nil, argv...); got.Code != 0 || got.Out+got.Err != "" {
						t.Errorf("%s %s %q: %s", level, when, project, got)
					}
				}
			}
		}
	})
}

// TestStrict: at most 2.0 of systemd's own exposure, and a daemon that works.
func TestStrict(t *testing.T) {
	needWorld(t, "system")
	dir := ownedProject(t)
	inworld.Apexd(t, dir, 0, "install", "--hardening", "strict", "--now")
	path := shown(t, unitOf(t, dir), "FragmentPath")
	r := inworld.Command(t, "/", nil, "systemd-analyze", "security", "--offline=true", "--no-pager", path)
	m := regexp.MustCompile(`exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(r.Out)
	if m == nil {
		t.Fatal(r)
	}
	if score, err := strconv.ParseFloat(m[1], 64); err != nil || score > 2.0 {
		t.Errorf("exposure %v\n%s", score, r)
	}
	t.Logf("exposure %s", m[1])
	if s := status(t, dir); !s.Running || s.Ready == nil || !*s.Ready {
		t.Errorf("%+v", s)
	}
	inworld.Apexd(t, dir, 0, "restart")
	inworld.Apexd(t, dir, 0, "stop")
}

// ownedProject is a project that belongs to somebody else, whom it makes.
func ownedProject(t *testing.T) string {
	t.Helper()
	const name = "alice"
	if r := inworld.Command(t, "/", nil, "useradd", "--create-home", name); r.Code != 0 && r.Code != 9 { // 9: exists already (useradd(8))
		t.Fatal(r)
	}
	dir := newProject(t, "shop", "sleep", "1000")
	if r := inworld.Command(t, "/", nil, "chown", "-R", name, dir); r.Code != 0 {
		t.Fatal(r)
	}
	return dir
}

// TestRunsAsTheOwner: root registers, and the project's owner runs it.
func TestRunsAsTheOwner(t *testing.T) {
	needWorld(t, "system")
	dir := ownedProject(t)
	inworld.Apexd(t, dir, 0, "install", "--now")
	fi, err := os.Stat(fmt.Sprintf("/proc/%d", *status(t, dir).PID))
	if err != nil {
		t.Fatal(err)
	}
	owner, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fi.Sys().(*syscall.Stat_t).Uid, owner.Sys().(*syscall.Stat_t).Uid; got != want || got == 0 {
		t.Errorf("it runs as %d, the project is %d's", got, want)
	}
	if r := inworld.Apexd(t, dir, 1, "install", "--run-as", "root"); !strings.Contains(r.Err, "could then become root") {
		t.Errorf("root on what alice can write: %s", r)
	}
}

// TestSocketOfTheOwner: root's systemd makes the socket, and its file is the daemon's user's.
func TestSocketOfTheOwner(t *testing.T) {
	needWorld(t, "system")
	dir := ownedProject(t)
	const conf = "daemon:\n  command: [sleep, '1000']\n  sockets: {control: {address: 'unix:PATH', mode: '0660'}}\n"
	configure(t, dir, strings.Replace(conf, "PATH", ".apex/c.sock", 1)) // systemd would give away, as root, whatever alice puts there
	if r := inworld.Apexd(t, dir, 1, "install", "--now"); !strings.Contains(r.Err, "give any file away") {
		t.Errorf("%s", r)
	}
	const path = "/run/shop/c.sock"
	configure(t, dir, strings.Replace(conf, "PATH", path, 1))
	inworld.Apexd(t, dir, 0, "install", "--now")
	fi, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	owner, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fi.Sys().(*syscall.Stat_t).Uid, owner.Sys().(*syscall.Stat_t).Uid; got != want || fi.Mode().Perm() != 0o660 {
		t.Errorf("it is %d's, mode %s; the project is %d's", got, fi.Mode(), want)
	}
	inworld.Apexd(t, dir, 0, "stop")
	if _, err := os.Stat(path); err == nil {
		t.Error("it is left")
	}
}

// TestDockerEnv: D3. The library takes a daemon for an interactive program wherever this file is.
func TestDockerEnv(t *testing.T) {
	needWorld(t, "system")
	if err := os.WriteFile("/.dockerenv", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	defer os.Remove("/.dockerenv")
	dir := newProject(t, "shop", "sleep", "1000")
	inworld.Apexd(t, dir, 0, asRoot("install", "--now")...)
	if s := status(t, dir); s.Backend != "systemd" {
		t.Errorf("%+v", s)
	}
}
