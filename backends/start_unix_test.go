//go:build unix

package backends

import (
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// TestExtendedStart: whoever waits for a daemon whose workload has asked for more time gives it that.
func TestExtendedStart(t *testing.T) {
	dir := t.TempDir()
	d := &Direct{
		Ref:  pidfile.Ref{Path: dir + "/.apex/daemon.pid", Project: dir, StateDir: t.TempDir()},
		Spec: service.Spec{Readiness: service.Readiness{Timeout: 2 * time.Second}, StopTimeout: -startMargin}, // a bound of 2 s in all
		Exec: []string{"/bin/sh", "-c", `echo '{"extend": 60000000000}'; sleep 2.2; echo '{"extend": 1}'; echo '{"pid": '$$'}'`},
	}
	if bound := d.bound(); bound != 2*time.Second {
		t.Fatal(bound)
	}
	s, err := d.Start(t.Context())
	if err != nil || s.PID == 0 {
		t.Errorf("%+v, %v", s, err)
	}
}
