package systemd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/inject"
	"github.com/joshuaaferguson/apexd/e2e/inworld"
)

// probeVariable is where this program, run as a daemon, writes what it was given.
const probeVariable = "APEXD_SYSTEMD_PROBE"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "inject" {
		os.Exit(inject.Launch(os.Args[2:]))
	}
	if file := os.Getenv(probeVariable); file != "" {
		os.Exit(inworld.Probe(file))
	}
	os.Exit(inworld.Main(m))
}

// needWorlds skips a test that boots worlds where that cannot be.
func needWorlds(t *testing.T) {
	t.Helper()
	inworld.NeedWorlds(t, "/lib/systemd/systemd")
}

// TestInWorlds runs the tests of this package where there is a systemd.
func TestInWorlds(t *testing.T) {
	needWorlds(t)
	for _, world := range []string{"systemd", "systemd-user"} {
		t.Run(world, func(t *testing.T) { inworld.Suite(t, world) })
	}
}

// needWorld skips a test outside of the world it is for: "system" with root and PID 1 systemd, "user" with an ordinary user's manager.
func needWorld(t *testing.T, scope string) {
	t.Helper()
	inworld.NeedWorld(t)
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

// systemctl asks the manager of this world.
func systemctl(t *testing.T, args ...string) string {
	t.Helper()
	argv := []string{"systemctl", "--no-pager"}
	if os.Geteuid() != 0 {
		argv = append(argv, "--user")
	}
	return strings.TrimSpace(inworld.Command(t, "/", []string{"LC_ALL=C"}, append(argv, args...)...).Out)
}

// newProject is a project that runs command, in a directory called name below one of the test's own, and is uninstalled at the end.
func newProject(t *testing.T, name string, command ...string) string {
	t.Helper()
	dir := filepath.Join(inworld.TempDir(t), name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	inworld.Apexd(t, dir, 0, append([]string{"init", "--project", dir, "--"}, command...)...)
	t.Cleanup(func() {
		r := inworld.Command(t, dir, nil, inworld.Tool("apexd"), "uninstall")
		if r.Code != 0 {
			t.Errorf("uninstall: %s", r)
		}
	})
	return dir
}
