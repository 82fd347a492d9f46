package servicetest

import (
	"slices"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

func stopCases() []testCase {
	return []testCase{
		{name: "graceful stop", run: gracefulStop},
		{name: "stop of one that ignores the request", run: stopDeaf},
		{name: "stop of a suspended daemon", run: stopSuspended},
		{name: "stop when stopped", run: stopStopped},
		{name: "kill", run: killAtOnce},
		{name: "process tree gone after stop", run: func(c *C) { treeGone(c, c.stop) }},
		{name: "process tree gone after kill", run: func(c *C) { treeGone(c, c.kill) }},
		{name: "stop while it starts", run: stopWhileStarting},
		{name: "two stops at once", run: twoStops},
	}
}

func gracefulStop(c *C) {
	child := c.up(Workload{})
	pid := *c.serving().PID
	if o := c.stop(); o.PID != pid {
		c.Errorf("stop answers PID %d, want %d", o.PID, pid)
	}
	c.nobody(pid, child)
	if s := child.Signals(); c.has(HasRequest) && !slices.Equal(s, []string{"SIGTERM"}) {
		c.Errorf("the workload was sent %q, want SIGTERM once", s)
	}
	if st := c.is(service.StateStopped); st.Wanted && !st.Registered { // one that is enabled starts at the next boot
		c.Errorf("stopped and still wanted")
	}
	c.history("stopping", "exited", "stopped")
}

func stopDeaf(c *C) {
	const grace = 300 * time.Millisecond
	child := c.up(Workload{Script: Script{Deaf: true}, StopTimeout: grace})
	pid := *c.serving().PID
	began := time.Now()
	c.stop()
	if d := time.Since(began); d < grace {
		c.Errorf("it had %s to end, want %s", d, grace)
	}
	c.within(grace+3*time.Second, began, "stop")
	c.nobody(pid, child)
	if s := child.Signals(); c.has(HasRequest) && !slices.Equal(s, []string{"SIGTERM"}) {
		c.Errorf("the workload was sent %q, want SIGTERM once", s)
	}
	c.is(service.StateStopped)
}

// stopSuspended: one that does nothing is said to do nothing, and hears a stop all the same.
func stopSuspended(c *C) {
	suspender := need[Suspender](c, c.s, CanSuspend)
	child := c.up(Workload{})
	pid := *c.serving().PID
	if err := suspender.Suspend(c.Context()); err != nil {
		c.Fatalf("cannot suspend the daemon: %v", err)
	}
	says := func(w string) bool { return strings.Contains(w, "suspended") }
	for st := c.status(); !slices.ContainsFunc(st.Warnings, says); st = c.status() { // polling: nobody but its parent is told that it has stopped
		if err := c.Context().Err(); err != nil {
			c.Fatalf("no warning of it: %s", describe(st))
		}
	}
	began := time.Now()
	c.stop()
	c.within(service.DefaultStopTimeout/2, began, "stop")
	c.nobody(pid, child)
	if s := child.Signals(); !slices.Equal(s, []string{"SIGTERM"}) {
		c.Errorf("the workload was sent %q, want SIGTERM once", s)
	}
	c.is(service.StateStopped)
}

func stopStopped(c *C) {
	if o := c.stop(); o.PID != 0 {
		c.Errorf("stop of what never ran answers PID %d", o.PID)
	}
	c.up(Workload{})
	c.stop()
	if o := c.stop(); o.PID != 0 {
		c.Errorf("the second stop answers PID %d", o.PID)
	}
	c.kill()
	c.is(service.StateStopped)
}

func killAtOnce(c *C) {
	child := c.up(Workload{Script: Script{Deaf: true}, StopTimeout: time.Hour})
	pid := *c.serving().PID
	began := time.Now()
	c.kill()
	c.within(5*time.Second, began, "kill")
	c.nobody(pid, child)
	c.is(service.StateStopped)
}

// treeGone: a grandchild in the group, and one that has left it and has a child of its own, all of them deaf.
func treeGone(c *C, end func() Outcome) {
	c.require(HasTree)
	main := c.up(Workload{StopTimeout: 300 * time.Millisecond, Script: Script{Spawn: []Script{
		{Role: "grandchild", Deaf: true},
		{Role: "stray", Deaf: true, Session: true, Spawn: []Script{{Role: "stray's child", Deaf: true}}},
	}}})
	all := []*Child{main, c.child("grandchild"), c.child("stray"), c.child("stray's child")}
	pid := *c.serving().PID
	end()
	c.nobody(pid, all...)
	c.is(service.StateStopped)
}

func stopWhileStarting(c *C) {
	c.require(HasNotify)
	c.configure(c.s, Workload{Script: Script{Hold: true}, Readiness: service.Readiness{Kind: service.ReadyNotify}})
	wait := background(func() Outcome { return c.s.Start(c.Context()) })
	child := c.child("main")
	c.stop()
	o, err := wait(c.Context())
	if err != nil {
		c.Fatalf("start does not return: %v", err)
	}
	if c.has(HasStartWait) {
		c.refused("start of what was stopped", o, service.CodeStartFailed, exitFailed)
	}
	c.nobody(0, child)
	c.is(service.StateStopped)
}

func twoStops(c *C) {
	child := c.up(Workload{})
	pid := *c.serving().PID
	wait := background(func() Outcome { return c.s.Stop(c.Context(), service.StopOptions{}) })
	c.stop()
	o, err := wait(c.Context())
	if err != nil {
		c.Fatalf("the other stop does not return: %v", err)
	}
	c.ok("the other stop", o)
	c.nobody(pid, child)
	c.is(service.StateStopped)
}
