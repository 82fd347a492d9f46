package storm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// moment is a part of a daemon's life.
type moment struct {
	name    string
	running bool          // the daemon runs when it begins
	verb    string        // what a person does then; "" is nothing
	does    func(process) // what else happens then, to the workload; nil is nothing
	lasts   time.Duration // SIGKILL comes within this
}

// process is a handle that cannot be recycled: os.FindProcess opens a pidfd.
type process struct {
	*os.Process
	t *testing.T
}

func moments() []moment {
	return []moment{
		{name: "start", verb: "start", lasts: 60 * time.Millisecond},
		{name: "stop", running: true, verb: "stop", lasts: 20 * time.Millisecond},
		{name: "restart", running: true, verb: "restart", lasts: 80 * time.Millisecond},
		{name: "reload", running: true, verb: "reload", lasts: 15 * time.Millisecond},
		{name: "kill", running: true, verb: "kill", lasts: 15 * time.Millisecond},
		{name: "crash of the workload", running: true, does: crash, lasts: 40 * time.Millisecond},
		{name: "rotation", running: true, lasts: 100 * time.Millisecond}, // the workload fills a log in less
	}
}

func crash(w process) {
	if err := w.Signal(syscall.SIGUSR1); err != nil && !errors.Is(err, os.ErrProcessDone) {
		w.t.Error(err)
	}
}

// TestKillAtRandomMoments: whenever the daemon or a command is killed, status is true right after, the next start makes one whole instance, and no reader
// ever sees half a record.
func TestKillAtRandomMoments(t *testing.T) {
	p, r := newProject(t, "chatty"), random(t)
	watched := watchRecord(t, p)
	want, hits, began := scaled(100, 12), map[string]int{}, time.Now()
	var counts tally
	killed, again, slowest, revived, hardest := 0, 0, time.Duration(0), time.Duration(0), ""
	for tries := 0; killed < want; tries++ {
		if tries == 4*want {
			t.Fatalf("only %d of %d kills hit anything", killed, tries)
		}
		m := moments()[r.IntN(len(moments()))]
		victim := p.killWithin(m, r, &counts)
		if victim == "" {
			continue // there was none any more, or not yet
		}
		killed++
		hits[victim+" during "+m.name]++
		since := time.Now()
		p.truthful()
		slowest = max(slowest, time.Since(since))
		since = time.Now()
		again += p.revive()
		if took := time.Since(since); took > revived {
			revived, hardest = took, victim+" during "+m.name
		}
		p.alone()
	}
	p.must("stop", 0)
	p.none(3)
	p.unlocked()
	t.Logf("%d kills in %s: %v; status true after at most %s; one instance again after at most %s (%s), %d starts met a daemon that was about to end; commands that were not killed: %s; ledger: %v",
		killed, time.Since(began).Round(time.Millisecond), hits, slowest.Round(time.Millisecond), revived.Round(time.Millisecond), hardest, again, &counts, p.ledger())
	t.Logf("the record was read %d times, %d different ones", watched.stop(), watched.different)
	p.tidy()
}

// killWithin brings the project into m and, at a moment that r chooses, kills the daemon or the command. It returns which, or "" when it was not there.
func (p *project) killWithin(m moment, r *rand.Rand, counts *tally) (victim string) {
	p.t.Helper()
	if m.running {
		p.must("start", 0, exitRunning)
	} else {
		p.must("stop", 0)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	c := p.begin(ctx, m)
	<-time.After(time.Duration(r.Int64N(int64(m.lasts)))) // a random moment is the point, not an event
	if m.verb != "" && r.IntN(2) == 0 {
		if c.cmd.Process.Kill() == nil {
			victim = "command"
		}
	} else if d := p.find("daemon"); d.Process != nil && d.Kill() == nil {
		victim = "daemon"
	}
	if m.verb == "" {
		return victim
	}
	a := answered(c.cmd, c.cmd.Wait(), c.out.Bytes(), c.errs.String())
	if a.Exit < 0 && victim == "command" {
		return victim
	}
	if victim == "command" { // it had ended just before
		victim = ""
	}
	counts.add(m.verb, a)
	p.judge(m.verb, a)
	return victim
}

// revive starts the daemon, and again where the first start met one that was still ending, until one whole instance runs. It returns how often it was again.
func (p *project) revive() (again int) {
	p.t.Helper()
	for end := time.Now().Add(truthWait); ; again++ {
		a := p.must("start", 0, exitRunning)
		s, now := p.truthful()
		if s.State == "running" && len(now.Workloads) == 1 && len(now.Grandchildren) == 1 {
			return again
		}
		if a.Exit == 0 || time.Now().After(end) {
			p.t.Fatalf("start: exit status %d, want one instance\nstatus: %s\n/proc: %+v", a.Exit, s, now)
		}
		<-time.After(pause)
	}
}

// judge fails the test for an answer that no command may give whose daemon was killed beside it.
func (p *project) judge(verb string, a answer) {
	p.t.Helper()
	if a.Exit == 0 {
		return
	}
	allowed := map[string][]string{
		"start":   {"START_FAILED"},
		"restart": {"START_FAILED"},
		"reload":  {"NOT_RUNNING"},
	}
	if !slices.Contains(allowed[verb], a.Code) {
		p.t.Errorf("%s: exit status %d: %s", verb, a.Exit, a.Text)
	}
}

// running is a command under way.
type running struct {
	cmd       *exec.Cmd
	out, errs bytes.Buffer
}

// begin starts what m is the moment of.
func (p *project) begin(ctx context.Context, m moment) *running {
	p.t.Helper()
	if m.does != nil {
		if w := p.find("workload"); w.Process != nil {
			m.does(w)
		}
	}
	if m.verb == "" {
		return nil
	}
	c := &running{cmd: p.command(ctx, m.verb)}
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.errs
	if err := c.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	return c
}

// find opens the first process of a role. It is looked at again after it was opened, so that the handle is that process's.
func (p *project) find(role string) process {
	now := p.scan()
	for _, pid := range map[string][]int{"daemon": now.Daemons, "workload": now.Workloads}[role] {
		h, err := os.FindProcess(pid)
		if err == nil && p.roleOf(pid) == role {
			return process{h, p.t}
		}
	}
	return process{t: p.t}
}

// recordWatch reads a record all the time.
type recordWatch struct {
	cancel    context.CancelFunc
	done      chan struct{}
	reads     int // these two may be read when done is closed
	different int
}

// watchRecord fails the test when what is at the record's path is ever anything but a whole record of this project, or nothing.
func watchRecord(t *testing.T, p *project) *recordWatch {
	ctx, cancel := context.WithCancel(t.Context())
	w := &recordWatch{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		var last []byte
		for tick := time.NewTicker(100 * time.Microsecond); ctx.Err() == nil; <-tick.C {
			b, err := os.ReadFile(p.apex("daemon.pid"))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err == nil {
				err = whole(b, p.dir)
			}
			if err != nil {
				t.Errorf("the record: %v: %q", err, b)
			}
			w.reads++
			if !bytes.Equal(b, last) {
				w.different++
			}
			last = b
		}
	}()
	t.Cleanup(func() { w.stop() })
	return w
}

// stop ends the watch and returns how often it has read a record.
func (w *recordWatch) stop() int {
	w.cancel()
	<-w.done
	return w.reads
}

// whole says what is missing from a record.
func whole(b []byte, project string) error {
	var r struct {
		PID                         int
		StartedAt                   time.Time
		Version, ProjectPath, State string
		Identity                    struct{ StartTime, BootID string }
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return err
	}
	if r.PID <= 0 || r.StartedAt.IsZero() || r.Version == "" || r.ProjectPath != project || r.State == "" || r.Identity.StartTime == "" || r.Identity.BootID == "" {
		return errors.New("a field is missing")
	}
	return nil
}

// unlocked fails the test when the kernel still has the lock for somebody.
func (p *project) unlocked() {
	p.t.Helper()
	f, err := os.Open(p.apex("daemon.pid.lock"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		p.t.Errorf("the lock is stale: %v", err)
	}
}

// tidy fails the test when .apex holds anything that docs/files.md does not name.
func (p *project) tidy() {
	p.t.Helper()
	entries, err := os.ReadDir(p.apex(""))
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range entries {
		known := e.Name() == "config.yaml" || e.Name() == "daemon.history" || e.Name() == "daemon.pid.lock" || strings.HasPrefix(e.Name(), "daemon.log")
		if !known || strings.HasSuffix(e.Name(), ".tmp") {
			fi, _ := e.Info()
			p.t.Errorf("left behind: %s", fmt.Sprint(e.Name(), " ", fi))
		}
	}
}
