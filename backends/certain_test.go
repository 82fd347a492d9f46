package backends

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// TestCertain: a lock that somebody holds without a record, as a daemon does that has only just begun, is asked again until it is known whose it is.
func TestCertain(t *testing.T) {
	for _, row := range []struct {
		name string
		verb func(*Direct) error
		want service.Code
	}{
		{"stop", func(d *Direct) error { _, err := d.Stop(context.Background(), service.StopOptions{}); return err }, ""},
		{"reload", func(d *Direct) error { return d.Reload(context.Background()) }, service.CodeNotRunning},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := testenv.TempDir(t)
			ref := pidfile.Ref{Path: filepath.Join(dir, ".apex", "daemon.pid"), Project: dir}
			lock, _, err := ref.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- row.verb(&Direct{Ref: ref}) }()
			select {
			case err := <-done:
				t.Errorf("answered while it was not certain: %v", err)
				done <- nil
			case <-time.After(50 * time.Millisecond): // one that does not ask again has answered by then
			}
			if err := lock.Release(); err != nil {
				t.Fatal(err)
			}
			if err := <-done; service.CodeOf(err) != row.want {
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

// TestCertainFor: only a holder that has long begun is not waited for.
func TestCertainFor(t *testing.T) {
	for _, row := range []struct {
		name   string
		holder int
		want   time.Duration
	}{
		{"nobody is named", 0, certainYoung},
		{"one that is old", 1, certainWait},
		{"this process, which is young", os.Getpid(), certainYoung},
		{"one that is gone", 1 << 30, certainYoung},
	} {
		if p, err := proc.Inspect(row.holder); row.holder == 1 && (err != nil || p.Age < certainYoung) {
			continue // the system does not show it, or has only just booted
		}
		if got := certainFor(pidfile.Finding{Holder: row.holder}); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}
