package supervise

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

func TestFinal(t *testing.T) {
	for _, row := range []struct {
		name   string
		again  bool
		policy service.RestartWhen
		record string // what the last daemon has left
		want   bool
	}{
		{"a first start", false, service.RestartNever, "", false},
		{"never", true, service.RestartNever, "", true},
		{"never, and it was killed", true, service.RestartNever, `{"pid": 1, "schema": 1}`, true},
		{"on failure, and it ended well", true, service.RestartOnFailure, "", true},
		{"on failure, and it failed", true, service.RestartOnFailure, `{"pid": 1, "schema": 1}`, false},
		{"always", true, service.RestartAlways, "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "daemon.pid")
			if row.record != "" {
				if err := os.WriteFile(path, []byte(row.record), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			o := Options{Again: row.again, Keeper: service.Registration{Backend: service.KindOpenRC}, Ref: pidfile.Ref{Project: dir, Path: path}, Spec: service.Spec{Restart: service.RestartPolicy{When: row.policy}}}
			if got := o.final(); got != row.want {
				t.Errorf("%t", got)
			}
		})
	}
}

// TestIdle: what stays in the place of a daemon leaves its lock to others, reloads nothing, and ends when it is asked to. In a service that is being stopped it ends also
// when it has missed that.
func TestIdle(t *testing.T) {
	never := service.Spec{Restart: service.RestartPolicy{When: service.RestartNever}}
	for name, o := range map[string]Options{
		"its end was final":         {Again: true, Spec: never},
		"stopping":                  {Unwanted: true},
		"stopping, and nobody asks": {Unwanted: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			requests := make(chan Request, 2)
			requests <- Request{RequestReload, "test"}
			if name != "stopping, and nobody asks" {
				requests <- Request{RequestStop, "test"}
			}
			o.Keeper, o.Ref, o.Signals = service.Registration{Backend: service.KindOpenRC}, pidfile.Ref{Project: dir, Path: filepath.Join(dir, "daemon.pid")}, requests
			if err := Run(t.Context(), o); err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 || len(requests) > 0 {
				t.Errorf("left %v, %v; %d requests", left, err, len(requests))
			}
		})
	}
}
