package notify

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestStrip(t *testing.T) {
	in := []string{
		"PATH=/bin", "NOTIFY_SOCKET=/run/x", "WATCHDOG_USEC=1", "WATCHDOG_PID=2", "LISTEN_FDS=1", "LISTEN_PID=2", "LISTEN_PIDFDID=9",
		"LISTEN_FDNAMES=a", "FDSTORE=5", "LISTEN_ADDR=:80", "NOTIFY_SOCKET_DIR=/x", "HOME=/root", "ODD", "NOTIFY_SOCKET=again",
	}
	before := slices.Clone(in)
	want := []string{"PATH=/bin", "LISTEN_ADDR=:80", "NOTIFY_SOCKET_DIR=/x", "HOME=/root", "ODD"}
	if got := Strip(in); !reflect.DeepEqual(got, want) {
		t.Errorf("Strip = %q, want %q", got, want)
	}
	if !reflect.DeepEqual(in, before) {
		t.Errorf("Strip changed its argument: %q", in)
	}
}

func TestWatchdogInterval(t *testing.T) {
	const pid = 42
	tests := []struct {
		name string
		env  []string
		want time.Duration
	}{
		{"none", nil, 0},
		{"for anyone", []string{"WATCHDOG_USEC=30000000"}, 30 * time.Second},
		{"for us", []string{"WATCHDOG_USEC=30000000", "WATCHDOG_PID=42"}, 30 * time.Second},
		{"for another process", []string{"WATCHDOG_USEC=30000000", "WATCHDOG_PID=43"}, 0},
		{"PID is not a number", []string{"WATCHDOG_USEC=30000000", "WATCHDOG_PID=x"}, 0},
		{"the last one counts", []string{"WATCHDOG_USEC=1", "WATCHDOG_USEC=2"}, 2 * time.Microsecond},
		{"empty", []string{"WATCHDOG_USEC="}, 0},
		{"negative", []string{"WATCHDOG_USEC=-5"}, 0},
		{"nonsense", []string{"WATCHDOG_USEC=5s"}, 0},
		{"infinite", []string{"WATCHDOG_USEC=18446744073709551615"}, math.MaxInt64},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := watchdogInterval(tt.env, pid); got != tt.want {
				t.Errorf("watchdogInterval(%q) = %v, want %v", tt.env, got, tt.want)
			}
		})
	}
}

func TestOuterWithoutManager(t *testing.T) {
	var zero Outer
	for name, o := range map[string]Outer{"zero": zero, "empty environment": FromEnv(nil), "empty variable": FromEnv([]string{"NOTIFY_SOCKET="})} {
		calls := map[string]func() error{
			"Ready": func() error { return o.Ready("up") }, "Reloading": o.Reloading, "Stopping": o.Stopping, "Watchdog": o.Watchdog,
			"Status": func() error { return o.Status("x") }, "ExtendTimeout": func() error { return o.ExtendTimeout(1) },
		}
		for call, f := range calls {
			if err := f(); err != nil {
				t.Errorf("%s: %s: %v", name, call, err)
			}
		}
		if o.Enabled() || o.WatchdogInterval() != 0 {
			t.Errorf("%s: enabled %t, watchdog %v", name, o.Enabled(), o.WatchdogInterval())
		}
	}
}
