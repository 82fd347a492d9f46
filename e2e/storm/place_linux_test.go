package storm

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// TestCopiedProject: a copy of a running project is not running, and what is done to it is not done to the original.
func TestCopiedProject(t *testing.T) {
	for _, verb := range []string{"status", "stop", "kill", "restart", "start", "reload"} {
		t.Run(verb, func(t *testing.T) {
			p := newProject(t)
			p.must("start", 0)
			s, now := p.one()
			twin := p.copied()
			twin.none(3)
			want := map[string]int{"status": 3, "reload": 1}[verb]
			twin.must(verb, want)
			if verb == "start" || verb == "restart" {
				other, _ := twin.truthful()
				if !other.Running || other.pid() == s.pid() {
					t.Errorf("the copy, started: %s", other)
				}
				twin.must("stop", 0)
			}
			twin.none(3)
			if again, still := p.one(); again.pid() != s.pid() || !still.equal(now) {
				t.Errorf("the original was %+v and is %+v", now, still)
			}
		})
	}
}

// copied is `cp -a`, with the configuration made to run the copy's own workload.
func (p *project) copied() *project {
	p.t.Helper()
	twin := *p
	twin.dir = p.dir + " (copy)"
	if out, err := exec.CommandContext(p.t.Context(), "cp", "-a", p.dir, twin.dir).CombinedOutput(); err != nil {
		p.t.Fatalf("cp: %v: %s", err, out)
	}
	b, err := os.ReadFile(twin.apex("config.yaml"))
	if err == nil {
		err = os.WriteFile(twin.apex("config.yaml"), bytes.ReplaceAll(b, []byte(p.dir), []byte(twin.dir)), 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(twin.sweep)
	return &twin
}

// TestDeletedDirectory: the daemon is found, and is the only one, when .apex was deleted under it: at once, and after it has made its files again.
func TestDeletedDirectory(t *testing.T) {
	for _, row := range []struct {
		name  string
		after func(p *project) // the deletion
	}{
		{"at once", func(*project) {}},
		{"when the record is back", func(p *project) { p.appears("daemon.pid") }},
		{"twice", func(p *project) {
			p.appears("daemon.pid")
			p.deleted()
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := newProject(t)
			p.must("start", 0)
			s, _ := p.one()
			p.deleted()
			row.after(p)
			if now := p.status(); !now.Running || now.pid() != s.pid() {
				t.Errorf("status: %s, want PID %d", now, s.pid())
			}
			if a := p.must("start", exitRunning); a.PID != s.pid() {
				t.Errorf("start names PID %d, want %d", a.PID, s.pid())
			}
			began := time.Now()
			p.must("stop", 0)
			if took := time.Since(began); took >= service.DefaultStopTimeout {
				t.Errorf("stop took %s: somebody was not asked", took)
			}
			p.none(3)
			if n := p.ledger()["main"]; n != 1 {
				t.Errorf("the workload was started %d times", n)
			}
		})
	}
}

// TestDeletedAfterCrash: what a killed daemon has left running is found although .apex is gone.
func TestDeletedAfterCrash(t *testing.T) {
	for _, verb := range []string{"stop", "kill", "start"} {
		t.Run(verb, func(t *testing.T) {
			p := newProject(t)
			p.must("start", 0)
			s, now := p.one()
			kill(t, s.pid())
			kill(t, now.Workloads[0]) // it ends with its daemon, by itself
			p.deleted()
			p.must(verb, 0) // start runs the built-in server: the configuration is gone too
			if left := p.scan(); slices.Contains(left.Grandchildren, now.Grandchildren[0]) {
				t.Errorf("the grandchild still runs: %+v", left)
			}
		})
	}
}

// deleted deletes .apex, again where the daemon makes a file in it meanwhile.
func (p *project) deleted() {
	p.t.Helper()
	for end := time.Now().Add(patience); ; {
		err := os.RemoveAll(p.apex(""))
		if err == nil {
			return
		}
		if !errors.Is(err, syscall.ENOTEMPTY) || time.Now().After(end) {
			p.t.Fatal(err)
		}
	}
}

// appears waits until a file of .apex is there again.
func (p *project) appears(name string) {
	p.t.Helper()
	for end := time.After(patience); ; {
		if _, err := os.Stat(p.apex(name)); !errors.Is(err, fs.ErrNotExist) {
			return
		}
		select {
		case <-time.After(pause):
		case <-end:
			p.t.Fatalf("%s was not made again", name)
		}
	}
}
