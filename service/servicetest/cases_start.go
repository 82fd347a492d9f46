package servicetest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

func startCases() []testCase {
	return []testCase{
		{name: "first start", run: firstStart},
		{name: "double start", run: doubleStart},
		{name: "50 starts at once", run: manyStarts, alone: true},
		{name: "start of a workload that dies at once", run: startDies},
		{name: "start of a workload that never gets ready", run: startNeverReady},
		{name: "start of a workload that is missing", run: startMissing},
		{name: "start of a workload that is not executable", run: startNotExecutable},
		{name: "start is interrupted", run: startInterrupted},
		{name: "configuration error", run: configError},
	}
}

func firstStart(c *C) {
	before := c.is(service.StateStopped)
	if before.Wanted && !before.Registered || before.Project != c.s.Project() {
		c.Errorf("never started: %+v", before)
	}
	c.configure(c.s, Workload{})
	began := time.Now()
	o := c.ok("start", c.s.Start(c.Context()))
	child := c.child("main")
	st := c.serving()
	if o.PID != *st.PID || c.s.Process(o.PID) != Alive {
		c.Errorf("start answers PID %d, status %d", o.PID, *st.PID)
	}
	if st.Workload == nil || st.Workload.PID != child.PID {
		c.Errorf("the workload is %+v, want PID %d", st.Workload, child.PID)
	}
	_, registered := c.s.(Fixed)
	if st.Restarts != 0 || st.LastExit != nil || st.Name != service.DefaultName || st.Project != c.s.Project() || st.Registered != (registered || c.has(CanInstall)) {
		c.Errorf("%+v", st)
	}
	const coarse = 2 * time.Second // start times come in clock ticks, counted from a boot that is known to the second on some systems
	if st.StartedAt == nil || st.StartedAt.Before(began.Add(-coarse)) || st.StartedAt.After(time.Now().Add(coarse)) {
		c.Errorf("startedAt is %v, began at %s", st.StartedAt, began)
	}
	if st.Uptime == nil || time.Duration(*st.Uptime)*time.Millisecond > time.Since(began)+coarse {
		c.Errorf("uptime is %v ms", st.Uptime)
	}
	c.stop()
}

func doubleStart(c *C) {
	child := c.up(Workload{})
	pid := *c.serving().PID
	e := c.refused("second start", c.s.Start(c.Context()), service.CodeAlreadyRunning, exitAlreadyRunning)
	if e.PID != pid {
		c.Errorf("ALREADY_RUNNING names PID %d, want %d", e.PID, pid)
	}
	c.alive(child)
	if st := c.serving(); *st.PID != pid || st.Restarts != 0 || c.hub.count("main") != 1 {
		c.Errorf("the first one was disturbed: PID %d, %d restarts, %d workloads", *st.PID, st.Restarts, c.hub.count("main"))
	}
	c.stop()
	c.nobody(pid, child)
}

func manyStarts(c *C) {
	c.require(HasManyStarts)
	const n = 50
	c.configure(c.s, Workload{})
	outcomes := make(chan Outcome, n) // none of them waits for the loop below
	for range n {
		go func() { outcomes <- c.s.Start(c.Context()) }()
	}
	won := 0
	var others []*service.Error
	for range n {
		o := <-outcomes
		if o.Err == nil && (o.Exit == NoExit || o.Exit == exitDone) {
			won++
			continue
		}
		others = append(others, c.refused("one of 50 starts", o, service.CodeAlreadyRunning, exitAlreadyRunning))
	}
	pid := *c.serving().PID
	c.child("main") // its greeting may still be under way
	for _, e := range others {
		if e.PID != pid {
			c.Errorf("ALREADY_RUNNING names PID %d, want %d: %v", e.PID, pid, e)
		}
	}
	if won != 1 || c.hub.count("main") != 1 {
		c.Errorf("%d starts of %d succeeded, %d workloads ran", won, n, c.hub.count("main"))
	}
	c.stop()
}

// fails checks the outcome of a start whose workload ended with exit.
func (c *C) fails(o Outcome, exit service.Exit) {
	c.Helper()
	if !c.has(HasStartWait) {
		want := exit.Code
		if o.Exit != want {
			c.Fatalf("the daemon ends with status %d, want the workload's, %d\n%s", o.Exit, want, o.Text)
		}
		return
	}
	e := c.refused("start", o, service.CodeStartFailed, exitFailed)
	if e.Exit == nil || e.Exit.Code != exit.Code || e.Exit.Signal != exit.Signal {
		c.Errorf("the error says that the workload ended by %+v, want %+v", e.Exit, exit)
	}
}

// nothingLeft checks what a failed start leaves.
func (c *C) nothingLeft() {
	c.Helper()
	st := c.statusOf(c.s)
	if st.Running || st.State != service.StateFailed && st.State != service.StateStopped {
		c.Errorf("after a failed start: %s", describe(st))
	}
	for _, child := range c.hub.living() {
		c.nobody(0, child)
	}
	c.ok("stop", c.s.Stop(c.Context(), service.StopOptions{}))
	c.is(service.StateStopped)
}

func startDies(c *C) {
	three := 3
	c.configure(c.s, Workload{Script: Script{Output: []string{"first words", "last words"}, Exit: &three}, Restart: never(), Readiness: service.Readiness{Kind: service.ReadyStarted, Settle: time.Minute}})
	wait := background(func() Outcome { return c.s.Start(c.Context()) })
	child := c.child("main")
	c.gone(child)
	died := time.Now()
	o, err := wait(c.Context())
	if err != nil {
		c.Fatalf("start: %v", err)
	}
	c.within(2*time.Second, died, "start, after its workload's death,")
	c.fails(o, service.Exit{Code: three})
	if c.has(HasStartWait) && !strings.HasSuffix(strings.Join(o.Err.Log, "\n"), "last words") && !strings.Contains(strings.Join(o.Err.Log, "\n"), "first words\nlast words") {
		c.Errorf("the error does not show the last lines of output: %q", o.Err.Log)
	}
	if st := c.is(service.StateFailed); st.LastExit == nil || st.LastExit.Code != three {
		c.Errorf("status says lastExit %+v, want status %d", st.LastExit, three)
	}
	c.nothingLeft()
}

func startNeverReady(c *C) {
	c.require(HasNotify)
	c.configure(c.s, Workload{
		Script: Script{Hold: true}, Restart: never(),
		Readiness: service.Readiness{Kind: service.ReadyNotify, Timeout: 300 * time.Millisecond},
	})
	o := c.s.Start(c.Context())
	child := c.child("main")
	if c.has(HasStartWait) {
		if e := c.refused("start", o, service.CodeStartFailed, exitFailed); !strings.Contains(e.Error(), "ready") {
			c.Errorf("the error does not say that it did not get ready: %v", e)
		}
	} else if o.Exit == exitDone {
		c.Errorf("a daemon that never got ready ends with status 0")
	}
	c.nobody(0, child)
	if st := c.is(service.StateFailed); st.StatusText == nil || !strings.Contains(*st.StatusText, "ready") {
		c.Errorf("status does not say why: %s", describe(st))
	}
	c.nothingLeft()
}

func startMissing(c *C) {
	c.configure(c.s, Workload{Command: []string{filepath.Join(c.s.Project(), "no such program")}, Restart: never()})
	e := c.refused("start", c.s.Start(c.Context()), service.CodeStartFailed, exitFailed)
	if !strings.Contains(e.Error(), "no such program") || e.Hint == "" {
		c.Errorf("the error names no program, or no remedy: %v; hint: %q", e, e.Hint)
	}
	c.nothingLeft()
}

func startNotExecutable(c *C) {
	c.require(HasExecutable)
	path := filepath.Join(c.s.Project(), "readme.txt")
	if err := os.WriteFile(path, []byte("not a program\n"), 0o644); err != nil {
		c.Fatalf("%v", err)
	}
	c.configure(c.s, Workload{Command: []string{path}, Restart: never()})
	e := c.refused("start", c.s.Start(c.Context()), service.CodeStartFailed, exitFailed)
	if !strings.Contains(e.Error(), "readme.txt") || e.Hint == "" {
		c.Errorf("the error names no program, or no remedy: %v; hint: %q", e, e.Hint)
	}
	c.nothingLeft()
}

// startInterrupted: whoever asked for the start takes it back.
func startInterrupted(c *C) {
	c.require(HasNotify)
	c.configure(c.s, Workload{Script: Script{Hold: true}, Readiness: service.Readiness{Kind: service.ReadyNotify}})
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	wait := background(func() Outcome { return c.s.Start(ctx) })
	child := c.child("main")
	cancel()
	if _, err := wait(c.Context()); err != nil {
		c.Fatalf("start does not return: %v", err)
	}
	c.nobody(0, child)
	c.is(service.StateStopped)
}

func configError(c *C) {
	c.require(HasConfigFile)
	c.configure(c.s, Workload{Raw: "daemon:\n  command: [x]\n  stopTimeoout: 10s\n"})
	e := c.refused("start", c.s.Start(c.Context()), service.CodeConfigInvalid, exitConfig)
	if !strings.Contains(e.Error(), "config.yaml:3") || !strings.Contains(e.Error()+e.Hint, "stopTimeout") {
		c.Errorf("the error does not name file, line and remedy: %v; hint: %q", e, e.Hint)
	}
	c.is(service.StateStopped)
	c.stop()
}
