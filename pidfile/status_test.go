package pidfile

import (
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/service"
)

// TestStatus: what each finding says to people and programs.
func TestStatus(t *testing.T) {
	info := proc.Info{PID: 77, Started: time.Now().Add(-time.Minute), Age: time.Minute}
	rec := func(s service.State, ready bool) *Record {
		return &Record{PID: 77, State: s, Ready: ready, Schema: 1, Backend: "direct", Workload: &Workload{PID: 78, Address: "127.0.0.1:1", Restarts: 2}}
	}
	tests := []struct {
		name    string
		f       Finding
		state   service.State
		ready   bool
		wanted  bool
		pid     int
		exit    int
		work    int // the workload's PID
		uptime  int64
		warning bool
	}{
		{"nothing", Finding{State: service.StateStopped}, service.StateStopped, false, false, 0, 3, 0, 0, false},
		{"serving", Finding{Running: true, PID: 77, Process: info, Record: rec(service.StateRunning, true)}, service.StateRunning, true, true, 77, 0, 78, 60000, false},
		{"restarting", Finding{Running: true, PID: 77, Process: info, Record: rec(service.StateRestarting, false)}, service.StateRestarting, false, true, 77, 0, 78, 60000, false},
		{"just locked", Finding{Running: true, PID: 77, Process: info, Record: rec(service.StateStopped, false)}, service.StateStarting, false, true, 77, 0, 78, 60000, false},
		{"has given up and still ends", Finding{Running: true, PID: 77, Process: info, Record: rec(service.StateFailed, false)}, service.StateStopping, false, true, 77, 0, 78, 60000, false},
		{"PID unknown", Finding{Running: true, Reason: "held", Warnings: []string{"held"}}, service.StateRunning, false, true, 0, 0, 0, 0, true},
		{"gave up", Finding{State: service.StateFailed, Reason: "gave up", Record: rec(service.StateFailed, false)}, service.StateFailed, false, true, 0, 1, 0, 0, false},
		{"crashed", Finding{State: service.StateFailed, Reason: "killed", Record: rec(service.StateRunning, true)}, service.StateFailed, false, true, 0, 1, 0, 0, false},
		{"cannot tell", Finding{State: service.StateUnknown, Reason: "hidden", Record: rec(service.StateRunning, true)}, service.StateUnknown, false, false, 0, 4, 0, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := tt.f.Status(Ref{Project: "/p"}, "web")
			pid, work, uptime := 0, 0, int64(0)
			if s.PID != nil {
				pid = *s.PID
			}
			if s.Workload != nil {
				work = s.Workload.PID
			}
			if s.Uptime != nil {
				uptime = *s.Uptime
			}
			if s.State != tt.state || s.Wanted != tt.wanted || pid != tt.pid || s.ExitCode() != tt.exit || work != tt.work || uptime != tt.uptime {
				t.Errorf("%+v", s)
			}
			if s.Ready != nil && *s.Ready != tt.ready || s.Name != "web" || s.Project != "/p" || s.Backend != "direct" || (len(s.Warnings) > 0) != tt.warning {
				t.Errorf("ready %v name %q warnings %q", s.Ready, s.Name, s.Warnings)
			}
		})
	}
}
