package sysv_test

import (
	"os"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
)

// TestDoctor: a script that is as it would be written today is left alone, for whomever it was and whichever PATH; one that somebody has changed is found, and mended by --fix.
func TestDoctor(t *testing.T) {
	needWorld(t, "init", "busybox")
	dir, roots := newProject(t, "shop", "exec sleep 1000"), newProject(t, "roots", "exec sleep 1000")
	name := install(t, dir)
	install(t, roots, "--run-as", "nobody")
	t.Setenv("PATH", os.Getenv("PATH")+":/nowhere")
	for _, dir := range []string{dir, roots} {
		if f := inworld.Findings(t, dir); f["drift"] != "" || f["manager"] != "" || f["program-gone"] != "" {
			t.Errorf("as it was installed: %v", f)
		}
	}
	script := "/etc/init.d/" + name
	text, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), " as "+owner+" ", " as root ", 1)
	if changed == string(text) {
		t.Fatalf("no user in\n%s", text)
	}
	if err := os.WriteFile(script, []byte(changed), 0o755); err != nil {
		t.Fatal(err)
	}
	if f := inworld.Findings(t, dir); !strings.Contains(f["drift"], " as root ") || !strings.Contains(f["drift"], "apexd install") {
		t.Errorf("after somebody has changed the script: %v", f)
	}
	if f := inworld.Findings(t, dir, "--fix"); f["fixed"] != "drift" || f["drift"] != "" {
		t.Errorf("mended: %v", f)
	}
	if now, err := os.ReadFile(script); err != nil || !strings.Contains(string(now), " as "+owner+" ") {
		t.Errorf("%v of\n%s", err, now)
	}
}
