package conformance_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/gate"
	"github.com/joshuaaferguson/apexd/service"
	"github.com/joshuaaferguson/apexd/service/servicetest"
)

// driverVariable names the one driver to run: that of a column whose suite runs in a world of its own.
const driverVariable = "APEXD_CONFORMANCE_DRIVER"

// worldColumn is a column whose cases all run inside of one world of e2e/lab.
type worldColumn struct {
	driver servicetest.Driver
	world  string
	needs  string // a file without which the world cannot be had
}

func worldColumns() []worldColumn {
	const systemd, packages = "/lib/systemd/systemd", "/usr/bin/apt-get"
	return []worldColumn{
		{systemdDriver{service.ScopeSystem, new(sync.RWMutex)}, "systemd", systemd},
		{systemdDriver{service.ScopeUser, new(sync.RWMutex)}, "systemd-user", systemd},
		{openrcDriver{}, "openrc", packages},
		{sysvDriver{service.KindSysV}, "sysv", packages},
		{sysvDriver{service.KindRCS}, "busybox", packages},
		{dirDriver{service.KindRunit, "/etc/service"}, "runit", packages},
		{dirDriver{service.KindS6, "/run/service"}, "s6", packages},
	}
}

// runInWorlds runs this package's tests once in each world, and adds their results to m.
func runInWorlds(t *testing.T, m *servicetest.Matrix) {
	for _, w := range worldColumns() {
		t.Run(w.driver.Name(), func(t *testing.T) { w.run(t, m) })
	}
}

func (w worldColumn) run(t *testing.T, m *servicetest.Matrix) {
	column := w.driver.Name()
	m.Column(column)
	if reason := w.missing(); reason != "" {
		for _, name := range servicetest.Names() {
			m.Add(servicetest.Cell{Driver: column, Case: name, Verdict: servicetest.NotRun, Reason: reason})
		}
		if os.Getenv(labVariable) != "" {
			t.Skip(reason)
		}
		gate.Skip(t, reason)
		return
	}
	t.Parallel()
	dir, err := os.MkdirTemp("", "apexd-world-") // t.TempDir's is below one that the world's user may not enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	results := filepath.Join(dir, "results.json")
	if err := os.Chmod(dir, 0o777); err != nil { // the world's user writes there
		t.Fatal(err)
	}
	lab, suite := filepath.Join(dir, "lab"), filepath.Join(dir, "conformance.test")
	if err := worldPrograms(); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{lab, suite} {
		if err := os.Link(filepath.Join(scratch, filepath.Base(path)), path); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(lab, "-timeout", "10m", "-bind", dir, "-env", binVariable+"="+os.Getenv(binVariable), "-env", driverVariable+"="+column,
		"-env", resultsVariable+"="+results, w.world, "--", suite, "-test.run", "^TestConformance$")
	out, err := cmd.CombinedOutput()
	if cells, e := readCells(results); e != nil {
		t.Errorf("no results: %v", e)
	} else {
		for _, c := range cells {
			m.Add(c)
		}
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// worldPrograms makes, once, what boots a world and what runs in it, in scratch.
var worldPrograms = sync.OnceValue(func() error {
	for _, args := range [][]string{{"build", "-o", filepath.Join(scratch, "lab"), "../lab"}, {"test", "-c", "-o", filepath.Join(scratch, "conformance.test"), "."}} {
		if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("go %v: %w\n%s", args, err, out)
		}
	}
	return nil
})

func (w worldColumn) missing() string {
	switch _, err := os.Stat(w.needs); {
	case os.Getenv(labVariable) != "":
		return "a world has no worlds in it"
	case testing.Short():
		return "not with -short"
	case os.Geteuid() != 0:
		return "needs root, for a world of its own"
	case err != nil:
		return "needs " + w.needs
	}
	return ""
}

// only is the driver that driverVariable names.
func only(name string) []servicetest.Driver {
	for _, w := range worldColumns() {
		if w.driver.Name() == name {
			return []servicetest.Driver{w.driver}
		}
	}
	return nil
}
