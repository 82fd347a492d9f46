package openrc_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
	"github.com/joshuaaferguson/apexd/internal/openrc"
	"github.com/joshuaaferguson/apexd/service"
)

// probeVariable is where this program, run as a daemon, writes what it was given.
const probeVariable = "APEXD_OPENRC_PROBE"

func TestMain(m *testing.M) {
	switch {
	case len(os.Args) > 1 && os.Args[1] == "as": // the script's hook, which has nothing to wait for
		os.Exit(0)
	case len(os.Args) > 1 && os.Args[1] == "hook": // the script's own stop
		os.Exit(1)
	case os.Getenv(probeVariable) != "":
		os.Exit(inworld.Probe(os.Getenv(probeVariable)))
	}
	os.Exit(inworld.Main(m))
}

// needWorlds skips a test that boots worlds where that cannot be.
func needWorlds(t *testing.T) {
	t.Helper()
	inworld.NeedWorlds(t, "apt-get") // it is Debian's OpenRC
}

// TestInWorld runs the tests of this package where there is an OpenRC.
func TestInWorld(t *testing.T) {
	needWorlds(t)
	inworld.Suite(t, "openrc")
}

// needWorld skips a test outside of the world it is for.
func needWorld(t *testing.T) {
	t.Helper()
	inworld.NeedWorld(t)
	if !openrc.IsBooted() {
		t.Skip("in this world: no OpenRC")
	}
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
	if r := inworld.Command(t, "/", nil, "chown", "-R", user, base); r.Code != 0 {
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
func (m machine) apexd(t *testing.T, want int, args ...string) inworld.Result {
	t.Helper()
	return inworld.Apexd(t, m.dir, want, args...)
}

// rc is OpenRC's own tool.
func (m machine) rc(t *testing.T, verb string) inworld.Result {
	t.Helper()
	return inworld.Command(t, "/", nil, "/sbin/rc-service", "--nocolor", m.name, verb)
}

func (m machine) status(t *testing.T) service.Status {
	t.Helper()
	return inworld.Status(t, m.dir)
}

// await waits until ok, and returns the status that was.
func (m machine) await(t *testing.T, what string, ok func(service.Status) bool) service.Status {
	t.Helper()
	var s service.Status
	inworld.Eventually(t, what, func() bool { s = m.status(t); return ok(s) })
	return s
}
