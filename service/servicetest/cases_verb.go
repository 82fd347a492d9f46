package servicetest

import (
	"slices"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

func verbCases() []testCase {
	return []testCase{
		{name: "reload", run: reload},
		{name: "reload of a configuration with an error", run: reloadBad},
		{name: "restart", run: restart},
		{name: "restart with a configuration error", run: restartBad},
		{name: "logs and history", run: logsAndHistory},
		{name: "foreground run while a service runs", run: foregroundSecond},
		{name: "start while a foreground run runs", run: foregroundFirst},
		{name: "foreground run passes the exit status on", run: foregroundExit},
		{name: "orphans are reaped", run: orphans},
		{name: "nothing left behind", run: nothingBehind},
	}
}

func reload(c *C) {
	if o := c.s.Reload(c.Context()); o.Err == nil || o.Err.Code != service.CodeNotRunning {
		c.Errorf("reload of what does not run: %v, want NOT_RUNNING", o.Err)
	}
	w := Workload{Script: Script{Deaf: true}, ReloadSignal: "SIGHUP", StopTimeout: time.Hour}
	child := c.up(w)
	pid := *c.serving().PID
	w.StopTimeout = 100 * time.Millisecond
	c.configure(c.s, w)
	c.ok("reload", c.s.Reload(c.Context()))
	if c.has(HasSignals) {
		c.reported(child, "SIGHUP")
	}
	if st := c.serving(); *st.PID != pid || st.Restarts != 0 {
		c.Errorf("after reload: PID %d, %d restarts", *st.PID, st.Restarts)
	}
	c.history("ready", "reloaded")
	began := time.Now()
	c.stop()
	c.within(5*time.Second, began, "stop, with a stopTimeout that was reloaded,")
}

func reloadBad(c *C) {
	c.require(HasConfigFile)
	child := c.up(Workload{})
	c.configure(c.s, Workload{Raw: "daemon:\n  command: 17\n"})
	c.refused("reload", c.s.Reload(c.Context()), service.CodeConfigInvalid, exitConfig)
	c.alive(child)
	c.serving()
	c.stop() // with a configuration that cannot be read
	c.nobody(0, child)
}

func restart(c *C) {
	r := need[Restarter](c, c.s, CanRestart)
	first := c.up(Workload{})
	pid := *c.serving().PID
	o := c.ok("restart", r.Restart(c.Context()))
	second := c.child("main")
	c.nobody(pid, first)
	if st := c.serving(); *st.PID == pid || *st.PID != o.PID || st.Restarts != 0 || st.Workload.PID != second.PID {
		c.Errorf("restart answers PID %d, was %d; status: PID %d, %d restarts", o.PID, pid, *st.PID, st.Restarts)
	}
	c.stop()
	c.ok("restart of what does not run", r.Restart(c.Context()))
	c.serving()
	c.stop()
}

func restartBad(c *C) {
	r := need[Restarter](c, c.s, CanRestart)
	c.require(HasConfigFile)
	child := c.up(Workload{})
	pid := *c.serving().PID
	c.configure(c.s, Workload{Raw: "daemon:\n  command: [x]\n  stopTimeout: never\n"})
	c.refused("restart", r.Restart(c.Context()), service.CodeConfigInvalid, exitConfig)
	c.configure(c.s, Workload{Command: []string{"no-such-program-anywhere"}})
	c.refused("restart", r.Restart(c.Context()), service.CodeStartFailed, exitFailed)
	c.alive(child)
	if st := c.serving(); *st.PID != pid {
		c.Errorf("the PID is %d, want %d", *st.PID, pid)
	}
	c.stop()
}

func logsAndHistory(c *C) {
	child := c.up(Workload{Script: Script{Output: []string{"first line", "zweite Zeile \u00fc"}}, Restart: quick(3)})
	child.Order(Order{Do: "print", Text: "a later line"})
	c.did(child, "print", 1)
	child.Order(Order{Do: "exit", Code: 4})
	next := c.again(child)
	c.stop()
	c.nobody(0, child, next)
	c.logs("first line\n", "zweite Zeile \u00fc\n", "a later line\n")
	events := c.history("started", "ready", "exited", "restarting", "started", "stopping", "stopped")
	for _, e := range events {
		if e.At.IsZero() || e.PID == 0 {
			c.Errorf("an event without time or PID: %+v", e)
		}
	}
	i := slices.IndexFunc(events, func(e Event) bool { return e.Event == "exited" })
	if i < 0 || events[i].Exit == nil || events[i].Exit.Code != 4 || events[i].WorkloadPID != child.PID {
		c.Errorf("the history does not say how the workload ended: %+v", events)
	}
}

func foregroundSecond(c *C) {
	f := need[Foreground](c, c.s, CanForeground)
	child := c.up(Workload{})
	pid := *c.serving().PID
	e := c.refused("run", f.Run(c.Context()).Wait(c.Context()), service.CodeAlreadyRunning, exitAlreadyRunning)
	if e.PID != pid {
		c.Errorf("ALREADY_RUNNING names PID %d, want %d", e.PID, pid)
	}
	c.alive(child)
	c.serving()
	c.stop()
}

func foregroundFirst(c *C) {
	f := need[Foreground](c, c.s, CanForeground)
	c.configure(c.s, Workload{})
	run := f.Run(c.Context())
	if err := run.Ready(c.Context()); err != nil {
		c.Fatalf("run: %v", err)
	}
	child := c.child("main")
	pid := *c.serving().PID
	e := c.refused("start", c.s.Start(c.Context()), service.CodeAlreadyRunning, exitAlreadyRunning)
	if e.PID != pid {
		c.Errorf("ALREADY_RUNNING names PID %d, want %d", e.PID, pid)
	}
	if err := run.Interrupt(); err != nil {
		c.Fatalf("%v", err)
	}
	if o := run.Wait(c.Context()); o.Exit != exitDone {
		c.Errorf("Ctrl-C ends it with status %d, want 0\n%s", o.Exit, o.Text)
	}
	c.nobody(pid, child)
	c.is(service.StateStopped)
}

func foregroundExit(c *C) {
	f := need[Foreground](c, c.s, CanForeground)
	c.configure(c.s, Workload{Restart: never()})
	run := f.Run(c.Context())
	child := c.child("main")
	c.did(child, "ready", 1)
	child.Order(Order{Do: "print", Text: "also seen in the foreground"})
	c.did(child, "print", 1)
	child.Order(Order{Do: "exit", Code: 42})
	o := run.Wait(c.Context())
	if o.Exit != 42 {
		c.Errorf("run ends with status %d, want the workload's, 42\n%s", o.Exit, o.Text)
	}
	if !strings.Contains(o.Text, "also seen in the foreground") {
		c.Errorf("the output is not shown: %s", o.Text)
	}
	c.logs("also seen in the foreground\n")
	c.nobody(0, child)
	if st := c.is(service.StateFailed); st.LastExit == nil || st.LastExit.Code != 42 {
		c.Errorf("lastExit is %+v, want status 42", st.LastExit)
	}
	c.stop()
}

// orphans: a process that has lost its parent becomes the daemon's, which must not leave it a zombie.
func orphans(c *C) {
	c.require(HasTree, HasSignals)
	c.up(Workload{Script: Script{Spawn: []Script{{Role: "parent", Session: true, Spawn: []Script{{Role: "orphan", Session: true}}}}}})
	parent, orphan := c.child("parent"), c.child("orphan")
	parent.Order(Order{Do: "exit"})
	c.gone(parent)
	orphan.Order(Order{Do: "exit"})
	c.gone(orphan)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for c.s.Process(orphan.PID) != Gone { // polling: no event tells when a process is reaped
		select {
		case <-tick.C:
		case <-c.Context().Done():
			c.Fatalf("the orphan is %s", c.s.Process(orphan.PID))
		}
	}
	c.serving()
	c.stop()
}

// nothingBehind looks at the files; that no process stays, every case checks when it ends.
func nothingBehind(c *C) {
	c.require(HasFiles)
	child := c.up(Workload{Restart: quick(3)})
	c.onlyDocumented("daemon.pid")
	child.Order(Order{Do: "die"})
	c.again(child)
	c.onlyDocumented("daemon.pid")
	c.ok("reload", c.s.Reload(c.Context()))
	c.onlyDocumented("daemon.pid")
	c.stop()
	c.onlyDocumented()
	c.started()
	c.kill()
	c.onlyDocumented()
}

func managerCases() []testCase {
	return []testCase{
		{name: "native stop", run: nativeStop},
		{name: "SIGKILL of the daemon, and its manager starts it again", run: managerRestarts},
		{name: "install twice, uninstall twice", run: installTwice},
		{name: "uninstall half-removed", run: uninstallHalf},
	}
}

func nativeStop(c *C) {
	n := need[Native](c, c.s, CanNative)
	child := c.up(Workload{})
	pid := *c.serving().PID
	if err := n.NativeStop(c.Context()); err != nil {
		c.Fatalf("%v", err)
	}
	stopped := time.Now()
	c.await("it is stopped", func(s service.Status) bool { return s.State == service.StateStopped })
	c.within(time.Second, stopped, "status, after the manager's own stop,")
	c.nobody(pid, child)
}

// managerRestarts: status is true before, between and after.
func managerRestarts(c *C) {
	c.require(HasRecovery, HasRevival)
	if _, fixed := c.s.(Fixed); !fixed {
		need[Installer](c, c.s, CanInstall)
	}
	first := c.up(Workload{Restart: quick(5)})
	pid := *c.serving().PID
	c.crash()
	second := c.child("main")
	st := c.await("it runs again", func(s service.Status) bool { // a daemon that counts its restarts itself begins anew
		return s.PID != nil && *s.PID != pid && (c.restarted(s, 1) || c.has(HasRestarts) && s.State == service.StateRunning)
	})
	if *st.PID == pid || st.Workload == nil || st.Workload.PID != second.PID {
		c.Errorf("it is %s, PID %d, was %d", describe(st), *st.PID, pid)
	}
	c.nobody(pid, first)
	c.stop()
	c.nobody(0, second)
	c.is(service.StateStopped)
}

func installTwice(c *C) {
	in := need[Installer](c, c.s, CanInstall)
	c.configure(c.s, Workload{})
	for range 2 {
		c.ok("install", in.Install(c.Context()))
		if st := c.status(); !st.Registered {
			c.Errorf("installed and not registered")
		}
	}
	files := in.Installed(c)
	c.ok("install", in.Install(c.Context()))
	if again := in.Installed(c); len(files) == 0 || !slices.Equal(files, again) {
		c.Errorf("installed %q, and then %q", files, again)
	}
	for range 2 {
		c.ok("uninstall", in.Uninstall(c.Context()))
		if left := in.Installed(c); len(left) > 0 {
			c.Errorf("uninstall leaves %q", left)
		}
	}
	if st := c.status(); st.Registered {
		c.Errorf("uninstalled and still registered")
	}
}

func uninstallHalf(c *C) {
	in := need[Installer](c, c.s, CanInstall)
	c.configure(c.s, Workload{})
	c.ok("install", in.Install(c.Context()))
	in.Damage(c)
	c.ok("uninstall", in.Uninstall(c.Context()))
	if left := in.Installed(c); len(left) > 0 {
		c.Errorf("uninstall leaves %q", left)
	}
}
