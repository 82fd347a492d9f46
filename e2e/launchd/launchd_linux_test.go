package launchd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

var bin string // a directory with apexd, built for a fake launchd, and that

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if bin, err = os.MkdirTemp("", "apexd-launchd-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(bin)
		if err := os.Chmod(bin, 0o755); err != nil { // users other than root run it
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		for _, args := range [][]string{{"-tags", "fakelaunchd", "-o", filepath.Join(bin, "apexd"), "."}, {"-o", filepath.Join(bin, "launchctl"), "./e2e/fakelaunchd"}} {
			cmd := exec.Command("go", append([]string{"build"}, args...)...)
			cmd.Dir = filepath.Join("..", "..")
			if out, err := cmd.CombinedOutput(); err != nil {
				fmt.Fprintf(os.Stderr, "go build %v: %v\n%s", args, err, out)
				return 1
			}
		}
		return m.Run()
	}())
}

// mac is one user's machine with one project.
type mac struct {
	t                *testing.T
	root, home, shop string
	env              []string
	launchd          *exec.Cmd
	label, path, gui string
	uid              int    // who types
	last             string // what the last command printed
}

// as is m, with another user at the keyboard.
func (m *mac) as(uid int, env ...string) *mac {
	other := *m
	other.uid, other.env = uid, append(m.env[:len(m.env):len(m.env)], env...)
	return &other
}

func newMac(t *testing.T, config string, args ...string) *mac {
	t.Helper()
	root, err := os.MkdirTemp("", "mac") // t.TempDir's names are too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	m := &mac{t: t, uid: os.Getuid(), root: root, home: filepath.Join(root, "home"), shop: filepath.Join(root, "shop"), gui: fmt.Sprintf("gui/%d", os.Getuid())}
	for _, dir := range []string{filepath.Join(m.home, "Library"), filepath.Join(m.shop, ".apex"), filepath.Join(root, "launchd"), filepath.Join(root, "Library/LaunchDaemons")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m.configure(config)
	m.env = []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + m.home, "APEXD_FAKE_LAUNCHCTL=" + filepath.Join(bin, "launchctl"), "APEXD_FAKE_LAUNCHD=" + filepath.Join(root, "launchd"),
		"APEXD_FAKE_ROOT=" + root,
	}
	m.label = service.RegistrationName(m.shop, service.DefaultName)
	m.path = filepath.Join(m.home, "Library/LaunchAgents", m.label+".plist")
	m.boot(args...)
	t.Cleanup(func() {
		m.shutdown()
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	return m
}

func (m *mac) configure(text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.shop, ".apex/config.yaml"), []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}

// boot starts the launchd. It loads nothing: that somebody logs in, a test does by itself.
func (m *mac) boot(args ...string) {
	m.t.Helper()
	dir := filepath.Join(m.root, "launchd")
	m.launchd = exec.Command(filepath.Join(bin, "launchctl"), append([]string{"-serve", dir}, args...)...)
	m.launchd.Env, m.launchd.Stderr = append(os.Environ(), "HOME="+m.home, "XDG_STATE_HOME="), os.Stderr
	if err := m.launchd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.until("launchd listens", func() bool { _, err := os.Stat(filepath.Join(dir, "socket")); return err == nil })
}

func (m *mac) shutdown() {
	m.t.Helper()
	if m.launchd == nil {
		return
	}
	err := m.launchd.Process.Signal(syscall.SIGTERM)
	if err := errors.Join(err, m.launchd.Wait()); err != nil {
		m.t.Error(err)
	}
	m.launchd = nil
}

// until asks until ok: another process tells nothing of itself.
func (m *mac) until(what string, ok func() bool) {
	m.t.Helper()
	tick, bound := time.NewTicker(20*time.Millisecond), time.NewTimer(time.Minute)
	defer tick.Stop()
	defer bound.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-bound.C:
			m.t.Fatalf("not within a minute: %s; last: %s", what, m.last)
		}
	}
}

// apexd runs one command, with further variables before its verb, and returns its exit status.
func (m *mac) apexd(line string) int {
	m.t.Helper()
	env, args := m.env, strings.Fields(line)
	for strings.Contains(args[0], "=") {
		env, args = append(env[:len(env):len(env)], args[0]), args[1:]
	}
	cmd := exec.Command(filepath.Join(bin, "apexd"), args...)
	cmd.Dir, cmd.Env = m.shop, env
	if m.uid != os.Getuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(m.uid), Gid: uint32(m.uid)}}
	}
	out, err := cmd.CombinedOutput()
	m.last = fmt.Sprintf("apexd %s: %v\n%s", line, err, out)
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		m.t.Fatal(m.last)
	}
	return cmd.ProcessState.ExitCode()
}

func (m *mac) want(status int, line string) {
	m.t.Helper()
	if got := m.apexd(line); got != status {
		m.t.Fatalf("exit status %d, want %d: %s", got, status, m.last)
	}
}

func (m *mac) says(text string) {
	m.t.Helper()
	if !strings.Contains(m.last, text) {
		m.t.Errorf("no %q in: %s", text, m.last)
	}
}

func (m *mac) status() service.Status {
	m.t.Helper()
	var st service.Status
	m.apexd("status --json")
	_, text, _ := strings.Cut(m.last, "\n")
	if err := json.Unmarshal([]byte(text), &st); err != nil {
		m.t.Fatalf("%v: %s", err, m.last)
	}
	return st
}

func (m *mac) launchctl(args ...string) string {
	m.t.Helper()
	cmd := exec.Command(filepath.Join(bin, "launchctl"), args...)
	cmd.Env = m.env
	out, _ := cmd.CombinedOutput() // the words are looked at
	return string(out)
}

const sleeps = "daemon:\n  command: [sleep, '1000']\n"

// TestOverSSH: where nobody is at the screen the agent is one of the background session, and moves when it is installed anew.
func TestOverSSH(t *testing.T) {
	t.Parallel()
	m := newMac(t, sleeps, "-nogui")
	m.want(0, "install --user --now")
	if out := m.launchctl("print", fmt.Sprintf("user/%d/%s", os.Getuid(), m.label)); !strings.Contains(out, "state = running") {
		t.Errorf("in the background session: %s", out)
	}
	m.want(0, "restart")
	m.want(0, "stop")
	m.shutdown()
	m.boot() // now at the screen
	m.want(0, "start")
	if out := m.launchctl("print", fmt.Sprintf("user/%d/%s", os.Getuid(), m.label)); !strings.Contains(out, "state = running") {
		t.Errorf("an agent of the background session is started there: %s", out)
	}
	m.want(0, "stop")
	m.want(0, "install --user --now")
	m.says("+ \t\t<string>Aqua</string>")
	if out := m.launchctl("print", m.gui+"/"+m.label); !strings.Contains(out, "state = running") {
		t.Errorf("at the screen: %s", out)
	}
	m.want(0, "stop")
	m.shutdown()
	m.boot("-nogui")
	m.want(1, "start")
	m.says("that user is not logged in")
	m.says("hint: log in at the screen")
	m.want(0, "uninstall --user")
}

// TestDisabled: disable keeps it down at the next login and no longer; start is a person's word.
func TestDisabled(t *testing.T) {
	t.Parallel()
	m := newMac(t, sleeps)
	m.want(0, "install --user")
	m.want(0, "disable --user")
	if st := m.status(); st.Enabled == nil || *st.Enabled {
		t.Errorf("disabled: %+v", st)
	}
	if out := m.launchctl("bootstrap", m.gui, m.path); !strings.Contains(out, "119: Service is disabled") {
		t.Errorf("a login loads it: %s", out)
	}
	m.want(0, "start")
	if st := m.status(); !st.Running || st.Enabled == nil || *st.Enabled {
		t.Errorf("started, and still disabled: %+v", st)
	}
	m.want(0, "uninstall --user")
	if out := m.launchctl("print-disabled", m.gui); strings.Contains(out, "=> disabled") {
		t.Errorf("left behind: %s", out)
	}
	m.want(0, "install --user --now")
	m.want(0, "uninstall --user")
}

// TestPended: launchd loads a job and does not start it; somebody has asked for it now.
func TestPended(t *testing.T) {
	t.Parallel()
	m := newMac(t, sleeps, "-pend")
	m.want(0, "install --user --now")
	if st := m.status(); !st.Running || st.Native == nil || *st.Native != "running" {
		t.Errorf("%+v", st)
	}
	m.want(0, "restart")
	m.want(0, "uninstall --user")
}

// TestAlways: after a good end, too. launchd itself would take that for the end.
func TestAlways(t *testing.T) {
	t.Parallel()
	m := newMac(t, "daemon:\n  command: [sh, -c, 'sleep 0.5']\n  readiness: {type: started, settle: 50ms}\n  restart: {policy: always, delay: 1s, limit: 0}\n")
	m.want(0, "install --user --now")
	m.until("it runs again", func() bool { st := m.status(); return st.Running && st.Restarts >= 1 })
	if out := m.launchctl("print", m.gui+"/"+m.label); !strings.Contains(out, "last exit code = 75") {
		t.Errorf("%s", out)
	}
	m.want(0, "stop")
	if st := m.status(); st.State != service.StateStopped {
		t.Errorf("stopped: %+v", st)
	}
	m.want(0, "uninstall --user")
}

// TestBadConfiguration: at a login nobody is there to be told; launchd is not to try again, and the history says why.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	m := newMac(t, sleeps)
	m.want(0, "install --user")
	m.configure("daemon:\n  comand: [x]\n")
	if out := m.launchctl("bootstrap", m.gui, m.path); out != "" {
		t.Fatal(out)
	}
	m.until("it has ended", func() bool { return strings.Contains(m.launchctl("print", m.gui+"/"+m.label), "last exit code = 0") })
	m.want(0, "history")
	m.says("comand")
	m.configure(sleeps)
	m.want(0, "start")
	m.want(0, "uninstall --user")
}

// TestMovedProgram: what launchd cannot execute is said, and mended by what brings it back.
func TestMovedProgram(t *testing.T) {
	t.Parallel()
	m := newMac(t, sleeps)
	m.want(0, "install --user")
	b, err := os.ReadFile(m.path)
	if err == nil {
		err = os.WriteFile(m.path, []byte(strings.Replace(string(b), filepath.Join(bin, "apexd"), "/nonexistent/apexd", 1)), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	m.want(1, "start")
	m.says("could not be executed")
	m.want(0, "install --user --now")
	m.says("- \t\t\t<string>/nonexistent/apexd</string>")
	m.want(0, "uninstall --user")
}
