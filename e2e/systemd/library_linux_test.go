package systemd_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
	"github.com/joshuaaferguson/apexd/install"
	"github.com/joshuaaferguson/apexd/service"
	kservice "github.com/kardianos/service"
)

// bare registers a service as github.com/kardianos/service does by itself.
func bare(t *testing.T, c kservice.Config) (kservice.Service, error) {
	t.Helper()
	for _, system := range kservice.AvailableSystems() {
		if system.String() == "linux-systemd" {
			s, err := system.New(nil, &c)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = s.Stop()
				_ = s.Uninstall()
				_ = os.Remove("/etc/systemd/system/" + c.Name + ".service")
				inworld.Command(t, "/", nil, "systemctl", "reset-failed", c.Name)
				inworld.Command(t, "/", nil, "systemctl", "daemon-reload")
			})
			return s, s.Install()
		}
	}
	t.Fatal("the library does not know systemd")
	return nil, nil
}

// TestLibrary shows for each trap of github.com/kardianos/service v1.3.0 that it is still there. Where a row fails, the library has been mended, and what we do
// about it may be taken out. That ours is right is shown by the test that the row names.
func TestLibrary(t *testing.T) {
	needWorld(t, "system")
	dir := filepath.Join(inworld.TempDir(t), "a b")
	program := filepath.Join(dir, "probe")
	inworld.CopyProgram(t, program)
	plain := filepath.Join(inworld.TempDir(t), "probe")
	inworld.CopyProgram(t, plain)
	said, deaf := filepath.Join(inworld.TempDir(t), "said"), filepath.Join(inworld.TempDir(t), "deaf")
	for _, tt := range []struct {
		name string // and where ours is tested
		c    kservice.Config
		trap func(t *testing.T, s kservice.Service, installed error)
	}{
		{"K1 a space in the program's path, TestQuoting", kservice.Config{Name: "k1", Executable: program}, func(t *testing.T, s kservice.Service, _ error) {
			if err := s.Start(); err != nil || shown(t, "k1", "ActiveState") == "active" {
				t.Errorf("Start: %v, and it is %s", err, shown(t, "k1", "ActiveState"))
			}
		}},
		{"K2 a space in the directory, TestQuoting", kservice.Config{Name: "k2", Executable: plain, WorkingDirectory: dir}, func(t *testing.T, s kservice.Service, _ error) {
			err := s.Start()
			inworld.Eventually(t, "it fails", func() bool { return shown(t, "k2", "ExecMainStatus") == "200" })
			if got, e := s.Status(); err != nil || e != nil || got != kservice.StatusRunning {
				t.Errorf("Start: %v; status: %v, %v", err, got, e)
			}
		}},
		{"K3 a path in quotes, TestRendered", kservice.Config{Name: "k3", Executable: plain, Option: kservice.KeyValue{"PIDFile": "/run/k3.pid"}}, func(t *testing.T, _ kservice.Service, _ error) {
			if got := shown(t, "k3", "PIDFile"); got == "/run/k3.pid" {
				t.Error("systemd understands it")
			}
		}},
		{"K4 an argument that does not load, TestQuoting", kservice.Config{Name: "k4", Executable: plain, Arguments: []string{"50%x"}}, func(t *testing.T, _ kservice.Service, installed error) {
			if got := shown(t, "k4", "LoadState"); installed != nil || got == "loaded" {
				t.Errorf("Install: %v, and it is %s", installed, got)
			}
		}},
		{"K5 a description that sets the user, TestWords", kservice.Config{Name: "k5", Executable: plain, Description: "x\n[Service]\nUser=nobody\n[Unit]"}, func(t *testing.T, _ kservice.Service, _ error) {
			if got := shown(t, "k5", "User"); got != "nobody" {
				t.Errorf("User=%s", got)
			}
		}},
		{"K6 two minutes until a restart, TestCrashLoop", kservice.Config{Name: "k6", Executable: plain}, func(t *testing.T, _ kservice.Service, _ error) {
			if got := shown(t, "k6", "RestartUSec"); got != "2min" {
				t.Errorf("RestartUSec=%s", got)
			}
		}},
		{"K7 one that stops is not installed, TestStatesOfSystemd", kservice.Config{Name: "k7", Executable: "/bin/sh", Arguments: []string{"-c", "trap '' TERM; touch " + deaf + "; while :; do sleep 1; done"}}, func(t *testing.T, s kservice.Service, _ error) {
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			inworld.Eventually(t, "it ignores TERM", func() bool { _, err := os.Stat(deaf); return err == nil })
			systemctl(t, "stop", "--no-block", "k7")
			inworld.Eventually(t, "it is being stopped", func() bool { return shown(t, "k7", "ActiveState") == "deactivating" })
			if got, err := s.Status(); !errors.Is(err, kservice.ErrNotInstalled) {
				t.Errorf("status %v, %v", got, err)
			}
			systemctl(t, "kill", "-s", "KILL", "k7")
		}},
		{"K8 a start that fails, TestStartFails", kservice.Config{Name: "k8", Executable: "/bin/false"}, func(t *testing.T, s kservice.Service, _ error) {
			if err := s.Start(); err != nil {
				t.Errorf("Start: %v", err)
			}
		}},
		{"K9 a file that cannot be rendered, TestFaultsOfTheLibrary", kservice.Config{Name: "k9", Executable: plain, Option: kservice.KeyValue{"SystemdScript": "{{.Path}}"}}, func(t *testing.T, s kservice.Service, installed error) {
			systemctl(t, "daemon-reload")
			if got := shown(t, "k9", "LoadState"); installed == nil || got != "masked" {
				t.Errorf("Install: %v, and it is %s", installed, got)
			}
			if err := s.Install(); err == nil || !strings.Contains(err.Error(), "already exists") {
				t.Errorf("Install again: %v", err)
			}
		}},
		{"K11 uninstalled and running, TestLifecycle", kservice.Config{Name: "k11", Executable: plain, EnvVars: map[string]string{probeVariable: said}}, func(t *testing.T, s kservice.Service, _ error) {
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			inworld.Eventually(t, "it runs", func() bool { _, err := os.Stat(said); return err == nil })
			pid := shown(t, "k11", "MainPID")
			if err := s.Uninstall(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat("/proc/" + pid); err != nil {
				t.Error("it does not run any more")
			}
			systemctl(t, "kill", "-s", "KILL", "k11")
		}},
		{"K13 secrets that anybody can read, TestSecretsStayOut", kservice.Config{
			Name: "k13", Executable: plain, EnvVars: map[string]string{"TOKEN": "hush"}, Option: kservice.KeyValue{"LogOutput": true},
		}, func(t *testing.T, _ kservice.Service, _ error) {
			fi, err := os.Stat(shown(t, "k13", "FragmentPath"))
			if err != nil || fi.Mode().Perm()&0o004 == 0 || shown(t, "k13", "Environment") != "TOKEN=hush" || !strings.HasPrefix(shown(t, "k13", "StandardOutput"), "file") {
				t.Errorf("%v, %v, %s", err, fi, shown(t, "k13", "Environment"))
			}
		}},
		{"K14 errors without a reason, TestStartFails", kservice.Config{Name: "k14", Executable: "relative"}, func(t *testing.T, s kservice.Service, _ error) {
			_ = os.Remove("/etc/systemd/system/k14.service")
			systemctl(t, "daemon-reload")
			if err := s.Start(); err == nil || err.Error() != "exit status 5" {
				t.Errorf("Start: %v", err)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := bare(t, tt.c)
			tt.trap(t, s, err)
		})
	}
}

// TestMaskAndTheLibrary: K9. It removes an administrator's mask; TestMaskIsLeftAlone is ours.
func TestMaskAndTheLibrary(t *testing.T) {
	needWorld(t, "system")
	s, err := bare(t, kservice.Config{Name: "k9b", Executable: "/bin/true"})
	if err != nil {
		t.Fatal(err)
	}
	const path = "/etc/systemd/system/k9b.service"
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", path); err != nil {
		t.Fatal(err)
	}
	_ = s.Uninstall()
	if _, err := os.Lstat(path); err == nil {
		t.Error("the library leaves it alone now")
	}
}

// TestUserTargetOfTheLibrary: K12. It enables a user's unit for a target that users have not; TestUserTarget is ours.
func TestUserTargetOfTheLibrary(t *testing.T) {
	needWorld(t, "user")
	c := kservice.Config{Name: "k12", Executable: "/bin/true", Option: kservice.KeyValue{"UserService": true}}
	for _, system := range kservice.AvailableSystems() {
		if system.String() != "linux-systemd" {
			continue
		}
		s, err := system.New(nil, &c)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Uninstall(); removeEmpty(t) }()
		if err := s.Install(); err != nil {
			t.Fatal(err)
		}
		if deps := systemctl(t, "list-dependencies", "--plain", "default.target"); strings.Contains(deps, "k12.service") {
			t.Errorf("default.target wants it:\n%s", deps)
		}
	}
}

// TestRendered: K3, and what else is ours to say and not the library's: no PIDFile=, no quotes around a path, no output to a file that begins anew (K13).
func TestRendered(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		dir := newProject(t, "a b", "sleep", "1000")
		inworld.Apexd(t, dir, 0, asRoot("install", "--now", "--pid-file", dir+"/x y.pid")...)
		unit := unitOf(t, dir)
		for property, want := range map[string]string{"PIDFile": "", "WorkingDirectory": dir, "StandardOutput": "journal", "RootDirectory": ""} {
			if got := shown(t, unit, property); got != want {
				t.Errorf("%s=%s, want %s", property, got, want)
			}
		}
		if _, err := os.Stat(dir + "/x y.pid"); err != nil {
			t.Error(err)
		}
	})
}

// TestStatesOfSystemd: K7. A unit that starts, stops or waits is what it is, and never "not installed".
func TestStatesOfSystemd(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		dir := newProject(t, "shop", "sleep", "1000")
		configure(t, dir, "daemon:\n  command: [sh, -c, 'trap \"\" TERM; while :; do sleep 1; done']\n  stopTimeout: 20s\n")
		inworld.Apexd(t, dir, 0, asRoot("install", "--now")...)
		unit := unitOf(t, dir)
		systemctl(t, "stop", "--no-block", unit)
		if s := becomes(t, dir, service.StateStopping); !s.Registered || !s.Running || s.Native == nil || !strings.HasPrefix(*s.Native, "deactivating") {
			t.Errorf("%+v", s)
		}
		inworld.Apexd(t, dir, 0, "kill")

		configure(t, dir, "daemon:\n  command: [sleep, '1000']\n  readiness: {type: notify, timeout: 30s}\n")
		systemctl(t, "start", "--no-block", unit)
		if s := becomes(t, dir, service.StateStarting); !s.Registered || s.Ready == nil || *s.Ready {
			t.Errorf("%+v", s)
		}
		inworld.Apexd(t, dir, 0, "kill")
	})
}

// TestNotText: a path that is no UTF-8 makes systemd refuse to say anything of the unit on D-Bus; it is asked otherwise.
func TestNotText(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		dir := newProject(t, "a\xffb", "sleep", "1000")
		inworld.Apexd(t, dir, 0, asRoot("install", "--now")...)
		if s := status(t, dir); !s.Running || s.Native == nil || *s.Native != "active (running)" || strings.Contains(strings.Join(s.Warnings, " "), "cannot ask") {
			t.Errorf("%+v", s)
		}
	})
}

// TestInteractive: D4, D5. A child of PID 1 is no service for that, nor a shell whose parent cannot be seen: what keeps a daemon is said by an argument.
func TestInteractive(t *testing.T) {
	needWorld(t, "system")
	for _, tt := range []struct {
		name string
		argv []string
	}{
		{"a child of PID 1", []string{"systemd-run", "--quiet", "--wait", "--property=KillMode=none"}},
		{"hidepid=2", []string{"unshare", "--mount", "sh", "-c", "mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/tmp \"$@\"", "sh"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := newProject(t, "shop", "sleep", "1000")
			if r := inworld.Command(t, dir, nil, "chmod", "-R", "777", filepath.Dir(dir)); r.Code != 0 {
				t.Fatal(r)
			}
			if r := inworld.Command(t, dir, nil, append(tt.argv, inworld.Tool("apexd"), "start", "--project", dir)...); r.Code != 0 {
				t.Fatal(r)
			}
			if s := status(t, dir); !s.Running || s.Backend != "direct" {
				t.Errorf("%+v", s)
			}
			inworld.Apexd(t, dir, 0, "kill")
		})
	}
}

// TestTemplates: "{{" in our text is no template of the library's, whatever it says.
func TestTemplates(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		dir := newProject(t, "{{.Name}} {{if x}} {{", "sleep", "1000")
		inworld.Apexd(t, dir, 0, asRoot("install", "--now")...)
		if s := status(t, dir); !s.Running || s.Project != dir {
			t.Errorf("%+v", s)
		}
	})
}

// TestRollBackForReal takes an installation back at the real manager, after its last step.
func TestRollBackForReal(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		before := residue(t)
		in, err := install.Open(t.Context(), service.KindSystemd, scope)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		said := filepath.Join(inworld.TempDir(t), "said")
		r := install.Request{
			Spec: service.Spec{Project: inworld.TempDir(t), Name: "web", StopTimeout: time.Second, Readiness: service.Readiness{Timeout: 20 * time.Second}},
			Exec: filepath.Join(inworld.TempDir(t), "probe"), Path: "/usr/bin:/bin", Env: []string{probeVariable + "=" + said}, Now: true,
			Start: nil,
		}
		if scope == service.ScopeSystem {
			r.User = "root"
		}
		p, err := in.Install(t.Context(), r) // there is no such program
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Apply(t.Context()); err == nil || !strings.Contains(err.Error(), "systemd") {
			t.Errorf("%v", err)
		}
		if after := residue(t); strings.Join(before, "\n") != strings.Join(after, "\n") {
			t.Errorf("left behind: %q, was %q", after, before)
		}
	})
}

// TestWatchdog: a workload that pings keeps its daemon alive, whatever the manager's own limit is.
func TestWatchdog(t *testing.T) {
	needWorld(t, "system")
	dir := newProject(t, "shop", "sh", "-c", "while systemd-notify WATCHDOG=1; do sleep 0.2; done")
	config := filepath.Join(dir, ".apex/config.yaml")
	text := "daemon:\n  command: [sh, -c, 'systemd-notify --ready; while systemd-notify WATCHDOG=1; do sleep 0.2; done']\n  readiness: notify\n  watchdog: 2s\n  stopTimeout: 1s\n"
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	inworld.Apexd(t, dir, 0, asRoot("install", "--now")...)
	unit := unitOf(t, dir)
	if got := shown(t, unit, "WatchdogUSec"); got != "8s" {
		t.Errorf("WatchdogUSec=%s", got)
	}
	first := shown(t, unit, "WatchdogTimestampMonotonic")
	inworld.Eventually(t, "a ping reaches systemd", func() bool { return shown(t, unit, "WatchdogTimestampMonotonic") != first })
	if got := shown(t, unit, "NRestarts"); got != "0" {
		t.Errorf("NRestarts=%s", got)
	}
}
