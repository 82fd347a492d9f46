package storm

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCanary: a secret is in no command line, record, log, history, index or answer, through start, crash, restart, reload and failure. It is in the workload's environment,
// and in the file that it comes from.
func TestCanary(t *testing.T) {
	const canary = "canary-5f2c81d7"
	p := newProject(t)
	if err := os.WriteFile(p.apex("daemon.env"), []byte("TOKEN="+canary+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	look := func(when string) {
		t.Helper()
		for _, args := range [][]string{{"status"}, {"config"}, {"logs"}, {"history"}, {"list"}, {"doctor"}} {
			if a := p.run(args[0]); strings.Contains(a.Text, canary) {
				t.Errorf("%s: %s says it: %s", when, args[0], a.Text)
			}
		}
		for _, root := range []string{p.dir, p.home} {
			_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() || path == p.apex("daemon.env") {
					return nil
				}
				if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), canary) {
					t.Errorf("%s: it is in %s", when, path)
				}
				return nil
			})
		}
		lines, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is well-formed
		for _, path := range lines {
			if b, _ := os.ReadFile(path); strings.Contains(string(b), canary) { // gone meanwhile
				t.Errorf("%s: it is in %s: %q", when, path, b)
			}
		}
	}
	p.must("start", 0)
	s, now := p.one()
	for pid, want := range map[int]bool{s.pid(): false, now.Workloads[0]: true} {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil || strings.Contains(string(b), canary) != want {
			t.Errorf("the environment of %q has it: %t, want %t: %v", arguments(pid), !want, want, err)
		}
	}
	look("running")
	w := p.find("workload")
	if err := w.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	for p.ledger()["main"] < 2 {
		select {
		case <-time.After(pause): // of a grandchild no event comes here
		case <-t.Context().Done():
			t.Fatal("it was not restarted")
		}
	}
	for p.status().State != "running" {
		select {
		case <-time.After(pause): // polling: a status is an answer
		case <-t.Context().Done():
			t.Fatal("it does not get ready")
		}
	}
	p.one()
	look("restarted")
	p.must("reload", 0)
	kill(t, s.pid())
	look("killed")
	p.must("stop", 0)
	look("stopped")
	p.configure([]string{"/bin/sh", "-c", "exit 3"})
	p.must("start", 1)
	look("failed")
	p.must("stop", 0)
}
