package conformance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/joshuaaferguson/apexd/service/servicetest"
)

const wineColumn = "Windows (Wine)"

// wineBroke reports whether out tells of what version 8.0 of Wine does now and then on a loaded machine: it ends one of its clients' threads in the middle of a call, or a
// new process ends before it has begun, which is ERROR_INTERNAL_ERROR (dlls/ntdll/unix/process.c, NtCreateUserProcess). What becomes of the process then says nothing of apexd.
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
	run := func() ([]byte, error) {
		return exec.Command(filepath.Join(dir, "lab"), "-timeout", "10m", "-bind", dir, "-env", binVariable+"="+winePath(dir),
			"-env", resultsVariable+"="+winePath(results), "wine", "--", "wine", filepath.Join(dir, "conformance.test.exe"), "-test.run", "^TestConformance$").CombinedOutput()
	}
	out, err := run()
	if err != nil && wineBroke(out) {
		t.Logf("Wine itself has failed, once more: %v\n%s", err, out)
		out, err = run()
	}
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
