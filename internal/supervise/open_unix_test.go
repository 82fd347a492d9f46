//go:build unix

package supervise

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// TestLogCannotBeOpened: a start that gets no further leaves nothing, and what tells of an earlier failure stays.
func TestLogCannotBeOpened(t *testing.T) {
	dir := t.TempDir()
	ref := pidfile.Ref{Path: filepath.Join(dir, "daemon.pid"), Project: dir}
	start := func(log string) error {
		return Run(t.Context(), Options{
			Ref: ref,
			Spec: service.Spec{
				Project: dir, Name: "daemon", Dir: dir, StopSignal: "SIGTERM", StopTimeout: time.Second, Command: []string{"/bin/sh", "-c", "exit 3"},
				Readiness: service.Readiness{Kind: service.ReadyStarted, Settle: time.Minute}, Restart: service.RestartPolicy{When: service.RestartNever},
				Log: service.LogPolicy{Path: log, MaxSize: 1 << 20, MaxFiles: 1},
			},
			NewLogger:      func(Log, service.LogPolicy) Logger { return silent{} },
			FirstMustStart: true,
		})
	}
	if err := start(dir); service.CodeOf(err) != service.CodeStartFailed {
		t.Errorf("a log that is a directory: %v", err)
	}
	if _, err := os.Stat(ref.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the record of a daemon that never was: %v", err)
	}
	if err := start(filepath.Join(dir, "daemon.log")); service.CodeOf(err) != service.CodeStartFailed {
		t.Fatalf("a workload that fails: %v", err)
	}
	if err := start(dir); service.CodeOf(err) != service.CodeStartFailed {
		t.Errorf("a log that is a directory: %v", err)
	}
	if f := ref.Look(); f.State != service.StateFailed || f.Record == nil || f.Record.Workload.LastExit == nil || f.Record.Workload.LastExit.Code != 3 {
		t.Errorf("what the first failure has left: %+v, record %+v", f, f.Record)
	}
}
