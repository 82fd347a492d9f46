package backends

import (
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

var shop = service.Registration{Backend: service.KindSystemd, Scope: service.ScopeSystem, Service: "apex-shop-1a2b3c4d.service"}

// TestMerge has a row for every pair of lock and unit that means something of its own.
func TestMerge(t *testing.T) {
	const main = 42
	enabled, disabled := true, false
	word := func(load, active, sub, file string) unit {
		return unit{LoadState: load, ActiveState: active, SubState: sub, UnitFileState: file, MainPID: main, Result: "success"}
	}
	tests := []struct {
		name    string
		running bool
		pid     int
		state   service.State // of the record
		unit    unit
		want    service.State
		wanted  bool
		native  string
		enabled *bool
		warning string
	}{
		{"running", true, main, "running", word("loaded", "active", "running", "enabled"), "running", true, "active (running)", &enabled, ""},
		{"starting", true, main, "starting", word("loaded", "activating", "start", "disabled"), "starting", true, "activating (start)", &disabled, ""},
		{"about to lock", false, 0, "stopped", word("loaded", "activating", "start", "disabled"), "starting", true, "activating (start)", &disabled, ""},
		{"between two tries", false, 0, "failed", word("loaded", "activating", "auto-restart", "disabled"), "restarting", true, "activating (auto-restart)", &disabled, ""},
		{"between two tries, queued", false, 0, "failed", word("loaded", "activating", "auto-restart-queued", "disabled"), "restarting", true, "activating (auto-restart-queued)", &disabled, ""},
		{"stopping", true, main, "running", word("loaded", "deactivating", "stop-sigterm", "enabled"), "stopping", true, "deactivating (stop-sigterm)", &enabled, ""},
		{"stopping, lock released", false, 0, "stopped", word("loaded", "deactivating", "final-sigterm", "enabled"), "stopping", true, "deactivating (final-sigterm)", &enabled, ""},
		{"reloading", true, main, "running", word("loaded", "reloading", "reload-notify", "enabled"), "reloading", true, "reloading (reload-notify)", &enabled, ""},
		{"stopped", false, 0, "stopped", word("loaded", "inactive", "dead", "disabled"), "stopped", false, "inactive (dead)", &disabled, ""},
		{"stopped by hand, will be back after a boot", false, 0, "stopped", word("loaded", "inactive", "dead", "enabled"), "stopped", true, "inactive (dead)", &enabled, ""},
		{"failed", false, 0, "failed", unit{LoadState: "loaded", ActiveState: "failed", SubState: "failed", Result: "exit-code", UnitFileState: "static"}, "failed", true, "failed (failed), exit-code", nil, ""},
		{"killed, no word left", false, 0, "stopped", unit{LoadState: "loaded", ActiveState: "failed", SubState: "failed", Result: "signal", ExitStatus: 9}, "failed", true, "failed (failed), signal", nil, ""},
		{"start limit", false, 0, "failed", unit{LoadState: "loaded", ActiveState: "failed", SubState: "failed", Result: "start-limit-hit"}, "failed", true, "failed (failed), start-limit-hit", nil, ""},
		{"gave up", false, 0, "failed", unit{LoadState: "loaded", ActiveState: "failed", SubState: "failed", Result: "exit-code", ExitStatus: 7, Restart: "on-failure", Restarts: 3}, "failed", true, "failed (failed), exit-code", nil, ""},
		{"masked", false, 0, "stopped", word("masked", "inactive", "dead", "masked"), "stopped", false, "inactive (dead), masked", &disabled, "is masked"},
		{"masked while it runs", true, main, "running", word("masked", "active", "running", "masked"), "running", true, "active (running), masked", &disabled, "is masked"},
		{"not found", false, 0, "stopped", word("not-found", "inactive", "dead", ""), "stopped", false, "inactive (dead), not-found", nil, ""},
		{"bad setting", false, 0, "stopped", word("bad-setting", "inactive", "dead", ""), "stopped", false, "inactive (dead), bad-setting", nil, "cannot be loaded"},
		{"active without the lock", false, 0, "stopped", word("loaded", "active", "running", "enabled"), "unknown", true, "active (running)", &enabled, "does not hold the daemon's lock"},
		{"runs outside", true, 7, "running", unit{LoadState: "loaded", ActiveState: "inactive", SubState: "dead", UnitFileState: "enabled"}, "running", true, "inactive (dead)", &enabled, "runs outside of it"},
		{"edited by hand", true, main, "running", unit{LoadState: "loaded", ActiveState: "active", SubState: "running", MainPID: main, NeedsReload: true}, "running", true, "active (running)", nil, "daemon-reload"},
		{"linked", false, 0, "stopped", word("loaded", "inactive", "dead", "linked"), "stopped", false, "inactive (dead)", &disabled, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := service.Status{Running: tt.running, State: tt.state, Backend: "systemd", Warnings: []string{}}
			if tt.pid != 0 {
				s.PID = &tt.pid
			}
			if tt.pid != main {
				s.Backend = "direct"
			}
			tt.unit.merge(&s, shop)
			if s.State != tt.want || s.Wanted != tt.wanted || s.Native == nil || *s.Native != tt.native {
				t.Errorf("state %s, wanted %t, native %q; want %s, %t, %q", s.State, s.Wanted, *s.Native, tt.want, tt.wanted, tt.native)
			}
			if (s.Enabled == nil) != (tt.enabled == nil) || s.Enabled != nil && *s.Enabled != *tt.enabled {
				t.Errorf("enabled %v, want %v", s.Enabled, tt.enabled)
			}
			if got := strings.Join(s.Warnings, "\n"); (got == "") != (tt.warning == "") || !strings.Contains(got, tt.warning) {
				t.Errorf("warnings %q, want %q", got, tt.warning)
			}
			if s.Running != tt.running {
				t.Error("the manager has changed who runs")
			}
			if s.Registered != (tt.unit.LoadState != "not-found") {
				t.Errorf("registered %t", s.Registered)
			}
			if (s.State == service.StateFailed || s.State == service.StateUnknown) && s.StatusText == nil {
				t.Error("no reason")
			}
		})
	}
}

// TestGaveUp: the start that hit the limit was counted as a restart.
func TestGaveUp(t *testing.T) {
	u := unit{LoadState: "loaded", ActiveState: "failed", SubState: "failed", Result: "exit-code", ExitStatus: 7, Restart: "on-failure", Restarts: 3}
	for _, tt := range []struct {
		name, words, want string
		restarts, status  int
	}{
		{"with the daemon's words", "the workload exited with status 7", "gave up after 2 restarts; the workload exited with status 7", 2, 7},
		{"without", "", "gave up after 2 restarts; the daemon exited with status 7", 2, 7},
		{"a status that is not restarted", "", "the daemon exited with status 78", 3, 78},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := service.Status{State: service.StateFailed}
			if tt.words != "" {
				s.StatusText = &tt.words
			}
			u.ExitStatus = tt.status
			u.merge(&s, shop)
			if *s.StatusText != tt.want || s.Restarts != tt.restarts {
				t.Errorf("%q, %d restarts; want %q, %d", *s.StatusText, s.Restarts, tt.want, tt.restarts)
			}
		})
	}
}

func TestWhy(t *testing.T) {
	for _, result := range []string{
		"exit-code", "signal", "core-dump", "timeout", "watchdog", "start-limit-hit", "oom-kill", "exec-condition", "protocol", "resources", "success", "", "made-up",
	} {
		if why := (unit{Result: result, ExitStatus: 3, Restarts: 4}).why(); why == "" {
			t.Errorf("%q has no words", result)
		}
	}
	if got := (unit{Result: "exit-code", ExitStatus: 3}).why(); got != "the daemon exited with status 3" {
		t.Errorf("got %q", got)
	}
}

func TestUnitSockets(t *testing.T) {
	u := unit{TriggeredBy: []string{"a-http.socket", "a-daily.timer", "mine.socket"}}
	if got := u.sockets("a.service"); len(got) != 1 || got[0] != "a-http.socket" {
		t.Errorf("sockets %q", got)
	}
}

func TestUnitFiles(t *testing.T) {
	got := unitFiles("x.service", []person{{1000, "/home/a", "/home/a/.config"}, {0, "/root", "/root/.config"}})
	want := []unitFile{
		{"/etc/systemd/system/x.service", service.ScopeSystem, 0},
		{"/run/systemd/system/x.service", service.ScopeSystem, 0},
		{"/usr/lib/systemd/system/x.service", service.ScopeSystem, 0},
		{"/home/a/.config/systemd/user/x.service", service.ScopeUser, 1000},
		{"/root/.config/systemd/user/x.service", service.ScopeUser, 0},
	}
	for i := range want {
		if len(got) != len(want) || got[i].scope != want[i].scope || got[i].uid != want[i].uid || strings.ReplaceAll(got[i].path, `\`, "/") != want[i].path {
			t.Fatalf("got %v", got)
		}
	}
}
