package sysv_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
)

func TestMain(m *testing.M) { os.Exit(inworld.Main(m)) }

// needWorld skips a test outside of worlds with one of these inits, and says which of them this is.
func needWorld(t *testing.T, inits ...string) string {
	t.Helper()
	inworld.NeedWorld(t)
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

// needWorlds skips a test that boots worlds where that cannot be.
func needWorlds(t *testing.T) {
	t.Helper()
	inworld.NeedWorlds(t, "dpkg") // the inits are packages of Debian
}

// TestInWorlds runs the tests of this package where there are these inits.
func TestInWorlds(t *testing.T) {
	needWorlds(t)
	for _, name := range []string{"sysv", "busybox", "runit", "s6"} {
		t.Run(name, func(t *testing.T) { inworld.Suite(t, name) })
	}
}

// run runs argv in dir, as user where that is not "".
func run(t *testing.T, dir, user string, argv ...string) inworld.Result {
	t.Helper()
	if user != "" {
		argv = append([]string{"env", "-i", "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "setpriv", "--reuid", user, "--regid", "games", "--clear-groups"}, argv...)
	}
	return inworld.Command(t, dir, nil, argv...)
}

const owner = "games" // an ordinary user that every Debian has

// newProject is a project of owner's that runs a shell script, in a directory called name.
func newProject(t *testing.T, name, script string) string {
	t.Helper()
	dir := filepath.Join(inworld.TempDir(t), name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if r := run(t, "/", "", "chown", owner, dir); r.Code != 0 {
		t.Fatal(r)
	}
	if r := run(t, dir, owner, inworld.Tool("apexd"), "init", "--project", dir, "--", "sh", "-c", script); r.Code != 0 {
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
