package servicetest

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joshuaaferguson/apexd/service"
)

func deletedCases() []testCase {
	return []testCase{
		{name: "deleted record", run: func(c *C) { deleted(c, "daemon.pid") }},
		{name: "deleted lock", run: func(c *C) { deleted(c, "daemon.pid.lock") }},
		{name: "deleted .apex", run: func(c *C) { deleted(c, "") }},
	}
}

// deleted removes a file, or everything, under a running daemon.
func deleted(c *C, name string) {
	c.require(HasFiles)
	if name != "daemon.pid" { // which nobody keeps open
		c.require(HasOpenDelete)
	}
	child := c.up(Workload{})
	pid := *c.serving().PID
	c.remove(name)
	if st := c.status(); !st.Running || st.PID == nil || *st.PID != pid {
		c.Errorf("right after: %s, PID %v, want running as %d", describe(st), st.PID, pid)
	}
	second := c.s.Start(c.Context())
	if e := c.refused("second start", second, service.CodeAlreadyRunning, exitAlreadyRunning); e.PID != pid {
		c.Errorf("ALREADY_RUNNING names PID %d, want %d", e.PID, pid)
	}
	for _, f := range []string{"daemon.pid", "daemon.pid.lock"} {
		c.healed(f)
	}
	if c.has(HasHeal) {
		c.await("the daemon says that it has made them again", func(service.Status) bool { // the second start may have made the lock's file
			events, _ := c.s.History(c.Context())
			return slices.ContainsFunc(events, func(e Event) bool { return e.Event == "healed" })
		})
		if st := c.serving(); *st.PID != pid {
			c.Errorf("healed, the PID is %d, want %d", *st.PID, pid)
		}
	}
	if n := c.hub.count("main"); n != 1 {
		c.Errorf("%d workloads ran", n)
	}
	c.alive(child)
	c.stop()
	c.nobody(pid, child)
	c.is(service.StateStopped)
}

func placeCases() []testCase {
	return []testCase{
		{name: "copied project", run: copied},
		{name: "status as another user", run: otherUser},
		{name: "status on a read-only file system", run: readOnly},
	}
}

func copied(c *C) {
	copier := need[Copier](c, c.s, CanCopy)
	child := c.up(Workload{})
	pid := *c.serving().PID
	twin := copier.Copy(c, "copy")
	if st := c.stateOf(twin, service.StateStopped); st.Project == c.s.Project() {
		c.Errorf("the copy's status is that of %s", st.Project)
	}
	c.ok("stop of the copy", twin.Stop(c.Context(), service.StopOptions{}))
	c.ok("kill of the copy", twin.Stop(c.Context(), service.StopOptions{Force: true}))
	c.alive(child)
	c.ok("start of the copy", twin.Start(c.Context()))
	second := c.child("main")
	c.servingOf(twin)
	c.ok("stop of the copy", twin.Stop(c.Context(), service.StopOptions{}))
	c.nobody(0, second)
	c.alive(child)
	if st := c.serving(); *st.PID != pid {
		c.Errorf("the PID is %d, want %d", *st.PID, pid)
	}
	c.stop()
}

func otherUser(c *C) {
	other := need[OtherUser](c, c.s, CanOtherUser).AsOther(c)
	c.stateOf(other, service.StateStopped)
	child := c.up(Workload{Restart: never()})
	pid := *c.serving().PID
	if st := c.servingOf(other); *st.PID != pid {
		c.Errorf("the PID is %d for another user, want %d", *st.PID, pid)
	}
	for _, force := range []bool{false, true} {
		c.refused("stop as another user", other.Stop(c.Context(), service.StopOptions{Force: force}), service.CodePermissionDenied, exitNoPermission)
	}
	if o := other.Start(c.Context()); o.Err == nil || o.Err.Code != service.CodeAlreadyRunning && o.Err.Code != service.CodePermissionDenied {
		c.Errorf("start as another user: %v", o.Err)
	}
	c.alive(child)
	c.serving()
	c.crash()
	c.stateOf(other, service.StateFailed)
	c.stop()
	c.stateOf(other, service.StateStopped)
}

func readOnly(c *C) {
	frozen := need[ReadOnly](c, c.s, CanReadOnly).OnReadOnly(c)
	c.stateOf(frozen, service.StateStopped)
	c.configure(c.s, Workload{Restart: never()})
	c.refused("start on a read-only file system", frozen.Start(c.Context()), service.CodePermissionDenied, exitNoPermission)
	c.started()
	pid := *c.serving().PID
	if st := c.servingOf(frozen); *st.PID != pid {
		c.Errorf("the PID is %d on a read-only file system, want %d", *st.PID, pid)
	}
	c.crash()
	c.stateOf(frozen, service.StateFailed)
	c.stop()
	c.stateOf(frozen, service.StateStopped)
}

func nameCases() []testCase {
	return []testCase{
		{name: "hostile project path", base: hostileName, run: hostilePath},
		{name: "hostile arguments and environment", run: hostileWords},
		{name: "hostile command line", run: hostileCommandLine},
	}
}

// hostileWord has what shells, YAML, Go templates, systemd and Windows each treat specially.
const hostileWord = "a b\t'c' \"d\" %e% %%n ${f} $g `h` \\i\\ {{.j}} #k; l|m&n>o<p*q?[r]!~^ \u00fc\u65e5\U0001f98a \u2028 \n--x"

func hostileArgs() []string {
	return []string{"", hostileWord, "--", "-v", "--project=/x", "~", "*", "\\", `"`, "'", `\"`, `a\\"b`, "%PATH%", "$HOME", "{{", "\n", " ", "@", "\x7f", "trailing\\"}
}

func hostilePath(c *C) {
	c.require(HasFiles)
	child := c.up(Workload{})
	st := c.serving()
	if !strings.HasSuffix(c.s.Project(), hostileName) || st.Project != c.s.Project() {
		c.Errorf("status says the project is %q, want %q", st.Project, c.s.Project())
	}
	env := environment(child.Hello)
	log := c.file("daemon.log")
	if st.Log == nil || st.Log.Kind != service.LogFile { // it is no file everywhere
		log = ""
	}
	for name, want := range map[string]string{
		"APEX_PROJECT_PATH": c.s.Project(), "APEX_DAEMON_NAME": "daemon", "APEX_DAEMON_MODE": "1",
		"APEX_PID_FILE": c.file("daemon.pid"), "APEX_LOG_FILE": log,
	} {
		if env[name] != want {
			c.Errorf("%s is %q, want %q", name, env[name], want)
		}
	}
	if child.Dir != c.s.Project() {
		c.Errorf("it runs in %q, want %q", child.Dir, c.s.Project())
	}
	c.stop()
	c.nobody(0, child)
	c.is(service.StateStopped)
	c.onlyDocumented()
}

func hostileWords(c *C) {
	c.require(HasTree)
	env := map[string]string{"HOSTILE": hostileWord, "EMPTY": "", "EQUALS": "=a=b", "x.y-z": "odd name", "SPACES": "  x  "}
	child := c.up(Workload{Args: hostileArgs(), Env: env})
	c.sameArgs(child, hostileArgs())
	got := environment(child.Hello)
	for name, want := range env {
		if v, ok := got[name]; !ok || v != want {
			c.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	c.stop()
}

func (c *C) sameArgs(child *Child, want []string) {
	c.Helper()
	if len(child.Args) != len(want) {
		c.Fatalf("%d arguments, want %d: %q", len(child.Args), len(want), child.Args)
	}
	for i, a := range child.Args {
		if !bytes.Equal(a, []byte(want[i])) {
			c.Errorf("argument %d is %q, want %q", i+1, a, want[i])
		}
	}
}

// hostileCommandLine: what is given after -- reaches the workload byte for byte, UTF-8 or not.
func hostileCommandLine(c *C) {
	line := need[CommandLine](c, c.s, CanCommandLine)
	args := append(hostileArgs(), invalidText...)
	c.ok("start", line.StartScript(c.Context(), c.script(Script{}), args))
	child := c.child("main")
	c.sameArgs(child, args)
	if st := c.serving(); st.Workload == nil || st.Workload.Source != "command-line" {
		c.Errorf("the workload is %+v, want it from the command line", st.Workload)
	}
	if b, err := os.ReadFile(filepath.Join(c.s.Project(), ".apex", "daemon.pid")); err != nil || bytes.Contains(b, []byte("PATH")) {
		c.Errorf("the record has the command line in it: %s %v", b, err)
	}
	c.stop()
}
