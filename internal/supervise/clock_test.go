package supervise

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// stepped is a wall clock that jumps with each run of the workload, and a monotonic one that goes on. The workload sets it, and the daemon reads it.
type stepped struct {
	mu   sync.Mutex
	wall time.Time
	mono time.Duration
}

func (s *stepped) clock() Clock {
	return Clock{Wall: func() time.Time { w, _ := s.read(); return w }, Mono: func() time.Duration { _, m := s.read(); return m }, Rand: func() float64 { return 0.5 }}
}

func (s *stepped) read() (time.Time, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wall, s.mono
}

// step lets time pass and sets the wall clock.
func (s *stepped) step(passed time.Duration, wall time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mono += passed
	s.wall = wall
}

// TestClockSteps: restarts are counted by time that has passed. Where the wall clock is set to between two of them changes neither how many there are nor anything but the times that
// are written down. It is set between the runs: forward, back, to before the epoch that a machine without a clock boots with, and over a change to summer time.
func TestClockSteps(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	noon := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name    string
		walls   []time.Time // of each run, the last for all that follow
		passed  time.Duration
		healthy time.Duration
		want    int // runs
	}{
		{"it goes on", []time.Time{noon, noon.Add(time.Second)}, time.Second, 0, 4},
		{"set forward", []time.Time{noon, noon.AddDate(10, 0, 0)}, time.Second, 0, 4},
		{"set back", []time.Time{noon, noon.AddDate(-10, 0, 0)}, time.Second, 0, 4},
		{"back and forth", []time.Time{noon, noon.AddDate(-10, 0, 0), noon.AddDate(10, 0, 0), noon}, time.Second, 0, 4},
		{"no clock at boot", []time.Time{time.Unix(0, 0), time.Unix(3, 0), noon}, time.Second, 0, 4},
		{"summer time", []time.Time{time.Date(2026, 3, 29, 1, 59, 59, 0, berlin), time.Date(2026, 3, 29, 3, 0, 0, 0, time.FixedZone("CEST", 7200))}, time.Second, 0, 4},
		{"set back, and the window passes", []time.Time{noon, noon.AddDate(-10, 0, 0)}, time.Hour, 0, 20},
		{"set forward, and it was never healthy", []time.Time{noon, noon.AddDate(10, 0, 0)}, time.Second, time.Minute, 4},
		{"set back, and it was healthy each time", []time.Time{noon, noon.AddDate(-10, 0, 0)}, 2 * time.Minute, time.Minute, 20},
	} {
		t.Run(row.name, func(t *testing.T) {
			ref := projectRef(t)
			s := &stepped{wall: row.walls[0]}
			runs := 0
			err := Run(t.Context(), Options{
				Spec: failingSpec(ref, service.RestartPolicy{When: service.RestartOnFailure, Limit: 3, Window: time.Minute, Healthy: row.healthy}),
				Ref:  ref, Clock: s.clock(), NewLogger: func(Log, service.LogPolicy) Logger { return silent{} },
				Func: func(_ context.Context, _ Daemon, ready func(string)) error {
					runs++
					ready("")
					if runs == 20 {
						return nil // it would go on for ever
					}
					s.step(row.passed, row.walls[min(runs, len(row.walls)-1)])
					return errors.New("it fails")
				},
			})
			if runs != row.want || (err == nil) != (row.want == 20) {
				t.Errorf("%d runs, want %d: %v", runs, row.want, err)
			}
			events, skipped, err := history.Read(HistoryPath(ref), -1)
			if err != nil || skipped > 0 || len(events) < 2*runs {
				t.Errorf("%d events in the history, %d skipped: %v", len(events), skipped, err)
			}
			for i, e := range events {
				if e.At.IsZero() || e.UptimeMs != nil && *e.UptimeMs < 0 {
					t.Errorf("event %d: %+v", i, e)
				}
			}
			if st := ref.Look().Status(ref, service.DefaultName); row.want != 20 && (st.State != service.StateFailed || st.Since == nil || st.Since.Sub(s.wall).Abs() > time.Second) {
				t.Errorf("status: %s since %v, the clock says %s", st.State, st.Since, s.wall)
			}
		})
	}
}

// TestTriesAge: tries that a manager's restarts have left in the record age from the moment at which the clock was set back, and are forgotten a window later.
func TestTriesAge(t *testing.T) {
	p := service.RestartPolicy{When: service.RestartOnFailure, Limit: 2, Window: time.Minute}
	back := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	tries := []time.Time{back.AddDate(4, 0, 0), back.AddDate(4, 0, 1)} // before the clock was set back by four years
	if tries = recent(p, tries, time.Second, back); len(tries) != 2 {
		t.Errorf("just after: %v", tries)
	}
	if tries = recent(p, tries, time.Second, back.Add(time.Minute)); len(tries) != 0 {
		t.Errorf("a window later: %v", tries)
	}
}

// projectRef is the place of a daemon's record in a new project.
func projectRef(t *testing.T) pidfile.Ref {
	t.Helper()
	dir := testenv.TempDir(t)
	if err := os.Mkdir(filepath.Join(dir, ".apex"), 0o755); err != nil {
		t.Fatal(err)
	}
	return pidfile.Ref{Path: filepath.Join(dir, ".apex", "daemon.pid"), Project: dir}
}

// failingSpec is what a daemon of ref is asked to run, by policy p.
func failingSpec(ref pidfile.Ref, p service.RestartPolicy) service.Spec {
	return service.Spec{
		Name: service.DefaultName, Project: ref.Project, Dir: ref.Project, StopTimeout: time.Second, Readiness: service.Readiness{Timeout: time.Minute}, Restart: p,
		Log: service.LogPolicy{Path: filepath.Join(ref.Project, ".apex", "daemon.log")},
	}
}
