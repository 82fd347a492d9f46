package storm

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const readers = 50

// settled is what status has to say while nothing changes. Its zero value is: anything that can be.
type settled struct {
	exit int
	pid  int
}

// TestReaders: fifty that ask without a pause make no start and no stop fail, and none of them hears of a state that was not.
func TestReaders(t *testing.T) {
	p := newProject(t)
	var (
		now   atomic.Pointer[settled] // nil while something changes
		asked atomic.Int64
		exact atomic.Int64
		end   atomic.Bool
		all   sync.WaitGroup
	)
	now.Store(&settled{exit: 3})
	for range readers {
		all.Go(func() {
			for !end.Load() {
				before := now.Load()
				a := p.run("status")
				s := parsed(a)
				asked.Add(1)
				if before != nil && before == now.Load() {
					exact.Add(1)
					if s.Exit != before.exit || s.pid() != before.pid || before.pid != 0 && s.State != "running" || before.pid == 0 && s.State != "stopped" {
						t.Errorf("nothing changed, want exit status %d and PID %d: %s", before.exit, before.pid, a.Text)
					}
				}
				if !possible(s) {
					t.Errorf("there was no such state: exit status %d: %s", a.Exit, a.Text)
				}
			}
		})
	}
	began, starts := time.Now(), 0
	for last := lasting(5*time.Second, 2*time.Second); time.Since(began) < last && !t.Failed(); starts++ {
		now.Store(nil)
		up := p.must("start", 0)
		now.Store(&settled{pid: up.PID})
		p.quiet()
		now.Store(nil)
		p.must("stop", 0)
		now.Store(&settled{exit: 3})
		p.quiet()
	}
	end.Store(true)
	all.Wait()
	p.none(3)
	t.Logf("%d readers asked %d times in %s, %d of them while nothing changed; %d starts and stops", readers, asked.Load(), time.Since(began).Round(time.Millisecond), exact.Load(), starts)
	if exact.Load() == 0 {
		t.Error("no status was asked for while nothing changed")
	}
}

// quiet lets readers ask while nothing changes: one status of our own, behind theirs.
func (p *project) quiet() { p.run("status") }

// possible reports whether a start and a stop by one person go through s.
func possible(s status) bool {
	switch s.State {
	case "starting", "running", "stopping":
		return s.Running && s.Exit == 0
	case "stopped":
		return !s.Running && s.Exit == 3
	}
	return false
}
