package storm

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// exitRunning is the documented exit status of a start that meets a running daemon.
const exitRunning = 79

// TestConcurrentStarts: of many starts at once one succeeds, and all the others name it.
func TestConcurrentStarts(t *testing.T) {
	p := newProject(t)
	n := scaled(200, 40)
	answers := make([]answer, n)
	began := time.Now()
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = p.run("start") })
	}
	all.Wait()
	took := time.Since(began)
	s, now := p.one()
	var counts tally
	named := 0
	for _, a := range answers {
		counts.add("start", a)
		if a.PID == s.pid() {
			named++
		}
		if a.Exit != 0 && (a.Exit != exitRunning || a.Code != "ALREADY_RUNNING") {
			t.Errorf("exit status %d: %s", a.Exit, a.Text)
		}
	}
	t.Logf("%d starts at once in %s: %s; %d name PID %d; /proc: %+v; ledger: %v", n, took.Round(time.Millisecond), &counts, named, s.pid(), now, p.ledger())
	if counts.of("start 0") != 1 || named != n {
		t.Errorf("%d starts succeeded, want 1; %d name the daemon's PID, want %d", counts.of("start 0"), named, n)
	}
	if got := p.ledger()["main"]; got != 1 {
		t.Errorf("main() of the workload ran %d times, want once", got)
	}
	p.alone()
}

// tally counts answers. The zero value is ready; it is safe for concurrent use.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *tally) add(verb string, a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[strings.TrimSpace(fmt.Sprintf("%s %d %s", verb, a.Exit, a.Code))]++
}

func (c *tally) of(key string) int { return c.counts[key] }

func (c *tally) String() string {
	var words []string
	for _, k := range slices.Sorted(maps.Keys(c.counts)) {
		words = append(words, fmt.Sprintf("%s: %d", k, c.counts[k]))
	}
	return strings.Join(words, ", ")
}

// honest are the answers that a verb may give while others are at work on the same daemon.
func honest() map[string][]string {
	return map[string][]string{
		"start":   {"0", "79 ALREADY_RUNNING", "1 START_FAILED"}, // it was stopped before it was ready
		"restart": {"0", "79 ALREADY_RUNNING", "1 START_FAILED"}, // somebody else started it in between
		"stop":    {"0"},
		"kill":    {"0"},
		"status":  {"0", "1", "3"},
	}
}

// TestMix has clients do what they like, round after round. Whenever all of them rest, nothing or one whole instance runs, and status says which.
func TestMix(t *testing.T) {
	const clients, verbs = 20, 5
	for _, row := range []struct {
		name   string
		damage func(*project)
	}{
		{"start, stop, restart, kill, status", nil},
		{"the same while the record and the lock are deleted", func(p *project) {
			_ = os.Remove(p.apex("daemon.pid")) // not there is as good
			_ = os.Remove(p.apex("daemon.pid.lock"))
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, r := newProject(t), random(t)
			var counts tally
			rounds, up, began := scaled(8, 2), 0, time.Now()
			for range rounds {
				var all sync.WaitGroup
				for range clients {
					own := rand.New(rand.NewPCG(r.Uint64(), r.Uint64()))
					all.Go(func() { p.client(own, verbs, &counts, row.damage) })
				}
				all.Wait()
				if s, _ := p.truthful(); s.Running {
					up++
				}
				p.alone()
			}
			t.Logf("%d rounds of %d commands in %s: %s; up at %d of the quiet points; ledger: %v",
				rounds, clients*verbs, time.Since(began).Round(time.Millisecond), &counts, up, p.ledger())
			p.must("start", 0, exitRunning)
			p.one()
			p.must("stop", 0)
			p.none(3)
		})
	}
}

// client runs n random verbs, one after another.
func (p *project) client(r *rand.Rand, n int, counts *tally, damage func(*project)) {
	verbs := slices.Sorted(maps.Keys(honest()))
	for range n {
		verb := verbs[r.IntN(len(verbs))]
		if damage != nil && r.IntN(4) == 0 {
			damage(p)
		}
		a := p.run(verb)
		counts.add(verb, a)
		if key := strings.TrimSpace(fmt.Sprintf("%d %s", a.Exit, a.Code)); !slices.Contains(honest()[verb], key) {
			p.t.Errorf("%s: exit status %d: %s", verb, a.Exit, a.Text)
		}
	}
}
