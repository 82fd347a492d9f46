package archtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/gate"
)

// root is the module's, as seen from this package's directory, where go test runs the tests.
const root = "../.."

// systems are those the module claims to build on.
var systems = []string{"linux", "darwin", "windows", "freebsd", "openbsd"}

// TestModule holds every rule against this module.
func TestModule(t *testing.T) {
	files, err := load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 || len(packages(files)) < 5 {
		t.Fatalf("only %d files in %d packages: not the module's root?", len(files), len(packages(files)))
	}
	for _, rule := range []struct {
		name  string
		check func([]file) []string
	}{
		{"leaves import little", func(fs []file) []string { return checkLeaves(fs, leaves) }},
		{"imports stay where they belong", func(fs []file) []string { return checkReservations(fs, reservations) }},
		{"packages have comments", checkComments},
		{"exported names have comments", checkDocumented},
		{"files and functions are short", func(fs []file) []string { return checkLength(fs, longFunctions) }},
		{"nothing runs unasked", checkInit},
		{"nobody sleeps", checkSleep},
	} {
		t.Run(rule.name, func(t *testing.T) {
			bad := rule.check(files)
			slices.Sort(bad)
			for _, b := range bad {
				t.Error(b)
			}
		})
	}
}

// TestBuilds builds the module for every system.
func TestBuilds(t *testing.T) {
	if testing.Short() {
		gate.Skip(t, "building for five systems takes up to a minute when nothing is cached")
	}
	for _, p := range checkBuilds(t.Context(), root, systems) {
		t.Error(p)
	}
}

// checkBuilds builds the module in dir for each system and returns what fails.
func checkBuilds(ctx context.Context, dir string, systems []string) []string {
	bad := make([]string, len(systems))
	var wg sync.WaitGroup
	for i, goos := range systems {
		wg.Go(func() {
			cmd := exec.CommandContext(ctx, "go", "build", "./...")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
			if out, err := cmd.CombinedOutput(); err != nil {
				bad[i] = fmt.Sprintf("GOOS=%s: %v\n%s", goos, err, strings.TrimSpace(string(out)))
			}
		})
	}
	wg.Wait()
	return slices.DeleteFunc(bad, func(s string) bool { return s == "" })
}
