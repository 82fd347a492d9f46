package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/internal/history"
)

// span is a time of which is known whether the workload was up; of one that is not known nothing is said.
type span struct {
	from, to time.Time
	up       bool
}

// spans are what events tell, up to now. A daemon that was killed has no last word: the time from its last event to the next is not known. running is whether it is up now.
func spans(events []history.Event, now time.Time, running bool) []span {
	var all []span
	up, since := false, time.Time{}
	to := func(at time.Time) {
		if !since.IsZero() && at.After(since) {
			all = append(all, span{since, at, up})
		}
		since = at
	}
	for _, e := range events {
		switch e.Event {
		case history.Started:
			if up { // without an end in between: what it was since is not known
				since = e.At
			}
			to(e.At)
			up = true
		case history.Exited, history.Stopped, history.Failed:
			to(e.At)
			up = false
		}
	}
	if up == running || !up {
		to(now)
	}
	return all
}

// windows are the times that people think in.
func window(since time.Duration) (time.Duration, string) {
	for _, w := range [...]struct {
		d    time.Duration
		name string
	}{{time.Hour, "hour"}, {6 * time.Hour, "6 hours"}, {24 * time.Hour, "24 hours"}, {7 * 24 * time.Hour, "7 days"}} {
		if since <= w.d {
			return w.d, w.name
		}
	}
	return 30 * 24 * time.Hour, "30 days"
}

const sparks = 48 // characters in the line

// uptimeLine says for how much of the time the workload was up, in words, and draws when: a character for each 48th, higher for more, '?' where it is not known, blank before the
// first event. "" where there is nothing to say.
func uptimeLine(events []history.Event, now time.Time, running, unicode bool) string {
	all := spans(events, now, running)
	if len(all) == 0 {
		return ""
	}
	length, name := window(now.Sub(all[0].from))
	begin := now.Add(-length)
	var up, known time.Duration
	var line strings.Builder
	levels := []rune(".:-=+*%#")
	if unicode {
		levels = []rune("▁▂▃▄▅▆▇█")
	}
	for i := range sparks {
		from, to := begin.Add(length*time.Duration(i)/sparks), begin.Add(length*time.Duration(i+1)/sparks)
		u, k := within(all, from, to)
		up, known = up+u, known+k
		switch {
		case k > 0:
			line.WriteRune(levels[int(float64(u)/float64(k)*float64(len(levels)-1)+0.5)])
		case !to.After(all[0].from):
			line.WriteByte(' ')
		default:
			line.WriteByte('?')
		}
	}
	if known == 0 {
		return ""
	}
	return fmt.Sprintf("up %s of the last %s, as far as is known  |%s|", percent(float64(up)/float64(known)), name, line.String())
}

// within is how long between from and to the workload was up, and of how long that is known.
func within(all []span, from, to time.Time) (up, known time.Duration) {
	for _, s := range all {
		a, b := later(s.from, from), earlier(s.to, to)
		if d := b.Sub(a); d > 0 {
			known += d
			if s.up {
				up += d
			}
		}
	}
	return up, known
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
