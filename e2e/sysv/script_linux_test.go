package sysv_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
	"github.com/joshuaaferguson/apexd/service"
)

// install registers dir's daemon with the init, and uninstalls it at the end.
func install(t *testing.T, dir string, args ...string) string {
	t.Helper()
	inworld.Apexd(t, dir, 0, append([]string{"install"}, args...)...)
	t.Cleanup(func() { inworld.Apexd(t, dir, 0, "uninstall") })
	return service.RegistrationName(dir, service.DefaultName)
}

// TestNativeTools: every verb of service(8), with the exit statuses of LSB, and status agrees after each.
func TestNativeTools(t *testing.T) {
	init := needWorld(t, "init", "busybox")
	dir := newProject(t, "shop", "exec sleep 1000")
	name := install(t, dir)
	call, backend := native(init, name)
	for _, step := range []struct {
		verb  string
		code  int
		state service.State
	}{
		{"status", 3, service.StateStopped},
		{"reload", 7, service.StateStopped},
		{"try-restart", 0, service.StateStopped},
		{"stop", 0, service.StateStopped},
		{"start", 0, service.StateRunning},
		{"start", 0, service.StateRunning},
		{"status", 0, service.StateRunning},
		{"reload", 0, service.StateRunning},
		{"force-reload", 0, service.StateRunning},
		{"restart", 0, service.StateRunning},
		{"try-restart", 0, service.StateRunning},
		{"explode", 2, service.StateRunning},
		{"stop", 0, service.StateStopped},
		{"restart", 0, service.StateRunning},
		{"KILL", 0, service.StateFailed},
		{"status", 1, service.StateFailed},
		{"start", 0, service.StateRunning},
	} {
		if step.verb == "KILL" {
			pid := *inworld.Status(t, dir).PID
			run(t, "/", "", "kill", "-KILL", fmt.Sprint(pid))
			inworld.Eventually(t, "it is gone", func() bool { return !inworld.Status(t, dir).Running })
		} else if r := run(t, "/", "", append(call[:len(call):len(call)], step.verb)...); r.Code != step.code {
			t.Errorf("%q %s: %s\nwant exit status %d", call, step.verb, r, step.code)
		}
		s := inworld.Status(t, dir)
		if s.State != step.state || s.Backend != backend || s.Service == nil || *s.Service != name || !s.Registered || s.Enabled == nil || !*s.Enabled {
			t.Errorf("after %s: %+v", step.verb, s)
		}
	}
}

// TestExitStatuses: what a script says that has nothing to say, or nobody to say it.
func TestExitStatuses(t *testing.T) {
	init := needWorld(t, "init", "busybox")
	dir := newProject(t, "shop", "exec sleep 1000")
	name := install(t, dir)
	script := "/etc/init.d/" + name
	_, backend := native(init, name)
	if r := run(t, "/", "nobody", script, "status"); r.Code != 3 {
		t.Errorf("status as a stranger: %s", r)
	}
	for _, verb := range []string{"start", "restart"} {
		if r := run(t, "/", "nobody", script, verb); r.Code != 4 || !strings.Contains(r.Err, "sudo") {
			t.Errorf("%s as a stranger: %s", verb, r)
		}
	}
	if r := run(t, "/", "nobody", inworld.Tool("apexd"), "start", "--project", dir, "--json"); r.Code != 77 || !strings.Contains(r.Out, "PERMISSION_DENIED") {
		t.Errorf("apexd start as a stranger: %s", r)
	}
	if r := run(t, "/", owner, inworld.Tool("apexd"), "start", "--project", dir); r.Code != 0 || inworld.Status(t, dir).Backend != backend {
		t.Errorf("apexd start as the daemon's own user: %s", r)
	}
	inworld.Apexd(t, dir, 0, "stop")
	config := filepath.Join(dir, ".apex/config.yaml")
	good, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte("daemon: {bogus: 1}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := run(t, "/", "", script, "start"); r.Code != 6 {
		t.Errorf("start with a wrong configuration: %s", r)
	}
	if err := os.WriteFile(config, good, 0o644); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	lost := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(lost, []byte(strings.ReplaceAll(string(text), inworld.Tool("apexd"), "/nowhere/apexd")), 0o755); err != nil {
		t.Fatal(err)
	}
	for verb, code := range map[string]int{"start": 5, "stop": 5, "status": 4} {
		if r := run(t, "/", "", "sh", lost, verb); r.Code != code || !strings.Contains(r.Err, "/nowhere/apexd") {
			t.Errorf("%s without apexd: %s\nwant exit status %d", verb, r, code)
		}
	}
}

// TestRunsAsTheOwner: V2. The daemon, by every way of starting it, is the project's owner's, with his home, in a session of its own, and knows nothing of the caller.
func TestRunsAsTheOwner(t *testing.T) {
	needWorld(t, "init", "busybox")
	dir := newProject(t, "it's a shop", `echo "$(id -un):$(id -Gn):$HOME:$(pwd):$STRAY:$(umask)" >>told; exec sleep 1000`)
	name := install(t, dir)
	groups := strings.TrimSpace(run(t, "/", "", "id", "-Gn", owner).Out)
	want := fmt.Sprintf("%s:%s:/usr/games:%s::0022\n", owner, groups, dir)
	t.Setenv("STRAY", "1")
	for _, argv := range [][]string{
		{"service", name, "start"}, {"/etc/init.d/" + name, "start"}, {"/etc/init.d/" + name, "restart"}, {inworld.Tool("apexd"), "start", "--project", dir}, {inworld.Tool("apexd"), "restart", "--project", dir},
	} {
		if r := run(t, "/", "", append([]string{"sh", "-c", `umask 077; exec "$0" "$@"`}, argv...)...); r.Code != 0 {
			t.Fatalf("%q: %s", argv, r)
		}
		told, err := os.ReadFile(filepath.Join(dir, "told"))
		if err != nil || !strings.HasSuffix(string(told), want) {
			t.Errorf("%q: %q, want %q at the end (%v)", argv, told, want, err)
		}
		pid := *inworld.Status(t, dir).PID
		ps := strings.Fields(run(t, "/", "", "ps", "-o", "user=,sid=", "-p", fmt.Sprint(pid)).Out)
		if len(ps) != 2 || ps[0] != owner || ps[1] != fmt.Sprint(pid) {
			t.Errorf("%q: user and session are %q, PID %d", argv, ps, pid)
		}
		inworld.Apexd(t, dir, 0, "stop")
	}
}

// TestAtOnce: V1 and V7. A workload that dies at once is a start that fails, and nothing is called running.
func TestAtOnce(t *testing.T) {
	needWorld(t, "init", "busybox")
	dir := newProject(t, "shop", "echo why; exit 3")
	name := install(t, dir)
	if r := run(t, "/", "", "service", name, "start"); r.Code != 1 || !strings.Contains(r.Err, "why") {
		t.Errorf("start: %s", r)
	}
	if s := inworld.Status(t, dir); s.Running || s.State != service.StateFailed || s.LastExit == nil || s.LastExit.Code != 3 {
		t.Errorf("%+v", s)
	}
	if r := inworld.Apexd(t, dir, 1, "start", "--json"); !strings.Contains(r.Out, `"why"`) || !strings.Contains(r.Out, "START_FAILED") {
		t.Errorf("start: %s", r)
	}
}

// TestForeignPIDFiles: V3 to V5. Files that other scripts would believe are nobody's business, and no stranger is called the daemon, or stopped.
func TestForeignPIDFiles(t *testing.T) {
	needWorld(t, "init", "busybox")
	dir := newProject(t, "shop", "exec sleep 1000")
	name := install(t, dir)
	stranger := exec.Command("sleep", "1000")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- stranger.Wait() }()
	t.Cleanup(func() { _ = stranger.Process.Kill(); <-ended })
	pidFile := "/run/" + name + ".pid"
	t.Cleanup(func() { os.Remove(pidFile) })
	for _, content := range []string{"", fmt.Sprint(stranger.Process.Pid), "1"} {
		if err := os.WriteFile(pidFile, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if r := run(t, "/", "", "service", name, "status"); r.Code != 3 {
			t.Errorf("%q in %s: %s", content, pidFile, r)
		}
		if r := run(t, "/", "", "service", name, "stop"); r.Code != 0 {
			t.Errorf("stop: %s", r)
		}
		inworld.Apexd(t, dir, 0, "start")
		if b, err := os.ReadFile(pidFile); err != nil || string(b) != content {
			t.Errorf("%s has become %q, %v", pidFile, b, err)
		}
		inworld.Apexd(t, dir, 0, "stop")
	}
	select {
	case err := <-ended:
		t.Errorf("the stranger was ended: %v", err)
		ended <- err
	default:
	}
}

// TestNothingIsLeft: V6. Whatever part of an installation is gone, uninstall leaves nothing of the rest, and neither links nor PID files.
func TestNothingIsLeft(t *testing.T) {
	needWorld(t, "init", "busybox")
	for _, tt := range []struct{ name, wreck string }{
		{"whole", ":"},
		{"the script is gone", "rm /etc/init.d/$NAME"},
		{"the links are gone", "rm -f /etc/rc?.d/*$NAME /etc/init.d/S??$NAME"},
		{"one link is gone", "rm -f /etc/rc2.d/*$NAME"},
		{"the script is empty", ": >/etc/init.d/$NAME"},
		{"disabled", "if [ -f /etc/init.d/rc ]; then update-rc.d $NAME disable; else rm /etc/init.d/S??$NAME; fi"},
		{"removed from the runlevels", "[ ! -f /etc/init.d/rc ] || update-rc.d -f $NAME remove"},
		{"stopped", "service $NAME stop"},
		{"killed", "pkill -KILL -f 'run --detached.*--service [$]NAME' || pkill -KILL -f service.$NAME"},
		{"the record is gone", "rm -rf .apex/daemon.pid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := residue(t)
			dir := newProject(t, "shop", "exec sleep 1000")
			inworld.Apexd(t, dir, 0, "install", "--now")
			name := service.RegistrationName(dir, service.DefaultName)
			if r := run(t, dir, "", "env", "NAME="+name, "sh", "-c", tt.wreck); r.Code != 0 {
				t.Fatal(r)
			}
			inworld.Apexd(t, dir, 0, "uninstall")
			if after := residue(t); !slices.Equal(before, after) {
				t.Errorf("before: %q\nafter: %q", before, after)
			}
			if s := inworld.Status(t, dir); s.Running || s.Registered {
				t.Errorf("%+v", s)
			}
			if r := run(t, "/", "", "pgrep", "-f", dir); r.Code != 1 {
				t.Errorf("it still runs: %s", r)
			}
			if r := inworld.Apexd(t, dir, 0, "uninstall"); !strings.Contains(r.Out, "not installed") {
				t.Errorf("again: %s", r)
			}
		})
	}
}

// TestRollBack: an installation whose start fails, or that is refused, changes nothing.
func TestRollBack(t *testing.T) {
	needWorld(t, "init")
	dir := newProject(t, "shop", "exit 1")
	name := service.RegistrationName(dir, service.DefaultName)
	before := residue(t)
	r := inworld.Apexd(t, dir, 1, "install", "--now")
	if after := residue(t); !slices.Equal(before, after) || !strings.Contains(r.Err, "nothing was changed") {
		t.Errorf("%s\nbefore: %q\nafter: %q", r, before, after)
	}
	if err := os.WriteFile("/etc/init.d/"+name, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove("/etc/init.d/" + name)
	for _, verb := range []string{"install", "uninstall", "enable", "disable"} {
		if r := inworld.Apexd(t, dir, 1, verb, "--json"); !strings.Contains(r.Out, "SERVICE_EXISTS") {
			t.Errorf("%s over somebody's script: %s", verb, r)
		}
	}
	if b, err := os.ReadFile("/etc/init.d/" + name); err != nil || string(b) != "#!/bin/sh\n" {
		t.Errorf("the script has become %q, %v", b, err)
	}
}

// TestProgramOfOthers: the boot executes apexd as root before it takes on the daemon's user, and so not one that the daemon's user could replace.
func TestProgramOfOthers(t *testing.T) {
	needWorld(t, "init", "busybox")
	dir := newProject(t, "shop", "exec sleep 1000")
	own := filepath.Join(dir, "apexd")
	if r := run(t, "/", "", "sh", "-c", `cp "$0" "$1" && chown games "$1"`, inworld.Tool("apexd"), own); r.Code != 0 {
		t.Fatal(r)
	}
	before := residue(t)
	if r := run(t, dir, "", own, "install"); r.Code != 1 || !strings.Contains(r.Err, "root execute anything") {
		t.Errorf("%s", r)
	}
	if after := residue(t); !slices.Equal(before, after) {
		t.Errorf("before: %q\nafter: %q", before, after)
	}
}

// TestRunlevels: the links do what they are for: init's own script stops the daemon on the way to runlevel 0, and starts it on the way to 2, unless it is disabled.
func TestRunlevels(t *testing.T) {
	needWorld(t, "init")
	dir := newProject(t, "shop", "exec sleep 1000")
	install(t, dir, "--now")
	level := func(n string) {
		t.Helper()
		previous := map[string]string{"0": "2", "2": "S"}[n]
		if r := run(t, "/", "", "env", "-i", "PATH=/sbin:/bin:/usr/sbin:/usr/bin", "RUNLEVEL="+n, "PREVLEVEL="+previous, "runlevel="+n, "previous="+previous, "/etc/init.d/rc", n); r.Code != 0 {
			t.Fatalf("rc %s: %s", n, r)
		}
	}
	level("0")
	if s := inworld.Status(t, dir); s.State != service.StateStopped {
		t.Errorf("in runlevel 0: %+v", s)
	}
	level("2")
	if s := inworld.Status(t, dir); !s.Running || s.Backend != "sysv" {
		t.Errorf("in runlevel 2: %+v", s)
	}
	level("0")
	inworld.Apexd(t, dir, 0, "disable")
	level("2")
	if s := inworld.Status(t, dir); s.Running || s.Enabled == nil || *s.Enabled {
		t.Errorf("disabled, in runlevel 2: %+v", s)
	}
	inworld.Apexd(t, dir, 0, "enable")
	level("2")
	if s := inworld.Status(t, dir); !s.Running || !*s.Enabled {
		t.Errorf("enabled, in runlevel 2: %+v", s)
	}
}
