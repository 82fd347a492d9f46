package storm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	fleetProjects  = 20
	fleetStrangers = 20
	fleetKill      = 25 * time.Millisecond  // between two kills
	strangerLife   = time.Second            // at most
	pidsAgain      = 200 * time.Millisecond // after which PIDs are counted from the beginning again
)

// fleet is many projects with many clients, somebody who kills, and bystanders who get the PIDs of the killed.
type fleet struct {
	t        *testing.T
	projects []*project
	dead     graves
	counts   tally
	killed   tally
	passed   atomic.Int64 // statuses that were judged
	strange  atomic.Int64 // bystanders that lived their life
	reused   atomic.Int64 // of these, with a PID that a killed process had
}

// TestFleet: over many projects at once, with every verb, while daemons, workloads and commands are killed and their PIDs are given to strangers, no workload ever
// meets another, no status says what was not so, stop and start keep their word, and nobody signals a stranger. When all rest, each project is whole or gone.
func TestFleet(t *testing.T) {
	if os.Getenv(insideVariable) == "" && os.Geteuid() == 0 { // who is not root has the PIDs of all
		last := lasting(10*time.Second, 3*time.Second)
		inNamespaces(t, last+10*time.Minute, "-storm.for="+last.String(), fmt.Sprintf("-storm.clients=%d", *stormClients))
		return
	}
	f := &fleet{t: t}
	r := random(t)
	for range fleetProjects {
		f.projects = append(f.projects, newProject(t))
	}
	races := f.watchRaces()
	clients := *stormClients
	if clients == 0 {
		clients = scaled(100, 40)
	}
	last := lasting(10*time.Second, 3*time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), last)
	defer cancel()
	watched := watchRecord(t, f.projects[0])
	began := time.Now()
	var all sync.WaitGroup
	for range clients {
		own := rand.New(rand.NewPCG(r.Uint64(), r.Uint64()))
		all.Go(func() { f.client(ctx, own) })
	}
	for _, work := range []func(context.Context, *rand.Rand){f.killer, f.killer, f.killer, f.watchLedgers, f.recount} {
		own := rand.New(rand.NewPCG(r.Uint64(), r.Uint64()))
		all.Go(func() { work(ctx, own) })
	}
	for range fleetStrangers {
		own := rand.New(rand.NewPCG(r.Uint64(), r.Uint64()))
		all.Go(func() { f.strangers(ctx, own) })
	}
	all.Wait()
	took := time.Since(began)
	f.rest()
	reads := watched.stop()
	t.Logf("%d clients, %d projects, %s: %s", clients, fleetProjects, took.Round(time.Second), &f.counts)
	t.Logf("killed: %s; %d statuses judged; %d strangers lived, %d with a PID of the killed; one record read %d times, %d different",
		&f.killed, f.passed.Load(), f.strange.Load(), f.reused.Load(), reads, watched.different)
	races()
}

// client runs random verbs on random projects until ctx is done, each to its end.
func (f *fleet) client(ctx context.Context, r *rand.Rand) {
	verbs := []string{"start", "start", "restart", "stop", "kill", "reload", "status", "status", "status"}
	for ctx.Err() == nil && !f.t.Failed() {
		p, verb := f.projects[r.IntN(len(f.projects))], verbs[r.IntN(len(verbs))]
		if verb == "status" {
			f.status(p)
			continue
		}
		before := p.holder()
		a := p.run(verb)
		f.counts.add(verb, a)
		f.judge(p, verb, a, before)
	}
}

// status asks and judges.
func (f *fleet) status(p *project) {
	o, a := p.observe()
	f.counts.add("status", a)
	if a.Exit == -1 {
		return // the killer had it
	}
	if o.State == "" {
		f.t.Errorf("status: exit status %d: %s", a.Exit, a.Text)
		return
	}
	if lie := p.lie(o, &f.dead); lie != "" {
		f.t.Errorf("%s\nstatus: %s\nthe lock was held by %+v before and %+v after", lie, a.Text, o.before, o.after)
	}
	f.passed.Add(1)
}

// judge holds a command to what it promises. before held the lock when it began.
func (f *fleet) judge(p *project, verb string, a answer, before ident) {
	allowed := map[string][]string{
		"start":   {"0", "79 ALREADY_RUNNING", "1 START_FAILED"},
		"restart": {"0", "79 ALREADY_RUNNING", "1 START_FAILED"},
		"stop":    {"0"},
		"kill":    {"0"},
		"reload":  {"0", "1 NOT_RUNNING"},
	}
	key := strings.TrimSpace(fmt.Sprintf("%d %s", a.Exit, a.Code))
	if a.Exit != -1 && !slices.Contains(allowed[verb], key) {
		f.t.Errorf("%s: exit status %d: %s", verb, a.Exit, a.Text)
	}
	switch {
	case a.Exit == 0 && (verb == "stop" || verb == "kill") && before != ident{}:
		if identOf(before.PID) == before {
			f.t.Errorf("%s said it is done, and process %d that held the lock before lives", verb, before.PID)
		}
		f.dead.bury(before)
	case a.Exit == 0 && (verb == "start" || verb == "restart") && !p.daemonHad(a.PID):
		f.t.Errorf("%s names PID %d, which never was a daemon with a workload: %s", verb, a.PID, a.Text)
	}
}

// daemonHad reports whether a workload has named pid as its daemon.
func (p *project) daemonHad(pid int) bool {
	b, err := os.ReadFile(filepath.Join(p.dir, "families"))
	return err == nil && strings.Contains(string(b), fmt.Sprintf(" %d\n", pid))
}

// killer kills daemons, workloads and commands at random moments, and knows then that they are gone.
func (f *fleet) killer(ctx context.Context, r *rand.Rand) {
	for f.wait(ctx, time.Duration(r.Int64N(int64(2*fleetKill)))) {
		p := f.projects[r.IntN(len(f.projects))]
		now := p.scan()
		role := []string{"daemon", "workload", "client"}[r.IntN(3)]
		pids := map[string][]int{"daemon": now.Daemons, "workload": now.Workloads, "client": now.Clients}[role]
		if len(pids) == 0 {
			continue
		}
		pid := pids[r.IntN(len(pids))]
		who := identOf(pid)
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue
		}
		if identOf(pid) == who && p.roleOf(pid) == role && unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) == nil {
			f.killed.add(role, answer{})
			if gone(fd) {
				f.dead.bury(who)
			}
		}
		unix.Close(fd)
	}
}

// gone waits until the process of a pidfd has ended.
func gone(fd int) bool {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience.Milliseconds()))
		if !errors.Is(err, unix.EINTR) {
			return n == 1 && err == nil
		}
	}
}

// wait is false when ctx is done before d has passed.
func (f *fleet) wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d): // random moments are the point, not events
		return !f.t.Failed()
	case <-ctx.Done():
		return false
	}
}

// watchLedgers fails the test as soon as a workload has met another, or a stranger was signalled.
func (f *fleet) watchLedgers(ctx context.Context, _ *rand.Rand) {
	for f.wait(ctx, 100*time.Millisecond) {
		for _, p := range f.projects {
			for what, n := range p.ledger() {
				if what != "main" {
					f.t.Errorf("%s: %d times", what, n)
				}
			}
		}
	}
}

// recount has the kernel give the lowest free PIDs again and again (pid_namespaces(7), ns_last_pid), so that those of the killed are soon another's. It does nothing outside of the
// test's own namespace.
func (f *fleet) recount(ctx context.Context, _ *rand.Rand) {
	if os.Getenv(insideVariable) == "" {
		return
	}
	for f.wait(ctx, pidsAgain) {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte("300"), 0); err != nil {
			f.t.Errorf("PIDs cannot be counted again: %v", err)
		}
	}
}

// strangers are processes that live for a moment and that nobody may signal, one after the other.
func (f *fleet) strangers(ctx context.Context, r *rand.Rand) {
	self, err := os.Executable()
	if err != nil {
		f.t.Error(err)
		return
	}
	for f.wait(ctx, 0) {
		p := f.projects[r.IntN(len(f.projects))]
		cmd := exec.Command(self, "stranger", p.dir)
		if err := cmd.Start(); err != nil {
			f.t.Errorf("a stranger: %v", err)
			return
		}
		reused := f.dead.used(cmd.Process.Pid)
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			f.t.Errorf("the stranger %d was ended by somebody: %v", cmd.Process.Pid, err)
			return
		case <-time.After(time.Duration(r.Int64N(int64(strangerLife)))):
		case <-ctx.Done():
		}
		_ = cmd.Process.Kill()
		<-ended
		if ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || ws.Signal() != syscall.SIGKILL {
			f.t.Errorf("the stranger %d has ended as %s", cmd.Process.Pid, cmd.ProcessState)
		}
		f.strange.Add(1)
		if reused {
			f.reused.Add(1)
		}
	}
}

// rest is the end: nobody is at work, and each project is one whole instance or none, and says which; after a stop nothing is left of it.
func (f *fleet) rest() {
	for _, p := range f.projects {
		p.truthful()
		p.alone()
		p.must("start", 0, exitRunning)
		p.one()
		p.must("stop", 0)
		p.none(3)
		p.unlocked()
		p.tidy()
		for _, what := range slices.Sorted(maps.Keys(p.ledger())) {
			if what != "main" {
				f.t.Errorf("%s: %d times", what, p.ledger()[what])
			}
		}
	}
}

// watchRaces has programs that were built with the race detector write what they find into files (go.dev/doc/articles/race_detector, "Options"), which the returned function looks for.
func (f *fleet) watchRaces() (look func()) {
	dir := f.t.TempDir()
	for _, p := range f.projects {
		p.env = append(p.env, "GORACE=atexit_sleep_ms=0 log_path="+filepath.Join(dir, "race"))
	}
	return func() {
		f.t.Helper()
		reports, _ := filepath.Glob(filepath.Join(dir, "race.*")) // the pattern is well formed
		for _, name := range reports {
			b, _ := os.ReadFile(name) // it was there just now
			f.t.Errorf("%s", b)
		}
	}
}
