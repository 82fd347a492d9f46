package install

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// OldestVersion is the oldest systemd that apexd is tested with; older ones ignore what they do not know.
const OldestVersion = 252

// The systemd versions that brought a setting (systemd.service(5), NEWS).
const (
	versionNotifyReload = 253 // Type=notify-reload
	versionRestartSteps = 254 // RestartSteps=, RestartMaxDelaySec=
)

// span is d as systemd.time(7) writes it; 0 is none.
func span(d time.Duration) string {
	switch {
	case d%time.Second == 0:
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	case d%time.Millisecond == 0:
		return strconv.FormatInt(int64(d/time.Millisecond), 10) + "ms"
	}
	return strconv.FormatInt(int64(d/time.Microsecond), 10) + "us"
}

// start is what [Unit] says of p: how often systemd may start it. The first start counts, so that n restarts are n+1 starts.
func startLimit(p service.RestartPolicy) []setting {
	if p.When == service.RestartNever || p.Limit == 0 {
		return []setting{{"StartLimitIntervalSec", "0"}}
	}
	return []setting{{"StartLimitIntervalSec", span(p.Window)}, {"StartLimitBurst", strconv.Itoa(p.Limit + 1)}}
}

// gap is something that a systemd cannot say.
type gap struct {
	keys []string // of the configuration
	text string
}

// restart is what [Service] says of p, for a systemd of this version, and what it cannot say.
func restart(p service.RestartPolicy, version int) (s []setting, missing []gap) {
	if p.When == service.RestartNever {
		return []setting{{"Restart", "no"}}, nil
	}
	s = []setting{{"Restart", string(p.When)}, {"RestartSec", span(p.Delay)}}
	switch n := steps(p); {
	case n == 0:
	case version >= versionRestartSteps:
		s = append(s, setting{"RestartSteps", strconv.Itoa(n)}, setting{"RestartMaxDelaySec", span(p.Max)})
	default:
		text := fmt.Sprintf("restart.factor %g: every try waits %s (systemd %d and later can)", p.Factor, p.Delay, versionRestartSteps)
		missing = append(missing, gap{[]string{"restart.factor", "restart.maxDelay"}, text})
	}
	if p.Jitter > 0 {
		missing = append(missing, gap{[]string{"restart.jitter"}, fmt.Sprintf("restart.jitter %g: delays are exact", p.Jitter)})
	}
	if p.Healthy > 0 && p.Healthy != p.Window && p.Limit > 0 {
		text := fmt.Sprintf("restart.resetAfter %s: starts are forgotten after restart.window, %s", p.Healthy, p.Window)
		missing = append(missing, gap{[]string{"restart.resetAfter"}, text})
	}
	return s, missing
}

// steps is how many tries it takes for the delay to grow to its maximum; 0 where it does not grow.
func steps(p service.RestartPolicy) int {
	if p.Factor <= 1 || p.Delay <= 0 || p.Max <= p.Delay {
		return 0
	}
	return max(1, int(math.Round(math.Log(float64(p.Max)/float64(p.Delay))/math.Log(p.Factor))))
}

// notExpressed is the warning about what systemd keeps differently from what the configuration itself says, or "".
func notExpressed(missing []gap, configured []string, version int) string {
	said := unexpressed(missing, configured)
	if said == "" {
		return ""
	}
	return fmt.Sprintf("systemd %d restarts by its own rules and has none for: %s", version, said)
}

// unexpressed lists what of missing the configuration itself says, or is "". That a manager has no jitter, which nobody asked for by name, is in the page about it.
func unexpressed(missing []gap, configured []string) string {
	var said []string
	for _, g := range missing {
		if slices.ContainsFunc(g.keys, func(k string) bool { return slices.Contains(configured, k) }) {
			said = append(said, g.text)
		}
	}
	return strings.Join(said, "; ")
}

// wholeSeconds is d for who counts in nothing smaller, rounded up.
func wholeSeconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
