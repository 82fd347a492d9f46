package inworld

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/gate"
)

const (
	binVariable = "APEXD_WORLD_BIN" // a directory with apexd and lab
	labVariable = "APEXD_LAB"       // set in every world
)

// Main builds apexd and the lab, unless this is in a world already, runs m's tests and returns their exit status. It is for TestMain.
func Main(m *testing.M) int {
	if Bin() != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "apexd-bin-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = errors.Join(build(dir), os.Setenv(binVariable, dir))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
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

// Bin is the directory with apexd and the lab.
func Bin() string { return os.Getenv(binVariable) }

// Tool is the path of a program there: "apexd", "lab".
func Tool(name string) string { return filepath.Join(Bin(), name) }

// Here reports whether this process is in a world.
func Here() bool { return os.Getenv(labVariable) != "" }

// NeedWorlds skips a test that boots worlds where that cannot be: in a world, with -short, without root, and without the program or file that these worlds need.
func NeedWorlds(t *testing.T, needs string) {
	t.Helper()
	_, err := exec.LookPath(needs)
	switch {
	case Here():
		t.Skip("a world has no worlds in it")
	case testing.Short():
		t.Skip("takes seconds")
	case os.Geteuid() != 0:
		gate.Skip(t, "namespaces need root")
	case err != nil:
		gate.Skip(t, "needs "+needs)
	}
}

// NeedWorld skips a test outside of worlds.
func NeedWorld(t *testing.T) {
	t.Helper()
	if !Here() {
		t.Skip("runs in a world of e2e/lab, by a test that boots one")
	}
}

// Lab runs e2e/lab with these arguments to its end, and returns what it has printed.
func Lab(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, Tool("lab"), args...)
	cmd.Env = append(os.Environ(), labVariable+"=")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Suite runs the tests of this program in a new world, where Here is true and those run that NeedWorld skips now.
func Suite(t *testing.T, world string) {
	t.Helper()
	self := Tool("suite.test") // where go test has built this program, only root may look
	CopyProgram(t, self)
	out, err := Lab(t.Context(), "-timeout", "8m", world, "--", self, "-test.v", "-test.timeout=7m", "-test.shuffle=on")
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	ran := strings.Count("\n"+out, "\n--- PASS")
	if ran == 0 {
		t.Errorf("no test has run:\n%s", out)
	}
	t.Logf("%d tests passed", ran)
}

// CopyProgram puts this program at path.
func CopyProgram(t *testing.T, path string) {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		_ = os.Remove(path) // it may run
		err = os.WriteFile(path, self, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}
