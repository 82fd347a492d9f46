package systemd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/gate"
	"github.com/joshuaaferguson/apexd/e2e/inject"
)

const (
	binVariable   = "APEXD_SYSTEMD_BIN"   // a directory with apexd and lab
	probeVariable = "APEXD_SYSTEMD_PROBE" // where this program, run as a daemon, writes what it was given
	labVariable   = "APEXD_LAB"           // set in every world
)

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "inject" {
		os.Exit(inject.Launch(os.Args[2:]))
	}
	if file := os.Getenv(probeVariable); file != "" {
		os.Exit(probe(file))
	}
	os.Exit(func() int {
		if os.Getenv(binVariable) == "" {
			dir, err := os.MkdirTemp("", "apexd-bin-")
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			defer os.RemoveAll(dir)
			if err := build(dir); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			os.Setenv(binVariable, dir)
		}
		return m.Run()
	}())
}

func build(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil { // users other than root run it
		return err
	}
	for _, pkg := range []string{".", "./e2e/lab"} {
		cmd := exec.Command("go", "build", "-o", dir+"/", pkg)
		cmd.Dir = filepath.Join("..", "..")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
		}
	}
	return nil
}

// given is what a process was given.
type given struct {
	Args [][]byte
	Env  [][]byte
	Dir  []byte
	UID  int
}

// probe is a daemon that says what it was given, is ready, and ends when asked.
func probe(file string) int {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	g := given{UID: os.Getuid()}
	for _, a := range os.Args {
		g.Args = append(g.Args, []byte(a))
	}
	for _, e := range os.Environ() {
		g.Env = append(g.Env, []byte(e))
	}
	dir, err := syscall.Getwd()
	if err != nil {
		return 1
	}
	g.Dir = []byte(dir)
	b, err := json.Marshal(g)
	if err != nil || os.WriteFile(file, b, 0o644) != nil {
		return 1
	}
	if address := os.Getenv("NOTIFY_SOCKET"); address != "" { // a bare unit has none
		c, err := net.Dial("unixgram", address)
		if err != nil {
			return 1
		}
		defer c.Close()
		if _, err := c.Write([]byte("READY=1")); err != nil {
			return 1
		}
	}
	<-end
	return 0
}

// TestInWorlds runs the tests of this package where there is a systemd.
func TestInWorlds(t *testing.T) {
	if os.Getenv(labVariable) != "" {
		t.Skip("in this world: the other tests run by themselves")
	}
	if testing.Short() {
		t.Skip("takes a minute")
	}
	if os.Geteuid() != 0 {
		gate.Skip(t, "namespaces need root")
	}
	if _, err := os.Stat("/lib/systemd/systemd"); err != nil {
		gate.Skip(t, "needs systemd to be installed")
	}
	self := tool("systemd.test") // where go test has built this program, only root may look
	copyProgram(t, self)
	for _, world := range []string{"systemd", "systemd-user"} {
		t.Run(world, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), tool("lab"), "-timeout", "8m", world, "--", self, "-test.v", "-test.timeout=7m", "-test.shuffle=on")
			cmd.Env = append(os.Environ(), labVariable+"=")
			cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
			cmd.WaitDelay = 10 * time.Second
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			ran := strings.Count("\n"+string(out), "\n--- PASS")
			if ran == 0 {
				t.Errorf("no test has run:\n%s", out)
			}
			t.Logf("%d tests passed", ran)
		})
	}
}

// needWorld skips a test outside of the world it is for: "system" with root and PID 1 systemd, "user" with an ordinary user's manager.
func needWorld(t *testing.T, scope string) {
	t.Helper()
	if os.Getenv(labVariable) == "" {
		t.Skip("runs in a world of e2e/lab, by TestInWorlds")
	}
	_, err := os.Stat("/run/systemd/system")
	if err != nil || (scope == "system") != (os.Geteuid() == 0) {
		t.Skip("in this world: not the manager that this is about")
	}
	if scope == "user" {
		if _, err := os.Stat(fmt.Sprintf("/run/user/%d/systemd/private", os.Getuid())); err != nil {
			t.Skip("in this world: no manager of this user")
		}
	}
}

func tool(name string) string { return filepath.Join(os.Getenv(binVariable), name) }

// result is what came of a command.
type result struct {
	out, err string
	code     int
}

func (r result) String() string { return fmt.Sprintf("exit status %d\n%s%s", r.code, r.out, r.err) }

// limit bounds every command.
const limit = time.Minute

// command runs argv in dir, with these variables set besides ours.
func command(t *testing.T, dir string, env []string, argv ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = dir, append(os.Environ(), env...), time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatalf("%q: %v", argv, err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// apexd runs apexd in dir and expects this exit status.
func apexd(t *testing.T, dir string, want int, args ...string) result {
	t.Helper()
	r := command(t, dir, nil, append([]string{tool("apexd")}, args...)...)
	if r.code != want {
		t.Fatalf("apexd %q: %s\nwant exit status %d", args, r, want)
	}
	return r
}

// systemctl asks the manager of this world.
func systemctl(t *testing.T, args ...string) string {
	t.Helper()
	argv := []string{"systemctl", "--no-pager"}
	if os.Geteuid() != 0 {
		argv = append(argv, "--user")
	}
	return strings.TrimSpace(command(t, "/", []string{"LC_ALL=C"}, append(argv, args...)...).out)
}

// newProject is a project that runs command, in a directory called name below one of the test's own, and is uninstalled at the end.
func newProject(t *testing.T, name string, command ...string) string {
	t.Helper()
	dir := filepath.Join(tempDir(t), name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	apexd(t, dir, 0, append([]string{"init", "--project", dir, "--"}, command...)...)
	t.Cleanup(func() {
		r := commandAfter(t, dir, tool("apexd"), "uninstall")
		if r.code != 0 {
			t.Errorf("uninstall: %s", r)
		}
	})
	return dir
}

// tempDir is a directory that other users may enter; root's own parents are root's, as a daemon of root's wants it.
func tempDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// commandAfter is command for a clean-up, when the test's context has ended.
func commandAfter(t *testing.T, dir string, argv ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	out, _ := cmd.CombinedOutput()
	return result{string(out), "", cmd.ProcessState.ExitCode()}
}

// eventually waits until ok. What it waits for happens in other processes, of which no event comes here.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(limit)
	for !ok() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}
