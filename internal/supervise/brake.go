package supervise

import (
	"time"

	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// inheritTries counts this start as a further try, where prev is the record of a daemon that the same manager has kept since the last boot and that has failed. Whoever starts a
// daemon by hand removes the record first, and then nothing is inherited.
func (d *daemon) inheritTries(prev *pidfile.Record) {
	if !d.o.Brake || prev.Backend != d.backend() || prev.Service != d.o.Keeper.Service || prev.Identity.BootID != d.self.Identity.BootID {
		return
	}
	d.restarts = prev.Workload.Restarts + 1
	now := d.clock.Wall()
	var before []time.Time
	for _, t := range prev.Workload.Tries {
		before = append(before, t.Time)
	}
	ended := now // of a daemon that was killed nobody has written when
	if e := prev.Workload.LastExit; e != nil && e.At.After(prev.StartedAt.Time) {
		ended = e.At.Time
	}
	d.tries = append(recent(d.spec.Restart, before, ended.Sub(prev.StartedAt.Time), now), now)
}

// recent are those of tries that count for p after a run that took this long: none, if that was healthy, else those within the window. One in the future was before the clock was set
// back; it counts as one of now, since it would else count until the clock is there again.
func recent(p service.RestartPolicy, tries []time.Time, took time.Duration, now time.Time) []time.Time {
	if p.Healthy > 0 && took >= p.Healthy {
		return nil
	}
	var count []time.Time
	for _, t := range tries {
		if now.Sub(t) < p.Window {
			count = append(count, earlier(t, now))
		}
	}
	return count
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// spent reports whether the policy allows no further restart after a run that has failed.
func (d *daemon) spent() bool {
	p := d.spec.Restart
	if p.When == service.RestartNever || p.Limit == 0 {
		return false
	}
	d.tries = recent(p, d.tries, d.clock.Mono()-d.runStart, d.clock.Wall())
	return len(d.tries) >= p.Limit
}

// settled says that nobody is to start the daemon again.
func (d *daemon) settled() {
	if d.o.Settled != nil {
		d.o.Settled()
	}
}

// NoteRefusal writes into the history of ref's daemon that a process, started by keeper, could not become it: a manager's log is not where people look, runit's and s6's may be anywhere, and launchd has
// none. Of a process without a keeper its starter tells.
func NoteRefusal(ref pidfile.Ref, keeper service.Registration, pid int, version string, why error) error {
	if keeper.Backend == "" {
		return nil
	}
	h, err := history.Open(HistoryPath(ref))
	if err != nil {
		return err
	}
	defer h.Close()
	return h.Append(history.Event{At: time.Now(), Event: history.Refused, PID: pid, Version: version, Backend: string(keeper.Backend), Reason: why.Error()})
}
