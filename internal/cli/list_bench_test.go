package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/proc"
)

// crowd makes a state directory whose index has n daemons, each with a project and a record of its own, all of which have the process pid.
func crowd(t testing.TB, n, pid int) (state string) {
	t.Helper()
	info, err := proc.Inspect(pid)
	if err != nil {
		t.Fatal(err)
	}
	state, projects := t.TempDir(), t.TempDir()
	err = os.Mkdir(filepath.Join(state, "daemons"), 0o700)
	for i := range n {
		project := filepath.Join(projects, fmt.Sprintf("shop-%04d", i))
		record := filepath.Join(project, ".apex", "daemon.pid")
		entry, e1 := json.Marshal(map[string]any{"pidFile": record, "projectPath": project, "name": "daemon", "pid": pid, "identity": info.Identity})
		text, e2 := json.Marshal(map[string]any{
			"pid": pid, "startedAt": time.Now().UTC().Format(time.RFC3339Nano), "version": "1", "projectPath": project, "schema": 1, "name": "daemon", "identity": info.Identity,
			"backend": "direct", "state": "running", "since": time.Now().UTC().Format(time.RFC3339Nano), "ready": true,
			"workload": map[string]any{"pid": pid, "identity": info.Identity, "startedAt": time.Now().UTC().Format(time.RFC3339Nano), "source": "config", "restarts": 0},
			"log":      map[string]any{"kind": "file", "path": filepath.Join(project, ".apex", "daemon.log")},
		})
		err = errors.Join(err, e1, e2, os.MkdirAll(filepath.Dir(record), 0o755), os.WriteFile(record, text, 0o644),
			os.WriteFile(filepath.Join(state, "daemons", fmt.Sprintf("%016x.json", i)), entry, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// BenchmarkList is `apexd list` of 1,000 daemons that run: go test ./internal/cli -run '^$' -bench List
func BenchmarkList(b *testing.B) {
	sleeper := exec.Command("sleep", "600")
	if err := sleeper.Start(); err != nil {
		b.Skipf("no sleep: %v", err)
	}
	b.Cleanup(func() { sleeper.Process.Kill(); sleeper.Wait() })
	state := crowd(b, 1000, sleeper.Process.Pid)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer null.Close()
	a := &app{out: null, err: null}
	r := roster{places: []place{{"", state, true}}}
	for b.Loop() {
		found, missed := r.look(b.Context(), false, true)
		if err := a.printList(found, missed, false); err != nil || len(found) != 1000 {
			b.Fatal(len(found), err)
		}
	}
}
