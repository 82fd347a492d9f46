package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/joshuaaferguson/apexd/internal/doctor"
)

// TestDoctorOfService: a service that is as it would be made today is left alone, whenever it starts; a change of the configuration is found, and mended by --fix.
func TestDoctorOfService(t *testing.T) {
	m, err := windows.OpenSCManager(nil, nil, windows.SC_MANAGER_CREATE_SERVICE)
	if err != nil {
		t.Skip("needs an administrator")
	}
	windows.CloseServiceHandle(m)
	dir, err := os.MkdirTemp("", "doctor") // t.TempDir's clean-up does not work on Wine
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, ".apex", "config.yaml")
	configure := func(more string) {
		t.Helper()
		if err := os.WriteFile(config, []byte("daemon:\n  command: [cmd.exe, /c, pause]\n"+more), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Dir(config), 0o755); err != nil {
		t.Fatal(err)
	}
	configure("")
	apexd := func(args ...string) string {
		t.Helper()
		var said bytes.Buffer
		cmd := exec.Command("apexd", append(args, "--project", dir)...) // TestMain's
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil && args[0] != "doctor" {
			t.Fatalf("apexd %q: %v: %s%s", args, err, out, said.String())
		}
		return string(out)
	}
	t.Cleanup(func() {
		apexd("uninstall")
		for _, p := range []string{config, filepath.Dir(config), dir} {
			if err := os.Remove(p); err != nil {
				t.Error(err)
			}
		}
	})
	finds := func(args ...string) (drift *doctor.Finding, fixed []string) {
		t.Helper()
		var d diagnosis
		if err := json.Unmarshal([]byte(apexd(append([]string{"doctor", "--json"}, args...)...)), &d); err != nil {
			t.Fatal(err)
		}
		for i, f := range d.Findings {
			switch f.ID {
			case "drift":
				drift = &d.Findings[i]
			case "manager", "program-gone":
				t.Errorf("%+v", f)
			}
		}
		return drift, d.Fixed
	}
	apexd("install", "--start-type", "manual", "--depends", "EventLog")
	t.Setenv("PATH", os.Getenv("PATH")+`;C:\nowhere`)
	if f, _ := finds(); f != nil {
		t.Errorf("as it was installed: %+v", f)
	}
	configure("  stopTimeout: 33s\n")
	if f, _ := finds(); f == nil || !strings.Contains(f.Message, "PreshutdownTimeout=43s") {
		t.Errorf("after a change: %+v", f)
	}
	if f, fixed := finds("--fix"); f != nil || len(fixed) != 1 || fixed[0] != "drift" {
		t.Errorf("mended: %+v, %q", f, fixed)
	}
	apexd("disable")
	if f, _ := finds(); f != nil {
		t.Errorf("disabled: %+v", f)
	}
}
