package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/service"
)

// TestUptimeLine: what events tell, and no more.
func TestUptimeLine(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	ev := func(minutesAgo int, what string) history.Event {
		return history.Event{At: now.Add(-time.Duration(minutesAgo) * time.Minute), Event: what}
	}
	for _, tt := range []struct {
		name    string
		events  []history.Event
		running bool
		want    string
	}{
		{"nothing", nil, false, ""},
		{"always", []history.Event{ev(60, "started")}, true, "up 100.0% of the last hour, as far as is known  |" + strings.Repeat("#", 48) + "|"},
		{"half, then stopped", []history.Event{ev(60, "started"), ev(30, "exited"), ev(30, "stopped")}, false, "up 50.0% of the last hour, as far as is known  |" + strings.Repeat("#", 24) + strings.Repeat(".", 24) + "|"},
		{"since half an hour", []history.Event{ev(30, "started")}, true, "up 100.0% of the last hour, as far as is known  |" + strings.Repeat(" ", 24) + strings.Repeat("#", 24) + "|"},
		{"killed, and nobody knows when", []history.Event{ev(60, "started"), ev(45, "exited"), ev(30, "started"), ev(15, "started")}, true, "up 66.7% of the last hour, as far as is known  |" + strings.Repeat("#", 12) + strings.Repeat(".", 12) + strings.Repeat("?", 12) + strings.Repeat("#", 12) + "|"},
		{"killed at last", []history.Event{ev(60, "started"), ev(45, "exited"), ev(30, "started")}, false, "up 50.0% of the last hour, as far as is known  |" + strings.Repeat("#", 12) + strings.Repeat(".", 12) + strings.Repeat("?", 24) + "|"},
		{"longer than the window", []history.Event{ev(100*24*60, "started")}, true, "up 100.0% of the last 30 days, as far as is known  |" + strings.Repeat("#", 48) + "|"},
	} {
		if got := uptimeLine(tt.events, now, tt.running, false); got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, tt.want)
		}
	}
	if got := uptimeLine([]history.Event{ev(60, "started")}, now, true, true); !strings.HasSuffix(got, "|"+strings.Repeat("█", 48)+"|") {
		t.Errorf("in Unicode: %s", got)
	}
}

// TestDetails: what the reason says already is not said twice.
func TestDetails(t *testing.T) {
	bad := &service.Exit{Code: 3}
	for _, row := range []struct {
		e    history.Event
		want string
	}{
		{history.Event{By: "alice"}, "by alice"},
		{history.Event{Exit: bad}, "exited with status 3"},
		{history.Event{Exit: bad, Reason: "it was too slow"}, "exited with status 3, it was too slow"},
		{history.Event{Exit: bad, Reason: "gave up after 3 restarts within 1m0s; the workload last exited with status 3"}, "gave up after 3 restarts within 1m0s; the workload last exited with status 3"},
	} {
		if got := details(row.e); got != row.want {
			t.Errorf("%q, want %q", got, row.want)
		}
	}
}
