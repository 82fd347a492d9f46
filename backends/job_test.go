package backends

import (
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/service"
)

var shopJob = service.Registration{Backend: service.KindLaunchd, Scope: service.ScopeUser, Service: "apex-shop-1a2b3c4d"}

// TestMergeJob has a row for every pair of lock and job that means something of its own.
func TestMergeJob(t *testing.T) {
	const main = 42
	on, off := false, true // of the override that disables
	loaded := func(j launchd.Job) job { return job{Job: j, loaded: true, disabled: &on} }
	tests := []struct {
		name    string
		running bool
		pid     int
		state   service.State // of the record
		job     job
		age     time.Duration // of the job's process; negative when it is gone
		want    service.State
		wanted  bool
		native  string
		warning string
	}{
		{"running", true, main, "running", loaded(launchd.Job{State: "running", PID: main, Runs: 1}), time.Hour, "running", true, "running", ""},
		{"starting", true, main, "starting", loaded(launchd.Job{State: "running", PID: main, Runs: 1}), time.Second, "starting", true, "running", ""},
		{"about to lock", false, 0, "stopped", loaded(launchd.Job{State: "running", PID: main, Runs: 1}), time.Second, "starting", true, "running", ""},
		{"about to lock, a trampoline", false, 0, "stopped", loaded(launchd.Job{State: "xpcproxy", PID: main, Runs: 1}), time.Second, "starting", true, "xpcproxy", ""},
		{"running without the lock", false, 0, "stopped", loaded(launchd.Job{State: "running", PID: main, Runs: 1}), time.Hour, "unknown", true, "running", "does not hold the daemon's lock"},
		{"ended, and launchd has not noticed", false, 0, "failed", loaded(launchd.Job{State: "running", PID: main, Runs: 1}), -1, "failed", true, "running", ""},
		{"between two tries", false, 0, "failed", loaded(launchd.Job{State: "spawn scheduled", Runs: 2, Exited: true, ExitCode: 7}), 0, "restarting", true, "spawn scheduled, last exit code 7", ""},
		{"about to be spawned", false, 0, "stopped", loaded(launchd.Job{State: "spawn scheduled"}), 0, "starting", true, "spawn scheduled", ""},
		{"stopping", true, main, "running", loaded(launchd.Job{State: "SIGTERMed", PID: main, Runs: 1}), time.Hour, "stopping", true, "SIGTERMed", ""},
		{"stopping, lock released", false, 0, "stopped", loaded(launchd.Job{State: "SIGTERMed", PID: main, Runs: 1}), time.Hour, "stopping", true, "SIGTERMed", ""},
		{"killed by launchd", false, 0, "failed", loaded(launchd.Job{State: "SIGKILLed", PID: main, Runs: 1}), time.Hour, "stopping", true, "SIGKILLed", ""},
		{"stopped, back at the next login", false, 0, "stopped", job{disabled: &on}, 0, "stopped", true, "not loaded", ""},
		{"stopped and disabled", false, 0, "stopped", job{disabled: &off}, 0, "stopped", false, "not loaded", ""},
		{"ended well", false, 0, "stopped", loaded(launchd.Job{State: "not running", Runs: 1, Exited: true}), 0, "stopped", true, "not running, last exit code 0", ""},
		{"failed", false, 0, "failed", loaded(launchd.Job{State: "not running", Runs: 1, Exited: true, ExitCode: 9}), 0, "failed", true, "not running, last exit code 9", ""},
		{"failed without a record", false, 0, "stopped", loaded(launchd.Job{State: "not running", Runs: 1, Exited: true, ExitCode: 78}), 0, "failed", true, "not running, last exit code 78", ""},
		{"killed without a record", false, 0, "stopped", loaded(launchd.Job{State: "not running", Runs: 1, Exited: true, Signal: "Killed: 9"}), 0, "failed", true, "not running, last terminating signal Killed: 9", ""},
		{"put off", false, 0, "stopped", loaded(launchd.Job{State: "not running", Pended: "inefficient"}), 0, "stopped", true, "not running, pended: inefficient", "puts its start off (inefficient)"},
		{"runs outside", true, 7, "running", job{disabled: &on}, 0, "running", true, "not loaded", "runs outside of it"},
		{"another process", true, 7, "running", loaded(launchd.Job{State: "running", PID: main}), 0, "running", true, "running", "launchd says that the process of apex-shop-1a2b3c4d is 42"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := service.Status{Running: tt.running, State: tt.state, Backend: "direct", Warnings: []string{}}
			if strings.Contains(tt.name, "another process") {
				s.Backend = "launchd"
			}
			if tt.pid != 0 {
				s.PID = &tt.pid
			}
			if tt.state == service.StateFailed {
				words := "its own words"
				s.StatusText = &words
			}
			tt.job.merge(&s, shopJob, func(pid int) (time.Duration, bool) { return tt.age, pid != 0 && tt.age >= 0 })
			if s.State != tt.want || s.Wanted != tt.wanted || s.Native == nil || *s.Native != tt.native {
				t.Errorf("state %s, wanted %t, native %q; want %s, %t, %q", s.State, s.Wanted, *s.Native, tt.want, tt.wanted, tt.native)
			}
			if s.Enabled == nil || *s.Enabled == *tt.job.disabled || !s.Registered || s.Running != tt.running {
				t.Errorf("enabled %v, registered %t, running %t", s.Enabled, s.Registered, s.Running)
			}
			if got := strings.Join(s.Warnings, "\n"); (got == "") != (tt.warning == "") || !strings.Contains(got, tt.warning) {
				t.Errorf("warnings %q, want %q", got, tt.warning)
			}
			if (s.State == service.StateFailed || s.State == service.StateUnknown) && s.StatusText == nil {
				t.Error("no reason")
			}
			if want := max(0, tt.job.Runs-1); tt.pid != 7 && (s.Restarts != want || s.Backend != "launchd" || *s.Service != shopJob.Service) {
				t.Errorf("%d restarts of %s by %s, want %d", s.Restarts, *s.Service, s.Backend, want)
			}
		})
	}
}

func TestJobEnded(t *testing.T) {
	for _, row := range []struct {
		name string
		job  job
		want bool
	}{
		{"not loaded", job{}, true},
		{"not spawned", job{Job: launchd.Job{State: "not running"}, loaded: true}, false},
		{"about to be spawned", job{Job: launchd.Job{State: "spawn scheduled"}, loaded: true}, false},
		{"running", job{Job: launchd.Job{State: "running", PID: 1, Runs: 1}, loaded: true}, false},
		{"ended", job{Job: launchd.Job{State: "not running", Runs: 1, Exited: true}, loaded: true}, true},
		{"about to be spawned again", job{Job: launchd.Job{State: "spawn scheduled", Runs: 1, Exited: true, ExitCode: 1}, loaded: true}, true},
		{"spawned again", job{Job: launchd.Job{State: "running", PID: 2, Runs: 2, Exited: true, ExitCode: 1}, loaded: true}, true},
	} {
		if got := row.job.ended(1); got != row.want {
			t.Errorf("%s: %t", row.name, got)
		}
	}
}
