package systemd_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
	"github.com/joshuaaferguson/apexd/service"
)

// TestDoctor: a registration that is as it would be written today is left alone, whatever level of hardening and whichever PATH; a change of the configuration is
// found, and mended by --fix.
func TestDoctor(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		dir := newProject(t, "shop", "sleep", "1000")
		if f := inworld.Findings(t, dir); f["drift"] != "" || f["manager"] != "" {
			t.Errorf("not registered: %v", f)
		}
		inworld.Apexd(t, dir, 0, asRoot("install", "--hardening", "off")...)
		t.Setenv("PATH", os.Getenv("PATH")+":/nowhere")
		if f := inworld.Findings(t, dir); f["drift"] != "" || f["manager"] != "" || f["status"] != "" {
			t.Errorf("as it was installed: %v", f)
		}
		config := filepath.Join(dir, ".apex/config.yaml")
		text, err := os.ReadFile(config)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), "stopTimeout: 10s", "stopTimeout: 33s", 1)
		if changed == string(text) {
			t.Fatalf("no stopTimeout in\n%s", text)
		}
		if err := os.WriteFile(config, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		if f := inworld.Findings(t, dir); !strings.Contains(f["drift"], "TimeoutStopSec") || !strings.Contains(f["drift"], "apexd install") {
			t.Errorf("after a change: %v", f)
		}
		if f := inworld.Findings(t, dir, "--fix"); f["fixed"] != "drift" || f["drift"] != "" {
			t.Errorf("mended: %v", f)
		}
		if !strings.Contains(shown(t, unitOf(t, dir), "TimeoutStopUSec"), "38s") {
			t.Error("the manager does not know")
		}
	})
}

// TestDoctorFindsOrphans: the registration of a project that was deleted, and the command that ends it.
func TestDoctorFindsOrphans(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		dir, other := newProject(t, "gone", "sleep", "1000"), inworld.TempDir(t)
		inworld.Apexd(t, dir, 0, asRoot("install")...)
		if f := inworld.Findings(t, other); f["orphan"] != "" {
			t.Errorf("it is there: %v", f)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		message, fix, _ := strings.Cut(inworld.Findings(t, other)["orphan"], "\n")
		if !strings.Contains(message, dir) {
			t.Fatalf("%q does not name %s", message, dir)
		}
		before := residue(t)
		argv := strings.Fields(fix)
		argv[0] = inworld.Tool("apexd")
		if r := inworld.Command(t, other, nil, argv...); r.Code != 0 {
			t.Fatalf("%s: %s", fix, r)
		}
		unit := filepath.Base(unitOf(t, dir))
		if left := residue(t); slices.ContainsFunc(left, func(s string) bool { return strings.Contains(s, unit) }) || len(left) >= len(before) {
			t.Errorf("left: %q", left)
		}
		if err := os.Mkdir(dir, 0o755); err != nil { // for newProject's own clean-up
			t.Fatal(err)
		}
	})
}
