package sockets

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/gate"
	"github.com/joshuaaferguson/apexd/service"
)

const (
	binVariable = "APEXD_SOCKETS_BIN" // the directory with apexd; set in the world
	labVariable = "APEXD_LAB"         // set in every world
)

// TestInWorlds runs the tests with a systemd, each in a world of its own.
func TestInWorlds(t *testing.T) {
	switch _, err := os.Stat("/lib/systemd/systemd"); {
	case os.Getenv(labVariable) != "":
		t.Skip("a world has no worlds in it")
	case testing.Short():
		t.Skip("takes seconds")
	case os.Geteuid() != 0:
		gate.Skip(t, "worlds need root")
	case err != nil:
		gate.Skip(t, "needs systemd")
	}
	dir, err := os.MkdirTemp("", "apexd-world-") // t.TempDir's is below one that the world's user may not enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	suite := filepath.Join(dir, "suite")
	for _, args := range [][]string{{"build", "-o", dir + "/", "../..", "../lab"}, {"test", "-c", "-o", suite, "."}} {
		run(t, ".", append(os.Environ(), "CGO_ENABLED=0"), "go", args...)
	}
	for _, world := range []string{"systemd", "systemd-user"} {
		t.Run(world, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "lab"), "-timeout", "5m", "-env", binVariable+"="+dir, world, "--", suite, "-test.v", "-test.run=^TestSystemd")
			cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
			cmd.WaitDelay = 10 * time.Second
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: TestSystemdNoRequestFails") {
				t.Errorf("%v\n%s", err, out)
			}
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, "requests of") {
					t.Log(strings.TrimSpace(line))
				}
			}
		})
	}
}

// unit is a project with conf as its section, registered with the manager of this world and started.
type unit struct {
	site
	restart func(t *testing.T)
	name    string // without ".service"
	dir     string
}

func registered(t *testing.T, conf string) unit {
	t.Helper()
	bin := os.Getenv(binVariable)
	if bin == "" {
		t.Skip("runs in a world of its own, as a part of TestInWorlds")
	}
	dir, err := os.MkdirTemp("/tmp", "apexd-sockets-") // short enough for sun_path
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, ".apex"), 0o755)); err != nil {
		t.Fatal(err)
	}
	u := unit{name: service.RegistrationName(dir, service.DefaultName), dir: dir}
	u.configure(t, conf)
	verb := func(args ...string) func(*testing.T) {
		return func(t *testing.T) { t.Helper(); run(t, dir, os.Environ(), filepath.Join(bin, "apexd"), args...) }
	}
	u.site = site{start: verb("start"), reload: verb("reload"), stop: verb("stop"), control: filepath.Join(dir, "control.sock")}
	u.restart = verb("restart")
	verb(u.install("--now")...)(t)
	t.Cleanup(func() {
		verb("uninstall")(t)
		if left := u.systemctl(t, "list-units", "--all", "--plain", "--no-legend", u.name+"*"); left != "" {
			t.Errorf("left behind: %s", left)
		}
		_ = os.RemoveAll(dir)
	})
	return u
}

func (u unit) configure(t *testing.T, conf string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	conf = strings.NewReplacer("DIR", u.dir, "EXE", exe).Replace(conf)
	if err := os.WriteFile(filepath.Join(u.dir, ".apex", "config.yaml"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (u unit) install(args ...string) []string {
	args = append([]string{"install"}, args...)
	if os.Geteuid() == 0 {
		args = append(args, "--run-as", "root")
	}
	return args
}

// systemctl is what the manager's own tool prints.
func (u unit) systemctl(t *testing.T, args ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		args = append([]string{"--user"}, args...)
	}
	out, err := exec.Command("systemctl", args...).CombinedOutput()
	if err != nil {
		t.Errorf("systemctl %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

const listening = `daemon:
  command: [EXE, serve]
  restart: {policy: on-failure, delay: 0, limit: 0}
  sockets: {http: "127.0.0.1:18080", control: "unix:DIR/control.sock"}
`

// Over 50 restarts, half of them crashes that systemd answers and half `apexd restart`, no client is refused, reset or left without an answer.
func TestSystemdNoRequestFails(t *testing.T) {
	u := registered(t, listening)
	a, err := ask(client("unix", u.control), "/")
	if err != nil {
		t.Fatal(err)
	}
	opened := u.systemctl(t, "show", "--value", "--property=ActiveEnterTimestampMonotonic", u.name+"-http.socket")
	l := begin(a.Address, a.Listen)
	began := time.Now()
	for i := range restarts {
		if i%2 == 0 {
			crash(t, u.site)
		} else {
			u.restart(t)
		}
	}
	took := time.Since(began)
	l.end()
	t.Logf("%d requests of %d clients over %d restarts in %s: %d failed; %d processes answered", l.total.Load(), clients, restarts, took.Round(time.Millisecond), l.failed.Load(), len(l.processes))
	if l.failed.Load() > 0 || len(l.wrong) > 0 {
		t.Errorf("%d failed, the first: %v; wrong variables %v, want %q", l.failed.Load(), l.first, l.wrong, a.Listen)
	}
	if len(l.processes) < restarts/2 {
		t.Errorf("only %d processes answered", len(l.processes))
	}
	if now := u.systemctl(t, "show", "--value", "--property=ActiveEnterTimestampMonotonic", u.name+"-http.socket"); now != opened {
		t.Errorf("the socket was opened again: %s, %s", opened, now)
	}
	stopped(t, u, a.Address)
}

// stopped: after a stop nobody listens, and so no client brings the daemon back.
func stopped(t *testing.T, u unit, address string) {
	t.Helper()
	u.stop(t)
	if _, err := os.Lstat(u.control); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket's file is left: %v", err)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("something still listens")
	}
	if got := u.systemctl(t, "show", "--value", "--property=ActiveState", u.name+".service"); got != "inactive" {
		t.Errorf("it is %s", got)
	}
	u.start(t)
	if _, err := ask(client("tcp", address), "/"); err != nil {
		t.Errorf("started again: %v", err)
	}
}

// TestSystemdSocketMoves: another address in the configuration is what a restart opens, and a socket that is taken out is closed.
func TestSystemdSocketMoves(t *testing.T) {
	u := registered(t, listening)
	u.configure(t, strings.ReplaceAll(strings.ReplaceAll(listening, "18080", "18081"), `, control: "unix:DIR/control.sock"`, ""))
	run(t, u.dir, os.Environ(), filepath.Join(os.Getenv(binVariable), "apexd"), u.install()...)
	if _, err := os.Lstat(u.control); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket's file is left: %v", err)
	}
	u.restart(t)
	if _, err := ask(client("tcp", "127.0.0.1:18081"), "/"); err != nil {
		t.Errorf("at the new address: %v", err)
	}
	if c, err := net.Dial("tcp", "127.0.0.1:18080"); err == nil {
		c.Close()
		t.Error("something still listens at the old one")
	}
}

// TestSystemdSocketTaken: the error names the socket, and nothing is left listening.
func TestSystemdSocketTaken(t *testing.T) {
	u := registered(t, listening)
	u.stop(t)
	l, err := net.Listen("tcp", "127.0.0.1:18080")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.Command(filepath.Join(os.Getenv(binVariable), "apexd"), "start")
	cmd.Dir = u.dir
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), u.name+"-http.socket cannot be opened") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := os.Lstat(u.control); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the other socket is left: %v", err)
	}
}
