package service

import (
	"math"
	"time"
)

// RestartWhen says which ends of a workload are followed by another start.
type RestartWhen string

// The restart policies.
const (
	RestartNever     RestartWhen = "never"
	RestartOnFailure RestartWhen = "on-failure" // a non-zero status, a signal, a missed watchdog
	RestartAlways    RestartWhen = "always"     // also after status 0
)

// RestartPolicy is the one policy of the configuration. In direct mode the daemon carries it out; a manager's backend translates it.
type RestartPolicy struct {
	When    RestartWhen
	Delay   time.Duration // before the first try
	Factor  float64       // each further try waits Factor times longer, ≥ 1
	Max     time.Duration // but never longer than this
	Jitter  float64       // ± this share of the delay, 0 to 1
	Limit   int           // at most this many restarts within Window, then failed; 0 is no limit
	Window  time.Duration
	Healthy time.Duration // after running this long the tries are forgotten
}

// Restarts is what a daemon remembers of its restarts. The zero value has none. Times are monotonic: elapsed since any fixed origin.
type Restarts struct {
	tries int             // since the last healthy period
	at    []time.Duration // of the tries within the window, oldest first
}

// Verdict is the policy's answer to one end of the workload.
type Verdict struct {
	Restart bool
	Delay   time.Duration
	GaveUp  bool // the limit is reached: the daemon has failed
}

// Next answers the end of a workload that ran from started until now (both elapsed since one fixed origin, so that clock steps do not
// count). failed says whether it ended badly; rnd is a random number in [0, 1) for the jitter.
func (r *Restarts) Next(p RestartPolicy, failed bool, started, now time.Duration, rnd float64) Verdict {
	if p.When == RestartNever || p.When == RestartOnFailure && !failed {
		return Verdict{}
	}
	if p.Healthy > 0 && now-started >= p.Healthy {
		*r = Restarts{}
	}
	for len(r.at) > 0 && now-r.at[0] >= p.Window {
		r.at = r.at[1:]
	}
	if p.Limit > 0 && len(r.at) >= p.Limit {
		return Verdict{GaveUp: true}
	}
	d := p.backoff(r.tries, rnd)
	r.tries++
	if p.Limit > 0 { // without a limit nothing is remembered, so that nothing grows
		r.at = append(r.at, now)
	}
	return Verdict{Restart: true, Delay: d}
}

// backoff is Delay × Factor^tries, at most Max, ± Jitter.
func (p RestartPolicy) backoff(tries int, rnd float64) time.Duration {
	d := float64(p.Delay) * math.Pow(max(p.Factor, 1), float64(tries))
	if p.Max > 0 {
		d = min(d, float64(p.Max))
	}
	d *= 1 + p.Jitter*(2*rnd-1)
	if d >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(d)
}
