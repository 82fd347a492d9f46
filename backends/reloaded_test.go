package backends

import (
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// TestReloaded: what answers a reload is the daemon's count, and neither another change of its state nor the clock.
func TestReloaded(t *testing.T) {
	noon := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	rec := func(loads int, s service.State, since time.Time) *pidfile.Record {
		return &pidfile.Record{Loads: loads, State: s, Since: pidfile.Time{Time: since}}
	}
	for _, row := range []struct {
		name        string
		before, now *pidfile.Record
		want        bool
	}{
		{"nothing yet", rec(1, service.StateRunning, noon), rec(1, service.StateRunning, noon), false},
		{"it is about to", rec(1, service.StateRunning, noon), rec(1, service.StateReloading, noon.Add(1)), false},
		{"done", rec(1, service.StateRunning, noon), rec(2, service.StateRunning, noon.Add(1)), true},
		{"done, within the same millisecond", rec(4, service.StateRunning, noon), rec(5, service.StateRunning, noon), true},
		{"done, and the clock was set back", rec(1, service.StateRunning, noon), rec(2, service.StateRunning, noon.Add(-time.Hour)), true},
		{"done while it waits for the next try", rec(1, service.StateRestarting, noon), rec(2, service.StateRestarting, noon), true},
		{"it has come to run meanwhile, and no more", rec(1, service.StateRestarting, noon), rec(1, service.StateRunning, noon.Add(time.Second)), false},
		{"one that does not count", rec(0, service.StateRunning, noon), rec(0, service.StateRunning, noon.Add(time.Second)), true},
		{"one that does not count, and the clock was set back", rec(0, service.StateRunning, noon), rec(0, service.StateRunning, noon.Add(-time.Hour)), true},
		{"one that does not count is about to", rec(0, service.StateRunning, noon), rec(0, service.StateReloading, noon.Add(time.Second)), false},
	} {
		if got := reloaded(row.before, row.now); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
	}
}
