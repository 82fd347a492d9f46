package openrc_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
	"github.com/joshuaaferguson/apexd/internal/openrc"
	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/service"
)

const sleeps = "daemon:\n  command: [sleep, '1000']\n"

func running(s service.Status) bool { return s.State == service.StateRunning }

// supervisor is the PID that the supervisor of m has written.
func (m machine) supervisor(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(openrc.System().PIDFile(m.name))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// killed kills a process and returns when it is gone, and nothing has its PID.
func killed(t *testing.T, pid int) {
	t.Helper()
	p, err := proc.Inspect(pid)
	if err != nil {
		t.Fatal(err)
	}
	h, err := proc.Open(pid, p.Identity)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := h.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	inworld.Eventually(t, "it is reaped", func() bool { _, err := proc.Inspect(pid); return errors.Is(err, proc.ErrNotFound) }) // OpenRC takes a zombie for alive
}

func alive(pid int) bool {
	p, err := proc.Inspect(pid)
	return err == nil && !p.Zombie
}

// TestRunsAs: O1, UserName and WorkingDirectory were ignored, and the daemon ran as root.
func TestRunsAs(t *testing.T) {
	needWorld(t)
	m := newMachine(t, "nobody", "daemon:\n  command: [sh, -c, 'id -un; id -Gn; pwd; echo \"$USER\"; exec sleep 1000']\n", "--now")
	s := m.status(t)
	for _, pid := range []int{*s.PID, s.Workload.PID} {
		if p, err := proc.Inspect(pid); err != nil || p.UID != 65534 {
			t.Errorf("process %d: uid %d, %v", pid, p.UID, err)
		}
	}
	said := m.apexd(t, 0, "logs").String()
	for _, want := range []string{"nobody\n", "nogroup\n", m.dir + "\n"} {
		if !strings.Contains(said, want) {
			t.Errorf("the workload does not say %q:\n%s", want, said)
		}
	}
	if dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", *s.PID)); err != nil || dir != m.dir {
		t.Errorf("it works in %q, %v", dir, err)
	}
}

// TestWords: apexd and rc-service say the same of every state that OpenRC has a word for.
func TestWords(t *testing.T) {
	needWorld(t)
	m := newMachine(t, "root", sleeps)
	agree := func(word string, code int, state service.State) {
		t.Helper()
		r, s := m.rc(t, "status"), m.status(t)
		if !strings.Contains(r.String(), "status: "+word) || r.Code != code || s.Native == nil || *s.Native != word || s.State != state {
			t.Errorf("rc-service: %sapexd: %s, native %v; want %s, %s", r, s.State, s.Native, word, state)
		}
	}
	agree("stopped", 3, service.StateStopped)
	if r := m.rc(t, "start"); r.Code != 0 || !running(m.status(t)) {
		t.Fatalf("rc-service start: %s", r)
	}
	agree("started", 0, service.StateRunning)
	m.apexd(t, 79, "start")
	if r := m.rc(t, "restart"); r.Code != 0 || !running(m.status(t)) {
		t.Errorf("rc-service restart: %s", r)
	}
	if r := m.rc(t, "reload"); r.Code != 0 {
		t.Errorf("rc-service reload: %s", r)
	}
	if r := m.rc(t, "stop"); r.Code != 0 {
		t.Errorf("rc-service stop: %s", r)
	}
	agree("stopped", 3, service.StateStopped)
	m.apexd(t, 0, "start")
	agree("started", 0, service.StateRunning)
	killed(t, m.supervisor(t))
	agree("unsupervised", 64, service.StateRunning)
	m.apexd(t, 0, "stop")
	agree("stopped", 3, service.StateStopped)
}

// TestStartFails: O3, a start that failed was a success, and what came after it was "stopped" or "exit status 1".
func TestStartFails(t *testing.T) {
	needWorld(t)
	m := newMachine(t, "root", "daemon:\n  command: [sh, -c, 'echo no database >&2; exit 7']\n  restart: {policy: always, delay: 1s, limit: 0}\n")
	if r := m.rc(t, "start"); r.Code == 0 {
		t.Errorf("rc-service start: %s", r)
	}
	if k := openrc.System().Look(m.name); k.Word != openrc.Stopped || k.Supervisor != 0 {
		t.Errorf("something goes on trying: %+v", k)
	}
	r := m.apexd(t, 1, "start")
	for _, want := range []string{"exited with status 7 before it was ready", "no database"} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("it does not say %q: %s", want, r)
		}
	}
	if s := m.status(t); s.State != service.StateFailed || s.LastExit == nil || s.LastExit.Code != 7 {
		t.Errorf("%+v", s)
	}
}

// TestCrashes: what crashes is started again, up to the limit, and then the reason stays.
func TestCrashes(t *testing.T) {
	needWorld(t)
	m := newMachine(t, "root", "daemon:\n  command: [sh, -c, 'sleep 0.5; exit 7']\n  restart: {policy: on-failure, delay: 0s, limit: 2, window: 60s}\n", "--now")
	s := m.await(t, "it gives up", func(s service.Status) bool { return s.State == service.StateFailed })
	if s.StatusText == nil || !strings.Contains(*s.StatusText, "gave up after 2 restarts") || s.Restarts != 2 || s.LastExit == nil || s.LastExit.Code != 7 {
		t.Errorf("%+v", s)
	}
	if r := m.rc(t, "status"); r.Code != 3 {
		t.Errorf("rc-service status: %s", r)
	}
}

// TestFinalEnd: OpenRC starts again whatever ends. An end that the policy calls final is one all the same.
func TestFinalEnd(t *testing.T) {
	needWorld(t)
	for name, row := range map[string]struct {
		config string
		state  service.State
	}{
		"a good end":        {"daemon:\n  command: [sh, -c, 'echo run; sleep 0.5']\n  readiness: {settle: 1ms}\n  restart: {delay: 0s}\n", service.StateStopped},
		"a bad one, never":  {"daemon:\n  command: [sh, -c, 'echo run; sleep 0.5; exit 3']\n  readiness: {settle: 1ms}\n  restart: {policy: never}\n", service.StateFailed},
		"without any limit": {"daemon:\n  command: [sh, -c, 'echo run; sleep 0.5']\n  readiness: {settle: 1ms}\n  restart: {delay: 0s, limit: 0}\n", service.StateStopped},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, "root", row.config, "--now")
			m.await(t, "it ends", func(s service.Status) bool { return s.State == row.state && openrc.System().Look(m.name).Respawns > 0 })
			if n := strings.Count(m.apexd(t, 0, "logs").String(), "\nrun\n"); n != 1 {
				t.Errorf("it was run %d times", n)
			}
			m.apexd(t, 0, "start") // and it can be started again
			m.apexd(t, 0, "stop")
		})
	}
}

// TestSupervisorKilled: O4, with its supervisor gone the daemon was stopped in words only.
func TestSupervisorKilled(t *testing.T) {
	needWorld(t)
	for _, by := range []string{"rc-service stop", "apexd stop", "apexd kill"} {
		t.Run(by, func(t *testing.T) {
			m := newMachine(t, "nobody", sleeps, "--now")
			s := m.status(t)
			killed(t, m.supervisor(t))
			if s := m.status(t); !s.Running || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], "supervisor of "+m.name+" is gone") {
				t.Errorf("%+v", s)
			}
			switch by {
			case "rc-service stop":
				if r := m.rc(t, "stop"); r.Code != 0 {
					t.Errorf("rc-service stop: %s", r)
				}
			default:
				m.apexd(t, 0, strings.TrimPrefix(by, "apexd "))
			}
			if alive(*s.PID) || alive(s.Workload.PID) {
				t.Error("it is still there")
			}
			if s := m.status(t); s.State != service.StateStopped {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestBothKilled: what is left is a word of OpenRC's, and a start goes ahead.
func TestBothKilled(t *testing.T) {
	needWorld(t)
	m := newMachine(t, "root", sleeps, "--now")
	s := m.status(t)
	killed(t, m.supervisor(t))
	killed(t, *s.PID)
	if s := m.status(t); s.State != service.StateFailed || s.Running {
		t.Errorf("%+v", s)
	}
	m.apexd(t, 0, "start")
	if s := m.status(t); !running(s) || *s.Native != openrc.Started {
		t.Errorf("%+v", s)
	}
}

// TestStaleSupervisorPID: a PID file of a supervisor that is gone names a stranger by now, whom supervise-daemon(8) itself would kill.
func TestStaleSupervisorPID(t *testing.T) {
	needWorld(t)
	m := newMachine(t, "root", sleeps, "--now")
	killed(t, m.supervisor(t))
	stranger := exec.Command("sleep", "1000")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	}()
	if err := os.WriteFile(openrc.System().PIDFile(m.name), fmt.Appendf(nil, "%d\n", stranger.Process.Pid), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := m.rc(t, "stop"); r.Code != 0 {
		t.Errorf("rc-service stop: %s", r)
	}
	if r := m.rc(t, "start"); r.Code != 0 {
		t.Errorf("rc-service start: %s", r)
	}
	m.apexd(t, 0, "stop")
	if !alive(stranger.Process.Pid) {
		t.Error("the stranger was killed")
	}
}

// configure writes an administrator's settings, and returns their file.
func (m machine) configure(t *testing.T, text string) string {
	t.Helper()
	path := "/etc/conf.d/" + m.name
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { // Debian's package has none
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(path); err != nil { // no uninstall has
			t.Error(err)
		}
	})
	return path
}

// TestSettings: an administrator's settings hold, and stay.
func TestSettings(t *testing.T) {
	needWorld(t)
	m := newMachine(t, "root", "daemon:\n  command: [sh, -c, 'nice; exec sleep 1000']\n")
	path := m.configure(t, "supervise_daemon_args='--nicelevel 7'\n")
	m.apexd(t, 0, "start")
	if said := m.apexd(t, 0, "logs").String(); !strings.Contains(said, "\n7\n") {
		t.Errorf("it was not made nice:\n%s", said)
	}
	m.apexd(t, 0, "uninstall")
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

// handlesTERM reports whether a process has a handler for SIGTERM that is its own program's: what is called supervise-daemon has not executed it yet.
func handlesTERM(pid int) bool {
	p, err := proc.Inspect(pid)
	return err == nil && signals(pid, "SigCgt:")>>(syscall.SIGTERM-1)&1 == 1 && !strings.HasPrefix(p.Name, "supervise")
}

// signals is one of the masks of signals in /proc/PID/status (proc(5)), 0 where there is none.
func signals(pid int, mask string) (set uint64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, mask); ok {
			set, _ = strconv.ParseUint(strings.TrimSpace(text), 16, 64)
		}
	}
	return set
}

// TestStopsCrashing: what ends while OpenRC stops its service, before the supervisor knows, is started again. It begins nothing then, or it might take its time to stop.
func TestStopsCrashing(t *testing.T) {
	needWorld(t)
	m := newMachine(t, "root", "daemon:\n  command: [sh, -c, \"trap '' TERM; echo run; while :; do sleep 1000; done\"]\n  restart: {delay: 0s, limit: 0}\n  stopTimeout: 1h\n", "--now")
	first := openrc.System().Look(m.name).Child
	goOn := filepath.Join(filepath.Dir(m.dir), "go on")
	if err := syscall.Mkfifo(goOn, 0o600); err != nil {
		t.Fatal(err)
	}
	m.configure(t, `case "$(tr '\0' ' ' </proc/$$/cmdline)" in *stop*) read -r _ <'`+goOn+"' ;; esac\n")
	done := make(chan inworld.Result, 1)
	go func() { done <- m.rc(t, "stop") }() // ended by itself, or by its limit
	inworld.Eventually(t, "it is being stopped", func() bool { return openrc.System().Look(m.name).Word == openrc.Stopping })
	killed(t, first)
	inworld.Eventually(t, "it is started again", func() bool { k := openrc.System().Look(m.name); return k.Child != first && handlesTERM(k.Child) })
	if err := os.WriteFile(goOn, []byte("\n"), 0); err != nil {
		t.Fatal(err)
	}
	if r := <-done; r.Code != 0 {
		t.Errorf("rc-service stop: %s", r)
	}
	if s := m.status(t); s.Running {
		t.Errorf("%+v", s)
	}
	if n := strings.Count(m.apexd(t, 0, "logs").String(), "\nrun\n"); n != 1 {
		t.Errorf("it was run %d times", n)
	}
}

// send sends a signal to a process of the test's own service.
func send(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatal(err)
	}
}

// TestStopsEnded: a child whose end comes together with the request to stop stays a zombie, for which the supervisor would wait until its script's "retry" is over.
func TestStopsEnded(t *testing.T) {
	needWorld(t)
	tree := openrc.System()
	for name, stop := range map[string]func(m machine) error{
		"rc-service": func(m machine) error { return tree.Service(t.Context(), m.name, "stop") },
		"supervisor": func(m machine) error { return tree.StopSupervisor(t.Context(), m.name) },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, "root", sleeps+"  stopTimeout: 1h\n", "--now")
			supervisor, child := m.supervisor(t), tree.Look(m.name).Child
			send(t, supervisor, syscall.SIGSTOP)
			inworld.Eventually(t, "it is suspended", func() bool { p, err := proc.Inspect(supervisor); return err == nil && p.Suspended })
			send(t, child, syscall.SIGKILL)
			done := make(chan error, 1)
			go func() { done <- stop(m) }()
			const both = 1<<(syscall.SIGTERM-1) | 1<<(syscall.SIGCHLD-1)
			inworld.Eventually(t, "both are pending", func() bool { return signals(supervisor, "ShdPnd:")&both == both })
			send(t, supervisor, syscall.SIGCONT)
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(inworld.Limit):
				killed(t, supervisor) // nothing else would end it for an hour
				t.Errorf("it is not stopped after %s: %v", inworld.Limit, <-done)
			}
			if s := tree.Look(m.name); s.Word != openrc.Stopped || s.Supervisor != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestLeftByItsSupervisor: what a supervisor starts in the moment in which it is asked to stop outlives it. It finds that the service is stopped, and begins nothing.
func TestLeftByItsSupervisor(t *testing.T) {
	needWorld(t)
	m := newMachine(t, "root", sleeps)
	m.apexd(t, 0, "run", "--keeper", "openrc", "--scope", "system", "--service", m.name)
	if s := m.status(t); s.State != service.StateStopped || s.Workload != nil {
		t.Errorf("%+v", s)
	}
}

// TestLeftByStart: a start that fails ends what its supervisor has left running.
func TestLeftByStart(t *testing.T) {
	needWorld(t)
	m := newMachine(t, "root", sleeps+"  readiness: {type: notify, timeout: 1h}\n")
	done := make(chan inworld.Result, 1)
	go func() { done <- m.rc(t, "start") }() // ended by the hook's end, or by its limit
	s := m.await(t, "it is starting", func(s service.Status) bool { return s.Running && s.State == service.StateStarting && s.Workload != nil })
	var hook int
	inworld.Eventually(t, "its script waits", func() bool { hook = m.hook(t); return hook != 0 })
	killed(t, m.supervisor(t))
	send(t, hook, syscall.SIGTERM)
	if r := <-done; r.Code == 0 {
		t.Errorf("rc-service start: %s", r)
	}
	if alive(*s.PID) || alive(s.Workload.PID) {
		t.Errorf("the daemon runs on: %+v", m.status(t))
	}
}

// hook is the PID of what the script waits for while it starts the service, 0 where there is none.
func (m machine) hook(t *testing.T) int {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		argv, _ := os.ReadFile(path) // it may have ended
		if args := strings.Split(string(argv), "\x00"); slices.Contains(args, "hook") && slices.Contains(args, "started") && slices.Contains(args, m.name) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path))) // it is digits
			return pid
		}
	}
	return 0
}
