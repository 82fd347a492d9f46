//go:build unix

package backends

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// TestChanges: a record that comes, in a directory that is not there yet, one that is removed, and the end of a process that leaves its record are all told.
func TestChanges(t *testing.T) {
	ref := pidfile.Ref{Project: testenv.TempDir(t), StateDir: t.TempDir()}
	ref.Path = filepath.Join(ref.Project, ".apex", "daemon.pid")
	ctx, cancel := context.WithCancel(t.Context())
	changed, wait := Changes(ctx, ref)
	defer wait()
	defer cancel()
	until := func(what string, want service.State) {
		t.Helper()
		for {
			if s := ref.Look().Status(ref, "daemon"); s.State == want {
				return
			}
			select {
			case <-changed:
			case <-t.Context().Done():
				t.Fatal(what)
			}
		}
	}
	for range 2 {
		cmd := exec.Command("sleep", "600")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		info, err := proc.Inspect(cmd.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		record := pidfile.Record{PID: info.PID, Identity: info.Identity, ProjectPath: ref.Project, Schema: pidfile.Schema, State: service.StateRunning}
		b, err := record.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(ref.Path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(ref.Path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		until("the record has come", service.StateRunning)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
		until("the process has ended", service.StateFailed)
		if err := os.RemoveAll(filepath.Dir(ref.Path)); err != nil {
			t.Fatal(err)
		}
		until("the directory is gone", service.StateStopped)
	}
}
