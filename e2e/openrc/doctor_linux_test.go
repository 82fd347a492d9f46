package openrc_test

import (
	"os"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
)

// TestDoctor: a script that is as it would be written today is left alone, for whomever it was and whichever PATH; a change of the configuration is found, and mended by --fix.
func TestDoctor(t *testing.T) {
	needWorld(t)
	m := newMachine(t, "root", sleeps) // which is not what its owner's would be: root must be said
	nobodys := newMachine(t, "nobody", sleeps)
	t.Setenv("PATH", os.Getenv("PATH")+":/nowhere")
	t.Setenv("XDG_STATE_HOME", "/srv/else")
	for _, m := range []machine{m, nobodys} {
		if f := inworld.Findings(t, m.dir); f["drift"] != "" || f["manager"] != "" || f["refused"] != "" || f["program-gone"] != "" {
			t.Errorf("as it was installed: %v", f)
		}
	}
	if err := os.WriteFile(m.dir+"/.apex/config.yaml", []byte(sleeps+"  stopTimeout: 33s\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if f := inworld.Findings(t, m.dir); !strings.Contains(f["drift"], "+ retry=SIGTERM/38") || !strings.Contains(f["drift"], "apexd install") {
		t.Errorf("after a change: %v", f)
	}
	if f := inworld.Findings(t, m.dir, "--fix"); f["fixed"] != "drift" || f["drift"] != "" {
		t.Errorf("mended: %v", f)
	}
	script := "/etc/init.d/" + m.name
	text, err := os.ReadFile(script)
	if err != nil || !strings.Contains(string(text), "retry=SIGTERM/38") || !strings.Contains(string(text), "command_user=root\n") {
		t.Fatalf("%v of\n%s", err, text)
	}
	if err := os.WriteFile(script, []byte(strings.Replace(string(text), "want net", "need net", 1)), 0o755); err != nil {
		t.Fatal(err)
	}
	if f := inworld.Findings(t, m.dir); !strings.Contains(f["drift"], "need net") {
		t.Errorf("after somebody has changed the script: %v", f)
	}
}
