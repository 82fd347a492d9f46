package service

import (
	"math"
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	p := RestartPolicy{When: RestartOnFailure, Delay: time.Second, Factor: 2, Max: 5 * time.Second, Limit: 3, Window: time.Minute, Healthy: 10 * time.Second}
	always, unlimited, never := p, p, p
	always.When, unlimited.Limit, never.When = RestartAlways, 0, RestartNever
	type end struct {
		ran    time.Duration
		failed bool
		want   Verdict
	}
	again := func(d time.Duration) Verdict { return Verdict{Restart: true, Delay: d} }
	gaveUp := Verdict{GaveUp: true}
	tests := []struct {
		name string
		p    RestartPolicy
		ends []end
	}{
		{"never", never, []end{{0, true, Verdict{}}}},
		{"on failure, good end", p, []end{{0, false, Verdict{}}}},
		{"always, good end", always, []end{{0, false, again(time.Second)}}},
		{"backs off, then gives up", p, []end{{0, true, again(time.Second)}, {0, true, again(2 * time.Second)}, {0, true, again(4 * time.Second)}, {0, true, gaveUp}}},
		{"a healthy run forgets", p, []end{{0, true, again(time.Second)}, {0, true, again(2 * time.Second)}, {10 * time.Second, true, again(time.Second)}, {0, true, again(2 * time.Second)}}},
		{"tries leave the window", p, []end{{9 * time.Second, true, again(time.Second)}, {9 * time.Second, true, again(2 * time.Second)}, {9 * time.Second, true, again(4 * time.Second)}, {9 * time.Second, true, gaveUp}}},
		{"no limit stays at the maximum", unlimited, []end{{0, true, again(time.Second)}, {0, true, again(2 * time.Second)}, {0, true, again(4 * time.Second)}, {0, true, again(5 * time.Second)}, {0, true, again(5 * time.Second)}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var r Restarts
			now := time.Hour
			for i, e := range tt.ends {
				started := now
				now += e.ran
				got := r.Next(tt.p, e.failed, started, now, 0.5)
				if got != e.want {
					t.Fatalf("end %d: %+v, want %+v", i+1, got, e.want)
				}
				now += got.Delay
			}
		})
	}
}

// TestNextWindow: tries that are older than the window no longer count.
func TestNextWindow(t *testing.T) {
	p := RestartPolicy{When: RestartAlways, Limit: 2, Window: time.Minute}
	var r Restarts
	for i := range 10 {
		now := time.Duration(i) * 31 * time.Second
		if v := r.Next(p, true, now, now, 0); !v.Restart {
			t.Fatalf("gave up at the try after %s", now)
		}
	}
}

// TestNextForgets: a daemon that restarts for ever does not grow.
func TestNextForgets(t *testing.T) {
	p := RestartPolicy{When: RestartAlways, Limit: 5, Window: time.Second}
	unlimited := RestartPolicy{When: RestartAlways}
	var r, u Restarts
	for i := range 100000 {
		now := time.Duration(i) * time.Second
		r.Next(p, true, now, now, 0)
		u.Next(unlimited, true, now, now, 0)
	}
	if len(r.at) > 5 || len(u.at) > 0 {
		t.Errorf("%d and %d tries are remembered", len(r.at), len(u.at))
	}
}

func TestBackoff(t *testing.T) {
	tests := []struct {
		name  string
		p     RestartPolicy
		tries int
		rnd   float64
		want  time.Duration
	}{
		{"first", RestartPolicy{Delay: 100}, 0, 0.5, 100},
		{"a factor below one does not shrink", RestartPolicy{Delay: 100, Factor: 0.1}, 3, 0.5, 100},
		{"jitter down", RestartPolicy{Delay: 100, Jitter: 0.1}, 0, 0, 90},
		{"jitter up", RestartPolicy{Delay: 100, Jitter: 0.1}, 0, 1, 110},
		{"maximum", RestartPolicy{Delay: 100, Factor: 2, Max: 300}, 9, 0.5, 300},
		{"no maximum, no overflow", RestartPolicy{Delay: time.Hour, Factor: 10}, 500, 0.5, math.MaxInt64},
		{"zero stays zero", RestartPolicy{Factor: 2, Jitter: 0.5}, 9, 0.9, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.p.backoff(tt.tries, tt.rnd); got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}
