package openrc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/gate"
	"github.com/joshuaaferguson/apexd/internal/openrc"
	"github.com/joshuaaferguson/apexd/service"
)

const (
	binVariable   = "APEXD_OPENRC_BIN"   // a directory with apexd and lab
	probeVariable = "APEXD_OPENRC_PROBE" // where this program, run as a daemon, writes what it was given
	labVariable   = "APEXD_LAB"          // set in every world
)

func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "as": // the script's hook, which has nothing to wait for
		os.Exit(0)
	case os.Getenv(probeVariable) != "":
		os.Exit(probe(os.Getenv(probeVariable)))
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
		cmd.Dir, cmd.Env = filepath.Join("..", ".."), append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
		}
	}
	return nil
}

// given is what a process was given.
type given struct {
	Args, Env [][]byte
	Dir       []byte
	UID       int
}

// probe is a daemon that says what it was given, and ends when asked.
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
	if err != nil || os.WriteFile(file+".new", b, 0o644) != nil || os.Rename(file+".new", file) != nil {
		return 1
	}
	<-end
	return 0
}

// missing says why there can be no worlds here, "" where there can.
func missing() string {
	if os.Geteuid() != 0 {
		return "namespaces need root"
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "needs Debian's OpenRC"
	}
	return ""
}

// TestInWorld runs the tests of this package where there is an OpenRC.
func TestInWorld(t *testing.T) {
	switch why := missing(); {
	case os.Getenv(labVariable) != "":
		t.Skip("in this world: the other tests run by themselves")
	case testing.Short():
		t.Skip("takes seconds")
	case why != "":
		gate.Skip(t, why)
	}
	self := tool("openrc.test") // where go test has built this program, only root may look
	copyProgram(t, self)
	cmd := exec.CommandContext(t.Context(), tool("lab"), "-timeout", "8m", "openrc", "--", self, "-test.v", "-test.timeout=7m", "-test.shuffle=on")
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
}

// needWorld skips a test outside of the world it is for.
func needWorld(t *testing.T) {
	t.Helper()
	if os.Getenv(labVariable) == "" {
		t.Skip("runs in a world of e2e/lab, by TestInWorld")
	}
	if !openrc.IsBooted() {
		t.Skip("in this world: no OpenRC")
	}
}

func tool(name string) string { return filepath.Join(os.Getenv(binVariable), name) }

// copyProgram puts this program at path.
func copyProgram(t *testing.T, path string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err := errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, b, 0o755)); err != nil {
		t.Fatal(err)
	}
}

// result is what came of a command.
type result struct {
	out  string
	code int
}

func (r result) String() string { return fmt.Sprintf("exit status %d\n%s", r.code, r.out) }

// limit bounds every command and every wait.
const limit = time.Minute

// command runs argv in dir.
func command(t *testing.T, dir string, argv ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), limit) // also in a clean-up
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatalf("%q: %v", argv, err)
	}
	return result{out.String(), cmd.ProcessState.ExitCode()}
}

// machine is one project, whose daemon is registered.
type machine struct {
	dir  string // of the project
	name string // of the service
}

// newMachine makes a project of this user with this configuration, and registers it to run as him. It is uninstalled at the end, and then nothing may be left.
func newMachine(t *testing.T, user, config string, args ...string) machine {
	t.Helper()
	base, err := os.MkdirTemp("/srv", "apexd-")
	if err != nil {
		t.Fatal(err)
	}
	m := machine{dir: filepath.Join(base, "a shop")}
	m.name = service.RegistrationName(m.dir, service.DefaultName)
	err = errors.Join(os.Chmod(base, 0o755), os.MkdirAll(m.dir+"/.apex", 0o755), os.WriteFile(m.dir+"/.apex/config.yaml", []byte(config), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	if r := command(t, "/", "chown", "-R", user, base); r.code != 0 {
		t.Fatal(r)
	}
	t.Cleanup(func() {
		m.apexd(t, 0, "uninstall")
		tree := openrc.System()
		left := append(append(tree.Left(m.name), tree.Links(m.name)...), tree.Settings(m.name)...)
		if _, err := os.Lstat(tree.Script(m.name)); err == nil {
			left = append(left, tree.Script(m.name))
		}
		if len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
		os.RemoveAll(base)
	})
	m.apexd(t, 0, append([]string{"install", "--run-as", user}, args...)...)
	return m
}

// apexd runs a verb and expects this exit status.
func (m machine) apexd(t *testing.T, want int, args ...string) result {
	t.Helper()
	r := command(t, m.dir, append([]string{tool("apexd")}, args...)...)
	if r.code != want {
		t.Fatalf("apexd %q: %s\nwant exit status %d", args, r, want)
	}
	return r
}

// rc is OpenRC's own tool.
func (m machine) rc(t *testing.T, verb string) result {
	t.Helper()
	return command(t, "/", "/sbin/rc-service", "--nocolor", m.name, verb)
}

func (m machine) status(t *testing.T) service.Status {
	t.Helper()
	r := command(t, m.dir, tool("apexd"), "status", "--json")
	var s service.Status
	if err := json.Unmarshal([]byte(r.out), &s); err != nil {
		t.Fatalf("%v: %s", err, r)
	}
	return s
}

// await waits until ok. What it waits for happens in other processes, of which no event comes here.
func (m machine) await(t *testing.T, what string, ok func(service.Status) bool) service.Status {
	t.Helper()
	deadline := time.After(limit)
	for {
		s := m.status(t)
		if ok(s) {
			return s
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("not within %s: %s; %+v", limit, what, s)
		}
	}
}
