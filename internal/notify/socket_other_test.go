//go:build !unix

package notify

import (
	"errors"
	"testing"
)

func TestListenUnsupported(t *testing.T) {
	s, err := Listen("")
	if s != nil || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Listen = %v, %v; want errors.ErrUnsupported", s, err)
	}
}

func TestOuterDoesNothing(t *testing.T) {
	o := FromEnv([]string{`NOTIFY_SOCKET=/run/systemd/notify`, "WATCHDOG_USEC=5"})
	if err := o.Ready(""); err != nil || o.Enabled() || o.WatchdogInterval() != 0 {
		t.Errorf("Ready = %v, enabled %t; want nothing", err, o.Enabled())
	}
}
