package conformance_test

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/gate"
	"github.com/joshuaaferguson/apexd/service/servicetest"
)

// resultsVariable names a file that the matrix is written to, as JSON, and compared with nothing: it is a part of another one's.
const resultsVariable = "APEXD_CONFORMANCE_RESULTS"

// labVariable is set by e2e/lab in its worlds. What a world lacks it was made to lack, and a run outside has it.
const labVariable = "APEXD_LAB"

var update = flag.Bool("update", false, "write the matrix to docs/conformance.md and README.md")

func TestConformance(t *testing.T) {
	var m servicetest.Matrix
	skip := gate.Skip
	if os.Getenv(labVariable) != "" {
		skip = func(t testing.TB, reason string) { t.Skip("in this world: " + reason) }
	}
	for _, d := range drivers() {
		t.Run(d.Name(), func(t *testing.T) { servicetest.Run(t, d, &m, skip) })
	}
	if os.Getenv(driverVariable) == "" {
		runInWorlds(t, &m)
	}
	runElsewhere(&m)
	t.Run(wineColumn, func(t *testing.T) { runOnWine(t, &m, skip) })
	t.Cleanup(func() { conclude(t, &m) }) // when the columns that run side by side, worlds and Wine, have ended
}

// conclude shows the matrix and compares it, or hands it on.
func conclude(t *testing.T, m *servicetest.Matrix) {
	t.Helper()
	path := os.Getenv(resultsVariable)
	if path == "" {
		t.Log("\n" + m.Markdown() + "\n" + m.Reasons())
		compare(t, m)
		return
	}
	b, err := json.Marshal(m)
	if err == nil {
		err = os.WriteFile(path, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

const (
	page      = "docs/conformance.md"
	blockName = "conformance"
)

// compare holds the checked-in matrix, and README's copy of it, against m.
func compare(t *testing.T, m *servicetest.Matrix) {
	t.Helper()
	path := filepath.Join("..", "..", page)
	if *update {
		writeMatrix(t, path, m)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v\nmake it with: go test ./e2e/conformance -update", err)
	}
	table, ok := servicetest.Block(string(text), blockName)
	if !ok {
		t.Fatalf("%s has no <!-- %s --> marks", page, blockName)
	}
	for _, d := range m.Differences(table) {
		t.Errorf("%s: %s; go test ./e2e/conformance -update writes it", page, d)
	}
	compareReadme(t, table)
}

func compareReadme(t *testing.T, table string) {
	t.Helper()
	path := filepath.Join("..", "..", "README.md")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	switch block, ok := servicetest.Block(string(text), blockName); {
	case !ok:
		t.Errorf("README.md has no <!-- %s --> marks", blockName)
	case block != table && *update:
		if err := os.WriteFile(path, []byte(servicetest.ReplaceBlock(string(text), blockName, table)), 0o644); err != nil {
			t.Fatal(err)
		}
	case block != table:
		t.Errorf("README.md's matrix is not that of %s; go test ./e2e/conformance -update copies it", page)
	}
}

func writeMatrix(t *testing.T, path string, m *servicetest.Matrix) {
	t.Helper()
	if !m.Complete() {
		t.Fatal("-update needs every case: run it as root, with Wine, without -run and -short")
	}
	text := "# Conformance\n\n" +
		"What CONTRACT.md promises, as cases (`service/servicetest`), and the ways of running a daemon that keep it (`e2e/conformance`). Written by\n\n" +
		"    go test ./e2e/conformance -update\n\n" +
		"and compared with what comes of the cases by every `go test ./e2e/conformance`. `n/a`: this way of running has no such thing. `not run`: the machine that\n" +
		"wrote this page could not, which says nothing of apexd.\n\n" +
		"<!-- " + blockName + " -->\n" + m.Markdown() + "<!-- /" + blockName + " -->\n\n## Why not\n\n" + m.Reasons()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
