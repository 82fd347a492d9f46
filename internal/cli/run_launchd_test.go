package cli

import (
	"errors"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/service"
)

// TestLaunchdStatus: launchd starts again after every status but 0.
func TestLaunchdStatus(t *testing.T) {
	exit := func(code int, signal string) error {
		return &supervise.ExitError{Exit: service.Exit{Code: code, Signal: signal}}
	}
	for _, row := range []struct {
		name    string
		err     error
		settled bool
		policy  service.RestartWhen
		want    int
	}{
		{"stopped", nil, true, service.RestartAlways, 0},
		{"stopped, and it ended badly", exit(7, ""), true, service.RestartOnFailure, 0},
		{"gave up", exit(7, ""), true, service.RestartOnFailure, 0},
		{"ended well", nil, false, service.RestartOnFailure, 0},
		{"ended well, and is to run always", nil, false, service.RestartAlways, 75},
		{"failed", exit(7, ""), false, service.RestartOnFailure, 7},
		{"killed", exit(-1, "SIGKILL"), false, service.RestartOnFailure, 137},
		{"did not get ready", &service.Error{Code: service.CodeStartFailed}, false, service.RestartOnFailure, 1},
		{"configuration", &service.Error{Code: service.CodeConfigInvalid}, false, "", 0},
		{"another has the lock", &service.Error{Code: service.CodeAlreadyRunning}, false, service.RestartAlways, 0},
		{"anything else", errors.New("disk full"), false, service.RestartOnFailure, 1},
	} {
		if got := launchdStatus(row.err, row.settled, row.policy); got != row.want {
			t.Errorf("%s: %d, want %d", row.name, got, row.want)
		}
	}
}
