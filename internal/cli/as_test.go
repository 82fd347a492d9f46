package cli

import (
	"errors"
	"os"
	"os/user"
	"runtime"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

// TestBecome: who is that user already only gets his environment, and nobody else becomes him; e2e/sysv has root switch.
func TestBecome(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such user IDs")
	}
	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", "/elsewhere")
	t.Setenv("USER", "nobody")
	t.Setenv("LOGNAME", "nobody")
	if err := become(self.Username, "start"); err != nil {
		t.Fatal(err)
	}
	if os.Getenv("HOME") != self.HomeDir || os.Getenv("USER") != self.Username || os.Getenv("LOGNAME") != self.Username {
		t.Errorf("HOME=%s USER=%s LOGNAME=%s", os.Getenv("HOME"), os.Getenv("USER"), os.Getenv("LOGNAME"))
	}
	if err := become("no such user", "start"); !errors.Is(err, service.ErrStartFailed) {
		t.Errorf("an unknown user: %v", err)
	}
	if os.Geteuid() == 0 {
		return
	}
	if err := become("root", "start"); !errors.Is(err, service.ErrPermissionDenied) {
		t.Errorf("as root: %v", err)
	}
	if err := become("root", "status"); err != nil {
		t.Errorf("a status as root: %v", err)
	}
}
