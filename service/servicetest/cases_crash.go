package servicetest

import (
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

func crashCases() []testCase {
	return []testCase{
		{name: "workload crash and restart", run: crashRestart},
		{name: "workload that ends well", run: endsWell},
		{name: "workload that fails and is not to be restarted", run: failsOnce},
		{name: "crash loop to failed", run: crashLoop},
		{name: "what a crashed workload leaves is ended", run: crashLeaves},
		{name: "SIGKILL of the daemon", run: daemonKilled},
		{name: "SIGKILL of the daemon, then start", run: func(c *C) { daemonKilledTree(c, true) }},
		{name: "SIGKILL of the daemon, then stop", run: func(c *C) { daemonKilledTree(c, false) }},
	}
}

func crashRestart(c *C) {
	c.require(HasRecovery)
	first := c.up(Workload{Restart: quick(10)})
	pid := *c.serving().PID
	first.Order(Order{Do: "exit", Code: 5})
	c.gone(first)
	second := c.child("main")
	again := func(n int) func(service.Status) bool {
		return func(s service.Status) bool { return c.restarted(s, n) }
	}
	st := c.await("it runs again", again(1))
	c.sameDaemon(pid, st)
	if st.Workload == nil || st.Workload.PID != second.PID {
		c.Errorf("the workload is %+v, want %d", st.Workload, second.PID)
	}
	if st.LastExit == nil || st.LastExit.Code != 5 || st.LastExit.Signal != "" {
		c.Errorf("lastExit is %+v, want status 5", st.LastExit)
	}
	second.Order(Order{Do: "die"})
	c.gone(second)
	third := c.child("main")
	st = c.await("it runs a third time", again(2))
	if st.LastExit == nil || c.has(HasSignals) && (st.LastExit.Code != -1 || st.LastExit.Signal != "SIGKILL") {
		c.Errorf("lastExit is %+v, want SIGKILL", st.LastExit)
	}
	c.history("started", "exited", "restarting", "started", "exited", "restarting", "started")
	c.stop()
	c.nobody(pid, first, second, third)
}

func endsWell(c *C) {
	child := c.up(Workload{Restart: quick(10)})
	pid := *c.serving().PID
	child.Order(Order{Do: "exit"})
	c.await("it is stopped", func(s service.Status) bool { return s.State == service.StateStopped })
	c.nobody(pid, child)
	if n := c.hub.count("main"); n != 1 {
		c.Errorf("it was run %d times", n)
	}
}

func failsOnce(c *C) {
	child := c.up(Workload{Restart: never()})
	pid := *c.serving().PID
	child.Order(Order{Do: "exit", Code: 9})
	st := c.await("it has failed", func(s service.Status) bool { return s.State == service.StateFailed })
	if st.LastExit == nil || st.LastExit.Code != 9 || !st.Wanted {
		c.Errorf("lastExit is %+v, wanted %t; want status 9, wanted", st.LastExit, st.Wanted)
	}
	c.nobody(pid, child)
	c.nothingLeft()
}

func crashLoop(c *C) {
	c.require(HasRecovery)
	const limit = 2
	c.configure(c.s, Workload{Restart: quick(limit)})
	if d, ok := c.s.(Disturbed); ok {
		defer d.Undisturbed(c)()
	}
	child := c.started()
	pid := *c.serving().PID
	for range limit {
		child.Order(Order{Do: "exit", Code: 7})
		child = c.child("main")
	}
	child.Order(Order{Do: "exit", Code: 7})
	c.await("it has failed", func(s service.Status) bool { return s.State == service.StateFailed })
	st := c.is(service.StateFailed)
	if st.StatusText == nil || c.has(HasRestarts) && !strings.Contains(*st.StatusText, "2 restarts") || !strings.Contains(*st.StatusText, "gave up after") || !strings.Contains(*st.StatusText, "7") {
		c.Errorf("status does not say why it gave up: %s", describe(st))
	}
	if st.LastExit == nil || st.LastExit.Code != 7 || st.Restarts < limit || st.Restarts > limit && c.has(HasRestarts) {
		c.Errorf("lastExit %+v, %d restarts; want status 7, %d", st.LastExit, st.Restarts, limit)
	}
	c.nobody(pid)
	c.history("exited", "restarting", "exited", "restarting", "exited", "failed")
	next := c.started()
	c.serving()
	c.stop()
	c.nobody(0, next)
}

func crashLeaves(c *C) {
	c.require(HasTree, HasRecovery)
	main := c.up(Workload{Restart: quick(10), StopTimeout: 300 * time.Millisecond, Script: Script{Spawn: []Script{
		{Role: "grandchild", Deaf: true}, {Role: "stray", Deaf: true, Session: true},
	}}})
	left := []*Child{c.child("grandchild"), c.child("stray")}
	main.Order(Order{Do: "die"})
	second := c.child("main")
	c.nobody(0, left...)
	c.alive(second)
	c.child("grandchild")
	c.child("stray")
	c.stop()
}

func daemonKilled(c *C) {
	child := c.up(Workload{Restart: never()})
	pid := *c.serving().PID
	c.crash()
	c.nobody(pid)
	st := c.is(service.StateFailed)
	if !st.Wanted || st.StatusText == nil {
		c.Errorf("it was killed: %s, wanted %t", describe(st), st.Wanted)
	}
	next := c.started() // whether or not the workload had ended by itself
	c.nobody(0, child)
	if now := c.serving(); now.Workload.PID != next.PID {
		c.Errorf("the workload is %d, want %d", now.Workload.PID, next.PID)
	}
	c.stop()
	c.nobody(0, next)
	c.is(service.StateStopped)
}

// daemonKilledTree: nobody tells the rest of the tree that its daemon is gone. The next verb that changes anything ends it.
func daemonKilledTree(c *C, start bool) {
	c.require(HasTree)
	main := c.up(Workload{Restart: never(), Script: Script{Deaf: true, Spawn: []Script{
		{Role: "grandchild", Deaf: true}, {Role: "stray", Deaf: true, Session: true},
	}}})
	old := []*Child{main, c.child("grandchild"), c.child("stray")}
	c.crash()
	c.is(service.StateFailed)
	if start {
		c.configure(c.s, Workload{})
		next := c.started()
		c.nobody(0, old...)
		c.alive(next)
	}
	c.stop()
	c.nobody(0, old...)
	c.is(service.StateStopped)
}
