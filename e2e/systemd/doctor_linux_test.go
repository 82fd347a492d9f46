package systemd_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

// findings are what doctor finds in dir, by ID.
func findings(t *testing.T, dir string, args ...string) map[string]string {
	t.Helper()
	r := command(t, dir, nil, append([]string{tool("apexd"), "doctor", "--json"}, args...)...)
	var d struct {
		Backend, Scope string
		Findings       []struct{ ID, Message, Fix string }
		Fixed          []string
	}
	if err := json.Unmarshal([]byte(r.out), &d); err != nil || d.Backend != "systemd" {
		t.Fatalf("%v: %s", err, r)
	}
	found := map[string]string{}
	for _, f := range d.Findings {
		found[f.ID] = f.Message + "\n" + f.Fix
	}
	if len(d.Fixed) > 0 {
		found["fixed"] = strings.Join(d.Fixed, " ")
	}
	return found
}

// TestDoctor: a registration that is as it would be written today is left alone, whatever level of hardening and whichever PATH; a change of the configuration is
// found, and mended by --fix.
func TestDoctor(t *testing.T) {
	eachScope(t, func(t *testing.T, scope service.Scope) {
		dir := newProject(t, "shop", "sleep", "1000")
		if f := findings(t, dir); f["drift"] != "" || f["manager"] != "" {
			t.Errorf("not registered: %v", f)
		}
		apexd(t, dir, 0, asRoot("install", "--hardening", "off")...)
		t.Setenv("PATH", os.Getenv("PATH")+":/nowhere")
		if f := findings(t, dir); f["drift"] != "" || f["manager"] != "" || f["status"] != "" {
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
		if f := findings(t, dir); !strings.Contains(f["drift"], "TimeoutStopSec") || !strings.Contains(f["drift"], "apexd install") {
			t.Errorf("after a change: %v", f)
		}
		if f := findings(t, dir, "--fix"); f["fixed"] != "drift" || f["drift"] != "" {
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
		dir, other := newProject(t, "gone", "sleep", "1000"), tempDir(t)
		apexd(t, dir, 0, asRoot("install")...)
		if f := findings(t, other); f["orphan"] != "" {
			t.Errorf("it is there: %v", f)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		message, fix, _ := strings.Cut(findings(t, other)["orphan"], "\n")
		if !strings.Contains(message, dir) {
			t.Fatalf("%q does not name %s", message, dir)
		}
		before := residue(t)
		argv := strings.Fields(fix)
		argv[0] = tool("apexd")
		if r := command(t, other, nil, argv...); r.code != 0 {
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
