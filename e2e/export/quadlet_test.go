package export

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/gate"
	"github.com/joshuaaferguson/apexd/internal/export"
)

// generate has Podman's own generator make units of the documents, by name without ".container".
func generate(t *testing.T, documents map[string][]byte) map[string]string {
	t.Helper()
	tool := os.Getenv("APEXD_QUADLET")
	if tool == "" {
		tool = "/usr/libexec/podman/quadlet"
	}
	if _, err := os.Stat(tool); err != nil {
		gate.Skip(t, "no generator of Podman 5 ("+tool+"); APEXD_QUADLET names another")
	}
	dir, out := t.TempDir(), t.TempDir()
	for name, text := range documents {
		if err := os.WriteFile(filepath.Join(dir, name+".container"), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), tool, "-user", "-no-kmsg-log", out)
	cmd.Env = append(os.Environ(), "QUADLET_UNIT_DIRS="+dir)
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	units := map[string]string{}
	for name := range documents {
		b, err := os.ReadFile(filepath.Join(out, name+".service"))
		if err != nil {
			t.Fatal(err)
		}
		units[name] = string(b)
	}
	return units
}

func TestQuadlet(t *testing.T) {
	documents := map[string][]byte{}
	for name, text := range goldens(t, export.Quadlet) {
		documents[strings.TrimSuffix(name, ".quadlet")] = text
	}
	for name, unit := range generate(t, documents) {
		t.Run(name, func(t *testing.T) {
			args := commandLine(t, unit)
			for _, want := range []string{"--sdnotify=container", "--tmpfs", "--health-cmd", "--stop-timeout", "--entrypoint"} {
				if !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, want) }) {
					t.Errorf("no %s in %q", want, args)
				}
			}
			if !strings.Contains(unit, "\nType=notify\n") || !strings.Contains(unit, "\nTimeoutStopSec=") || !strings.Contains(unit, "\nRestart=") {
				t.Errorf("%s", unit)
			}
		})
	}
}

// TestQuadletRoundTrip goes through the generator, and through what systemd then does to ExecStart=.
func TestQuadletRoundTrip(t *testing.T) {
	documents, want := map[string][]byte{}, map[string][]string{}
	n := 0
	roundTripText(t, 60, func(text string, args []string) {
		name := fmt.Sprintf("u%d", n)
		documents[name], want[name] = []byte(text), args
		n++
	})
	for name, unit := range generate(t, documents) {
		args := commandLine(t, unit)
		i := slices.Index(args, "example.org/shop:1")
		if i < 0 || !slices.Equal(args[i+1:], want[name]) {
			t.Errorf("%q, want %q\n%s", args, want[name], documents[name])
		}
	}
}

// commandLine is the program's arguments as systemd makes them of ExecStart= (systemd.service(5), "Command lines"; systemd.syntax(7), "Quoting").
func commandLine(t *testing.T, unit string) []string {
	t.Helper()
	_, line, _ := strings.Cut(unit, "\nExecStart=")
	line, _, _ = strings.Cut(line, "\n")
	p := splitter{rest: line}
	var args []string
	for p.next() {
		args = append(args, strings.NewReplacer("$$", "$", "%%", "%").Replace(p.word))
	}
	if p.err != nil {
		t.Fatalf("%v: %s", p.err, line)
	}
	return args
}
