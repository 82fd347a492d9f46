package service

import (
	"encoding/json"
	"slices"
	"testing"
)

// TestStatusKeys: the JSON object has the same keys whatever is known; null where a fact does not exist.
func TestStatusKeys(t *testing.T) {
	b, err := json.Marshal(Status{Warnings: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"schema", "name", "project", "running", "ready", "wanted", "state", "since", "pid", "startedAt", "uptime", "version", "backend", "scope",
		"service", "registered", "enabled", "native", "statusText", "workload", "restarts", "lastExit", "log", "warnings",
	}
	for _, k := range want {
		if _, ok := m[k]; !ok {
			t.Errorf("no key %q", k)
		}
	}
	for k := range m {
		if !slices.Contains(want, k) {
			t.Errorf("unexpected key %q", k)
		}
	}
	for _, k := range []string{"ready", "pid", "startedAt", "uptime", "lastExit", "native"} {
		if m[k] != nil {
			t.Errorf("%s is %v, want null", k, m[k])
		}
	}
}

func TestExitCode(t *testing.T) {
	tests := []struct {
		name string
		s    Status
		want int
	}{
		{"running", Status{Running: true, State: StateRunning}, 0},
		{"restarting", Status{Running: true, State: StateRestarting}, 0},
		{"restarting, by a manager", Status{State: StateRestarting}, 0},
		{"starting, by a manager", Status{State: StateStarting}, 0},
		{"running, state of the last run unknown", Status{Running: true, State: StateUnknown}, 0},
		{"failed", Status{State: StateFailed}, 1},
		{"stopped", Status{State: StateStopped}, 3},
		{"unknown", Status{State: StateUnknown}, 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.s.ExitCode(); got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}

func TestCheckName(t *testing.T) {
	for _, good := range []string{"daemon", "web", "a", "w-1_x.y", "0"} {
		if err := CheckName(good); err != nil {
			t.Errorf("%q is refused: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "a/b", "../x", "-x", ".x", "a b", "a\n", "ä", "a\x00", "config", "x.", string(make([]byte, 65))} {
		if err := CheckName(bad); CodeOf(err) != CodeConfigInvalid {
			t.Errorf("%q gives %v", bad, err)
		}
	}
}
