package conformance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/service/servicetest"
)

const wineColumn = "Windows (Wine)"

// wineBroke reports whether out tells of what version 8.0 of Wine does now and then on a loaded machine: it ends one of its clients' threads in the middle of a call, or calls
// a new process one that could not be made, which is ERROR_INTERNAL_ERROR (dlls/ntdll/unix/process.c, NtCreateUserProcess; e2e/lab, wineEnv, keeps most of that away). What becomes of the process then says nothing of apexd.
func wineBroke(out []byte) bool {
	return bytes.Contains(out, []byte("wine client error")) || bytes.Contains(out, []byte("Internal error."))
}

// wineColumns are the drivers of the Windows side.
func wineColumns() []string { return []string{"direct, " + wineColumn, "service, " + wineColumn} }

// runOnWine runs this package's tests, built for Windows, in a world of e2e/lab, and adds their results to m.
func runOnWine(t *testing.T, m *servicetest.Matrix, skip func(t testing.TB, reason string)) {
	reason := noWine()
	for _, column := range wineColumns() {
		m.Column(column)
		if reason == "" {
			continue
		}
		for _, name := range servicetest.Names() {
			m.Add(servicetest.Cell{Driver: column, Case: name, Verdict: servicetest.NotRun, Reason: reason})
		}
	}
	if reason != "" {
		skip(t, reason)
	}
	t.Parallel()
	dir := buildForWindows(t)
	results := filepath.Join(dir, "results.json")
	run := func(pattern string) ([]byte, error) {
		if err := os.Remove(results); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return exec.Command(filepath.Join(dir, "lab"), "-timeout", "10m", "-bind", dir, "-env", binVariable+"="+winePath(dir),
			"-env", resultsVariable+"="+winePath(results), "wine", "--", "wine", filepath.Join(dir, "conformance.test.exe"), "-test.run", pattern).CombinedOutput()
	}
	pattern := "^TestConformance$"
	for try := 1; ; try++ {
		out, err := run(pattern)
		cells, e := readCells(results)
		for _, c := range cells {
			m.Add(c)
		}
		if err == nil && e == nil {
			return
		}
		if try == wineTries || !wineBroke(out) {
			t.Errorf("%v\n%s", errors.Join(err, e), out)
			return
		}
		t.Logf("Wine itself has failed, what did not pass once more: %v\n%s", errors.Join(err, e), out)
		if failed := failedCases(cells); failed != "" {
			pattern = failed
		}
	}
}

// wineTries bounds how often what Wine itself has failed in is tried.
const wineTries = 4

// failedCases is a pattern for -test.run that matches the failures among cells, "" where there are none.
func failedCases(cells []servicetest.Cell) string {
	var drivers, cases []string
	for _, c := range cells {
		if c.Verdict == servicetest.Fail {
			drivers, cases = append(drivers, regexp.QuoteMeta(c.Driver)), append(cases, regexp.QuoteMeta(c.Case))
		}
	}
	if len(cases) == 0 {
		return ""
	}
	return "^TestConformance$/^(" + strings.Join(drivers, "|") + ")$/^(" + strings.Join(cases, "|") + ")$"
}

func TestFailedCases(t *testing.T) {
	const column = "service, Windows (Wine)"
	cells := []servicetest.Cell{{Driver: column, Case: "first start", Verdict: servicetest.Pass}, {Driver: column, Case: "hostile record: a stranger's PID", Verdict: servicetest.Fail}}
	if got := failedCases(cells[:1]); got != "" {
		t.Errorf("%q where nothing failed", got)
	}
	part := strings.Split(failedCases(cells), "/")
	if len(part) != 3 {
		t.Fatalf("%q", part)
	}
	for _, row := range []struct {
		pattern, name string
		want          bool
	}{{part[1], column, true}, {part[1], "direct, Windows (Wine)", false}, {part[2], cells[1].Case, true}, {part[2], cells[0].Case, false}} {
		if got := regexp.MustCompile(row.pattern).MatchString(row.name); got != row.want {
			t.Errorf("%s matches %q: %t", row.pattern, row.name, got)
		}
	}
}

// noWine says why the suite cannot run on Wine now.
func noWine() string {
	switch _, err := exec.LookPath("wine"); {
	case os.Getenv(labVariable) != "":
		return "a world has no worlds in it"
	case testing.Short():
		return "takes half a minute, which -short leaves out"
	case os.Geteuid() != 0:
		return "needs root, for a world with Wine"
	case err != nil:
		return "needs wine"
	}
	return ""
}

// buildForWindows makes a directory with everything that the Windows side needs, and the lab.
func buildForWindows(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	windows := []string{"GOOS=windows", "CGO_ENABLED=0"}
	if err := build(dir, windows...); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args, env []string
	}{
		{[]string{"test", "-c", "-o", filepath.Join(dir, "conformance.test.exe"), "."}, windows},
		{[]string{"build", "-o", filepath.Join(dir, "lab"), "../lab"}, nil},
	} {
		cmd := exec.Command("go", c.args...)
		cmd.Env = append(os.Environ(), c.env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %v: %v\n%s", c.args, err, out)
		}
	}
	return dir
}

// winePath is path as Wine shows it: its drive Z: is the root directory.
func winePath(path string) string { return "Z:" + filepath.ToSlash(path) }

func readCells(path string) ([]servicetest.Cell, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("the suite wrote none")
	}
	if err != nil {
		return nil, err
	}
	var cells []servicetest.Cell
	return cells, json.Unmarshal(b, &cells)
}
