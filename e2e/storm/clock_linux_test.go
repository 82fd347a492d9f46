package storm

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/gate"
)

// TestTimeNamespaces: on a machine that has been up for longer, that has been suspended (CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC then, clock_getres(2)) or that has only just booted, uptime is
// the daemon's, and who looks from where the clocks say something else is not lied to.
func TestTimeNamespaces(t *testing.T) {
	if os.Geteuid() != 0 {
		gate.Skip(t, "needs root, for a time namespace")
	}
	up := bootTime(t)
	for _, row := range []struct{ name, boottime, monotonic string }{
		{"up for a year", "31536000", "31536000"},
		{"suspended for a day", "86400", "0"},
		{"just booted", seconds(10*time.Second - up), seconds(10*time.Second - up)},
	} {
		t.Run(row.name, func(t *testing.T) {
			unshare := []string{"unshare", "--time", "--fork", "--boottime", row.boottime, "--monotonic", row.monotonic}
			if out, err := exec.Command(unshare[0], append(unshare[1:], "true")...).CombinedOutput(); err != nil {
				gate.Skip(t, "no time namespaces here: "+string(out))
			}
			outside := newProject(t)
			p := *outside
			p.within = unshare
			began := time.Now()
			a := p.must("start", 0)
			s := p.status()
			age := time.Since(began) + startedSlack
			if !s.Running || s.State != "running" || s.pid() != a.PID || s.Uptime < 0 || s.Uptime > age.Milliseconds() || s.StartedAt.Sub(began).Abs() > age {
				t.Errorf("%s, %d ms up, since %s, want at most %s", s, s.Uptime, s.StartedAt, age)
			}
			if o := outside.status(); !o.Running || o.Exit != 0 || o.pid() != 0 && o.pid() != a.PID {
				t.Errorf("seen from outside: %s", o)
			}
			outside.must("start", exitRunning)
			p.must("restart", 0)
			p.one()
			p.must("stop", 0)
			p.none(3)
			outside.none(3)
			outside.unlocked()
		})
	}
}

// bootTime is how long this machine has been up.
func bootTime(t *testing.T) time.Duration {
	t.Helper()
	b, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(b), " ")
	d, err := time.ParseDuration(text + "s")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// seconds is d in whole seconds.
func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// TestLocalTimes: the times that people give and get are in their zone, also where an hour is missing or comes twice; what is stored and printed for programs is in UTC.
func TestLocalTimes(t *testing.T) {
	p := newProject(t)
	p.env = append(p.env, "TZ=Europe/Berlin")
	p.must("start", 0)
	next := time.Now().AddDate(1, 0, 0).Format(time.DateTime)
	for _, since := range []string{"2024-03-31 02:30", "2024-10-27 02:30", "2024-10-27T02:30:00", "1970-01-01", next} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		cmd := p.logs(ctx, []string{"--since", since})
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		cancel()
		if err != nil || (since != next) != strings.Contains(string(out), "ready") {
			t.Errorf("--since %q: %v, %d bytes: %s", since, err, len(out), errs.Bytes())
		}
	}
	a := p.run("status")
	if s := parsed(a); s.StartedAt == nil || !strings.Contains(a.Text, `Z","uptime"`) {
		t.Errorf("startedAt is not in UTC: %s", a.Text)
	}
	p.must("stop", 0)
}
