package sysv_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/gate"
	"github.com/joshuaaferguson/apexd/service"
)

const (
	binVariable = "APEXD_SYSV_BIN" // a directory with apexd and lab
	labVariable = "APEXD_LAB"      // set in every world
)

func TestMain(m *testing.M) {
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

func tool(name string) string { return filepath.Join(os.Getenv(binVariable), name) }

// needWorlds skips a test that boots worlds where that cannot be.
func needWorlds(t *testing.T) {
	t.Helper()
	switch _, err := exec.LookPath("dpkg"); {
	case os.Getenv(labVariable) != "":
		t.Skip("a world has no worlds in it")
	case testing.Short():
		t.Skip("takes seconds")
	case os.Geteuid() != 0:
		gate.Skip(t, "namespaces need root")
	case err != nil:
		gate.Skip(t, "the inits are packages of Debian")
	}
}

// needWorld skips a test outside of worlds with one of these inits, and says which of them this is.
func needWorld(t *testing.T, inits ...string) string {
	t.Helper()
	if os.Getenv(labVariable) == "" {
		t.Skip("runs in a world of e2e/lab, by TestInWorlds")
	}
	here := ""
	if comm, err := os.ReadFile("/proc/1/comm"); err == nil {
		here = strings.TrimSpace(string(comm))
	}
	if exe, err := os.Readlink("/proc/1/exe"); err == nil && filepath.Base(exe) == "busybox" { // which is called init too
		here = "busybox"
	}
	if _, err := os.Stat("/etc/init.d/rc"); !slices.Contains(inits, here) || here == "init" && err != nil {
		t.Skip("in this world: not the init that this is about")
	}
	return here
}

// native is how a person calls the script called name in this world, and what apexd calls its init.
func native(init, name string) (call []string, backend string) {
	if init == "busybox" {
		return []string{"/etc/init.d/" + name}, "rcs"
	}
	return []string{"service", name}, "sysv"
}

// world runs a command in a world.
func world(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool("lab"), args...)
	cmd.Env = append(os.Environ(), labVariable+"=")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestInWorlds runs the tests of this package where there are these inits.
func TestInWorlds(t *testing.T) {
	needWorlds(t)
	self := tool("sysv.test") // where go test has built this program, only root may look
	exe, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(self, exe, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sysv", "busybox", "runit", "s6"} {
		t.Run(name, func(t *testing.T) {
			out, err := world(t, "-timeout", "5m", name, "--", self, "-test.v", "-test.timeout=4m", "-test.shuffle=on")
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			ran := strings.Count("\n"+out, "\n--- PASS")
			if ran == 0 {
				t.Errorf("no test has run:\n%s", out)
			}
			t.Logf("%d tests passed", ran)
		})
	}
}

// result is what came of a command.
type result struct {
	out, err string
	code     int
}

func (r result) String() string { return fmt.Sprintf("exit status %d\n%s%s", r.code, r.out, r.err) }

// limit bounds every command and every wait.
const limit = time.Minute

// run runs argv in dir, as user where that is not "".
func run(t *testing.T, dir, user string, argv ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), limit) // clean-up too
	defer cancel()
	if user != "" {
		argv = append([]string{"env", "-i", "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "setpriv", "--reuid", user, "--regid", "games", "--clear-groups"}, argv...)
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.WaitDelay = dir, time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatalf("%q: %v", argv, err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// apexd runs apexd in dir as root and expects this exit status.
func apexd(t *testing.T, dir string, want int, args ...string) result {
	t.Helper()
	r := run(t, dir, "", append([]string{tool("apexd")}, args...)...)
	if r.code != want {
		t.Fatalf("apexd %q: %s\nwant exit status %d", args, r, want)
	}
	return r
}

func status(t *testing.T, dir string) service.Status {
	t.Helper()
	var s service.Status
	if out := run(t, dir, "", tool("apexd"), "status", "--json"); json.Unmarshal([]byte(out.out), &s) != nil {
		t.Fatalf("status: %s", out)
	}
	return s
}

const owner = "games" // an ordinary user that every Debian has

// newProject is a project of owner's that runs a shell script, in a directory called name.
func newProject(t *testing.T, name, script string) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir = filepath.Join(dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if r := run(t, "/", "", "chown", owner, dir); r.code != 0 {
		t.Fatal(r)
	}
	if r := run(t, dir, owner, tool("apexd"), "init", "--project", dir, "--", "sh", "-c", script); r.code != 0 {
		t.Fatal(r)
	}
	return dir
}

// residue is every path that an installation could leave, sorted.
func residue(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"/etc/init.d/*", "/etc/rc?.d/*", "/etc/default/*", "/run/*", "/var/run/*", "/var/lock/*", "/run/lock/*", "/var/lib/*", "/etc/service/*", "/etc/*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	all = slices.DeleteFunc(all, func(p string) bool { return strings.HasPrefix(filepath.Base(p), ".") }) // insserv's books
	slices.Sort(all)
	return slices.Compact(all)
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
