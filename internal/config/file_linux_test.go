package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/service"
)

func TestUnreadable(t *testing.T) {
	dir := projectWith(t, "daemon: {pidFile: x}")
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, ".apex", "config.yaml")
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(path, 0o600) })
	testenv.AsNobody(t, func() {
		_, err := Load(Input{Project: dir})
		wantError(t, err, service.CodePermissionDenied, path, "make it readable")
		if pid, _, warning := Locate(Input{Project: dir}); warning == nil || filepath.Base(pid) != "daemon.pid" {
			t.Errorf("Locate = %q, %v", pid, warning)
		}
		wantError(t, Init(dir, "daemon", Starter{}), service.CodePermissionDenied, path, "")
	})
	if os.Geteuid() != 0 {
		return // the rest is about what is somebody else's
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	secrets := write(t, dir, ".apex/daemon.env", "A=1\n")
	testenv.AsNobody(t, func() {
		_, err := Load(Input{Project: dir})
		wantError(t, err, service.CodePermissionDenied, secrets, "run as the user")
		wantError(t, Init(dir, "daemon", Starter{}), service.CodePermissionDenied, path, "run as the user")
	})
}
