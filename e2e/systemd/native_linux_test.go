package systemd_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
	"github.com/joshuaaferguson/apexd/service"
)

// within a second, status has to see what was done behind apexd's back (contract, section 10).
const within = time.Second

// becomes waits until status says state, and fails when that takes longer than within, or than three calls of status where the machine is slow.
func becomes(t *testing.T, dir string, state service.State) service.Status {
	t.Helper()
	began := time.Now()
	for calls := 1; ; calls++ {
		s := status(t, dir)
		if s.State == state {
			return s
		}
		if calls >= 3 && time.Since(began) > within {
			t.Fatalf("%s and %d calls later it is %s (%v), not %s", time.Since(began), calls, s.State, *s.Native, state)
		}
		<-time.After(10 * time.Millisecond) // what other processes do is no event here
	}
}

// TestNativeTools: whatever systemctl does, status says so within a second.
func TestNativeTools(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		dir := newProject(t, "shop", "sleep", "1000")
		configure(t, dir, "daemon:\n  command: [sleep, '1000']\n  restart: {delay: 2s, limit: 0}\n")
		inworld.Apexd(t, dir, 0, asRoot("install", "--now")...)
		unit := unitOf(t, dir)

		systemctl(t, "stop", unit)
		if s := becomes(t, dir, service.StateStopped); s.Running || !s.Registered {
			t.Errorf("stop: %+v", s)
		}
		systemctl(t, "start", unit)
		first := *becomes(t, dir, service.StateRunning).PID
		systemctl(t, "restart", unit)
		if s := becomes(t, dir, service.StateRunning); *s.PID == first {
			t.Error("restart: the PID is the old one's")
		}
		systemctl(t, "kill", "-s", "KILL", unit)
		if s := becomes(t, dir, service.StateRestarting); s.Running || *s.Native != "activating (auto-restart)" {
			t.Errorf("kill: %+v", s)
		}
		systemctl(t, "stop", unit)
		if s := becomes(t, dir, service.StateFailed); *s.Native != "inactive (dead)" { // the record of the crash is still there, as in direct mode
			t.Errorf("stop after a crash: %+v", s)
		}

		configure(t, dir, "daemon:\n  command: [sleep, '1000']\n  restart: {policy: never}\n")
		inworld.Apexd(t, dir, 0, asRoot("install", "--now")...)
		systemctl(t, "kill", "-s", "KILL", unit)
		if s := becomes(t, dir, service.StateFailed); s.Native == nil || *s.Native != "failed (failed), signal" {
			t.Errorf("kill: %+v", s)
		}
		systemctl(t, "reset-failed", unit)
		if s := becomes(t, dir, service.StateFailed); *s.Native != "inactive (dead)" { // the record of the crash is still there
			t.Errorf("reset-failed: %+v", s)
		}
		inworld.Apexd(t, dir, 0, "start")

		systemctl(t, "mask", "--runtime", unit)
		s := becomes(t, dir, service.StateRunning)
		if !strings.Contains(strings.Join(s.Warnings, " "), "masked") && scope == service.ScopeUser {
			t.Logf("a runtime mask does not hide a unit in %s", shown(t, unit, "FragmentPath"))
		}
		systemctl(t, "unmask", "--runtime", unit)
		becomes(t, dir, service.StateRunning)
	})
}

// TestMaskedWhileRunning: an administrator masks what runs. It goes on, status says what it means, and start says why it does not.
func TestMaskedWhileRunning(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		dir := newProject(t, "shop", "sleep", "1000")
		inworld.Apexd(t, dir, 0, asRoot("install", "--now")...)
		unit := unitOf(t, dir)
		path := shown(t, unit, "FragmentPath")
		if err := os.Rename(path, path+".away"); err != nil {
			t.Fatal(err)
		}
		systemctl(t, "mask", unit)
		s := becomes(t, dir, service.StateRunning)
		if !strings.Contains(strings.Join(s.Warnings, " "), "masked") {
			t.Errorf("%+v", s)
		}
		inworld.Apexd(t, dir, 0, "stop")
		if r := inworld.Apexd(t, dir, 1, "start"); !strings.Contains(r.Err, "unmask") {
			t.Errorf("%s", r)
		}
		systemctl(t, "unmask", unit)
		if err := os.Rename(path+".away", path); err != nil {
			t.Fatal(err)
		}
		systemctl(t, "daemon-reload")
		inworld.Apexd(t, dir, 0, "start")
	})
}

func configure(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, ".apex/config.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestEditedByHand: a unit that was changed is warned of until systemd has read it, and install shows what it would take back; a drop-in stays.
func TestEditedByHand(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		dir := newProject(t, "shop", "sleep", "1000")
		inworld.Apexd(t, dir, 0, asRoot("install", "--now")...)
		unit := unitOf(t, dir)
		path := shown(t, unit, "FragmentPath")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		edited := strings.Replace(string(text), "[Service]", "[Service]\nNice=5", 1)
		edited = strings.Replace(edited, " --name daemon", " --name daemon --log-file /tmp/elsewhere.log", 1)
		if err := os.WriteFile(path, []byte(edited), 0o644); err != nil {
			t.Fatal(err)
		}
		if s := status(t, dir); !s.Running || !strings.Contains(strings.Join(s.Warnings, " "), "daemon-reload") {
			t.Errorf("edited: %+v", s)
		}
		systemctl(t, "daemon-reload")
		if s := status(t, dir); strings.Contains(strings.Join(s.Warnings, " "), "daemon-reload") {
			t.Errorf("reloaded: %+v", s)
		}
		r := inworld.Apexd(t, dir, 0, asRoot("install", "--dry-run")...)
		if !strings.Contains(r.Out, "- Nice=5") || !strings.Contains(r.Out, "- ExecStart=") || !strings.Contains(r.Out, "+ ExecStart=") {
			t.Errorf("the plan: %s", r)
		}
		inworld.Apexd(t, dir, 0, asRoot("install", "--now")...)

		conf := filepath.Join(path+".d", "mine.conf")
		if err := os.MkdirAll(filepath.Dir(conf), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(conf, []byte("[Service]\nNice=6\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if s := status(t, dir); !strings.Contains(strings.Join(s.Warnings, " "), "daemon-reload") {
			t.Errorf("with a drop-in: %+v", s)
		}
		if r := inworld.Apexd(t, dir, 0, asRoot("install", "--dry-run")...); !strings.Contains(r.Out, conf) {
			t.Errorf("the plan does not list the drop-in: %s", r)
		}
		inworld.Apexd(t, dir, 0, asRoot("install", "--now")...)
		inworld.Apexd(t, dir, 0, "restart")
		if got := shown(t, unit, "Nice"); got != "6" {
			t.Errorf("Nice=%s", got)
		}
		inworld.Apexd(t, dir, 0, "uninstall")
		if _, err := os.Stat(conf); err != nil {
			t.Error(err)
		}
		if err := os.RemoveAll(filepath.Dir(conf)); err != nil {
			t.Fatal(err)
		}
		systemctl(t, "daemon-reload")
		removeEmpty(t)
	})
}

// removeEmpty removes what others have left of the directories for a user's units.
func removeEmpty(t *testing.T) {
	t.Helper()
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Remove(filepath.Join(home, ".config/systemd/user")) // one that is not empty stays
	_ = os.Remove(filepath.Join(home, ".config/systemd"))
}

// managerPID is the PID of the systemd that is asked.
func managerPID(t *testing.T) int {
	t.Helper()
	if os.Geteuid() == 0 {
		return 1
	}
	r := inworld.Command(t, "/", nil, "systemctl", "show", "--value", "--property=MainPID", "user@"+strconv.Itoa(os.Getuid())+".service") // the system's
	pid, err := strconv.Atoi(strings.TrimSpace(r.Out))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// descriptors is how many systemd has open.
func descriptors(t *testing.T, pid int) int {
	t.Helper()
	all, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// cycles is how often TestCycles starts and stops.
const cycles = 100

// TestCycles: starting and stopping a hundred times leaves no unit, no failed state, no control group, no file and no descriptor, and is never refused by a limit.
func TestCycles(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		before := residue(t)
		dir := newProject(t, "shop", "sleep", "1000")
		configure(t, dir, "daemon:\n  command: [sleep, '1000']\n  readiness: {settle: 1ms}\n  sockets: {http: 127.0.0.1:18090}\n")
		inworld.Apexd(t, dir, 0, asRoot("install")...)
		unit := unitOf(t, dir)
		inworld.Apexd(t, dir, 0, "start")
		group := filepath.Join("/sys/fs/cgroup", shown(t, unit, "ControlGroup"))
		inworld.Apexd(t, dir, 0, "stop")
		files, pid := tree(t, dir), managerPID(t)
		open := descriptors(t, pid)
		for i := range cycles {
			inworld.Apexd(t, dir, 0, "start")
			if i%10 == 9 { // a crash now and then: the next start clears what it left
				systemctl(t, "kill", "-s", "KILL", unit)
			}
			inworld.Apexd(t, dir, 0, "stop")
		}
		if _, err := os.Stat(group); err == nil {
			t.Errorf("%s is still there", group)
		}
		if now := tree(t, dir); !slices.Equal(now, files) {
			t.Errorf("files: %q, were %q", now, files)
		}
		inworld.Eventually(t, "systemd has closed what it had open", func() bool { return descriptors(t, pid) <= open })
		if got := shown(t, unit, "ActiveState") + " " + shown(t, unit, "Result"); got != "inactive success" {
			t.Errorf("it is %s", got)
		}
		inworld.Apexd(t, dir, 0, "uninstall")
		if after := residue(t); !slices.Equal(before, after) {
			t.Errorf("left behind: %q, was %q", after, before)
		}
	})
}

// tree is the files of a project, without those that are numbered as they grow.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	all, err := os.ReadDir(filepath.Join(dir, ".apex"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}

// TestKeysAreTheSame: status --json has the same keys for a daemon of systemd's and for a direct one, and the same values where both have the fact.
func TestKeysAreTheSame(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		dir := newProject(t, "shop", "sleep", "1000")
		inworld.Apexd(t, dir, 0, "start")
		direct := object(t, dir)
		inworld.Apexd(t, dir, 0, asRoot("install", "--takeover", "--now")...)
		unit := object(t, dir)
		for k, v := range direct {
			u, ok := unit[k]
			if !ok {
				t.Errorf("%s is missing", k)
			}
			if same := []string{"schema", "name", "project", "running", "ready", "wanted", "state", "version", "restarts", "lastExit"}; slices.Contains(same, k) && u != v {
				t.Errorf("%s is %v, and %v in direct mode", k, u, v)
			}
			delete(unit, k)
		}
		if len(unit) > 0 {
			t.Errorf("additional keys: %v", unit)
		}
	})
}

// TestWithoutSockets: where no socket of systemd's or of the bus can be reached, systemctl is asked, and everything works through it.
func TestWithoutSockets(t *testing.T) {
	needWorld(t, "system")
	dir := newProject(t, "shop", "sleep", "1000")
	bin := inworld.TempDir(t)
	// systemctl itself needs the sockets: it is run where they are
	script := "#!/bin/sh\necho \"$*\" >>" + bin + "/asked\nexec nsenter --target 1 --mount --wd=/ /usr/bin/systemctl \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "systemctl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	hidden := func(want int, args ...string) inworld.Result {
		t.Helper()
		argv := []string{"unshare", "--mount", "sh", "-c", "mount --bind /dev/null /run/systemd/private && mount --bind /dev/null /run/dbus/system_bus_socket && exec \"$@\"", "sh", inworld.Tool("apexd")}
		r := inworld.Command(t, dir, []string{"PATH=" + bin + ":" + os.Getenv("PATH")}, append(argv, args...)...)
		if r.Code != want {
			t.Fatalf("%q: %s", args, r)
		}
		return r
	}
	hidden(0, asRoot("install", "--now")...)
	unit := unitOf(t, dir)
	pid := *status(t, dir).PID
	if r := hidden(0, "status"); !strings.Contains(r.Out, "PID "+strconv.Itoa(pid)) || strings.Contains(r.Out+r.Err, "cannot ask") {
		t.Errorf("status: %s", r)
	}
	hidden(0, "restart")
	if got := *status(t, dir).PID; got == pid {
		t.Error("restart: the PID is the old one's")
	}
	hidden(0, "stop")
	becomes(t, dir, service.StateStopped)
	hidden(0, "disable")
	if got := shown(t, unit, "UnitFileState"); got != "disabled" {
		t.Errorf("disable: %s", got)
	}
	hidden(0, "start")
	if r := hidden(0, asRoot("install")...); strings.Contains(r.Out, "up to date") {
		t.Errorf("what is disabled is up to date: %s", r)
	}
	hidden(0, "kill")
	hidden(0, "uninstall")
	if asked, err := os.ReadFile(filepath.Join(bin, "asked")); err != nil || !strings.Contains(string(asked), "restart -- "+unit) {
		t.Errorf("systemctl was not asked: %v\n%s", err, asked)
	}
	if err := syscall.Access(filepath.Join("/etc/systemd/system", unit), 0); err == nil {
		t.Error("the unit is left")
	}
}
