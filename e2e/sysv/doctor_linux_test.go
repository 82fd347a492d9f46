package sysv_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// findings are what doctor finds in dir, by ID.
func findings(t *testing.T, dir string, args ...string) map[string]string {
	t.Helper()
	r := run(t, dir, "", append([]string{tool("apexd"), "doctor", "--json"}, args...)...)
	var d struct {
		Findings []struct{ ID, Message, Fix string }
		Fixed    []string
	}
	if err := json.Unmarshal([]byte(r.out), &d); err != nil {
		t.Fatalf("%v: %s", err, r)
	}
	found := map[string]string{"fixed": strings.Join(d.Fixed, " ")}
	for _, f := range d.Findings {
		found[f.ID] = f.Message + "\n" + f.Fix
	}
	return found
}

// TestDoctor: a script that is as it would be written today is left alone, for whomever it was and whichever PATH; one that somebody has changed is found, and mended by --fix.
func TestDoctor(t *testing.T) {
	needWorld(t, "init", "busybox")
	dir, roots := newProject(t, "shop", "exec sleep 1000"), newProject(t, "roots", "exec sleep 1000")
	name := install(t, dir)
	install(t, roots, "--run-as", "nobody")
	t.Setenv("PATH", os.Getenv("PATH")+":/nowhere")
	for _, dir := range []string{dir, roots} {
		if f := findings(t, dir); f["drift"] != "" || f["manager"] != "" || f["program-gone"] != "" {
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
	if f := findings(t, dir); !strings.Contains(f["drift"], " as root ") || !strings.Contains(f["drift"], "apexd install") {
		t.Errorf("after somebody has changed the script: %v", f)
	}
	if f := findings(t, dir, "--fix"); f["fixed"] != "drift" || f["drift"] != "" {
		t.Errorf("mended: %v", f)
	}
	if now, err := os.ReadFile(script); err != nil || !strings.Contains(string(now), " as "+owner+" ") {
		t.Errorf("%v of\n%s", err, now)
	}
}
