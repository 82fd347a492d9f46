package servicetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// The steps that cases are made of. Those that can fail end the case.

// Exit statuses of CONTRACT.md section 6 and docs/design.md.
const (
	exitDone           = 0
	exitFailed         = 1
	exitNoPermission   = 77
	exitConfig         = 78
	exitAlreadyRunning = 79
)

// script is a test program of this case.
func (c *C) script(s Script) Script {
	s.Report = c.hub.addr()
	if s.Role == "" {
		s.Role = "main"
	}
	for i := range s.Spawn {
		s.Spawn[i] = c.script(s.Spawn[i])
	}
	return s
}

// configure gives w to s.
func (c *C) configure(s Subject, w Workload) {
	w.Script = c.script(w.Script)
	s.Configure(c, w)
}

// up configures the subject, starts it and returns its program.
func (c *C) up(w Workload) *Child {
	c.Helper()
	c.configure(c.s, w)
	return c.started()
}

// started starts the subject and returns its program.
func (c *C) started() *Child {
	c.Helper()
	c.ok("start", c.s.Start(c.Context()))
	return c.child("main")
}

// child returns the next program of this role.
func (c *C) child(role string) *Child {
	c.Helper()
	child, err := c.hub.next(c.Context(), role)
	if err != nil {
		c.Fatalf("%v", err)
	}
	return child
}

// ended reports whether a program has ended within limit, 0 for that of the step. Wine now and then leaves the connection of one open for ever: then the system is asked.
func (c *C) ended(child *Child, limit time.Duration) bool {
	ctx, cancel := c.Context(), context.CancelFunc(func() {})
	if limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, limit)
	}
	defer cancel()
	ask := time.NewTicker(c.bound(goneLimit))
	defer ask.Stop()
	for over := false; ; {
		select {
		case <-child.Gone():
			return true
		case <-ask.C:
		case <-ctx.Done():
			over = true
		}
		if c.s != nil && c.s.Process(child.PID) == Gone {
			c.Logf("the connection of the process %d (%s), which is gone, is still open", child.PID, child.Role)
			return true
		}
		if over {
			return false
		}
	}
}

// gone waits for the end of a program.
func (c *C) gone(child *Child) {
	c.Helper()
	if !c.ended(child, 0) {
		c.Fatalf("the process %d (%s) does not end", child.PID, child.Role)
	}
}

// alive fails when a program has ended.
func (c *C) alive(child *Child) {
	c.Helper()
	if child.hasGone() {
		c.Fatalf("the process %d (%s) has ended", child.PID, child.Role)
	}
}

// spared fails when a bystander has ended or was sent a signal.
func (c *C) spared(b *Child) {
	c.Helper()
	c.alive(b)
	if s := b.Signals(); len(s) > 0 {
		c.Fatalf("the bystander was sent %s", s)
	}
}

// reported waits until the program has said that it was sent a signal.
func (c *C) reported(child *Child, signal string) {
	c.Helper()
	if err := child.Reported(c.Context(), signal, func(r Report) bool { return r.Signal == signal }); err != nil {
		c.Fatalf("%v", err)
	}
}

// did waits until the program has done something n times.
func (c *C) did(child *Child, what string, n int) {
	c.Helper()
	if err := child.Did(c.Context(), what, n); err != nil {
		c.Fatalf("%v", err)
	}
}

// ok fails where an outcome is not success.
func (c *C) ok(verb string, o Outcome) Outcome {
	c.Helper()
	if o.Err != nil || o.Exit != NoExit && o.Exit != exitDone {
		c.Fatalf("%s: exit status %d, %v\n%s", verb, o.Exit, o.Err, o.Text)
	}
	return o
}

// refused fails where an outcome is not an error of this code and exit status.
func (c *C) refused(verb string, o Outcome, code service.Code, exit int) *service.Error {
	c.Helper()
	if o.Err == nil || o.Err.Code != code || o.Exit != NoExit && o.Exit != exit {
		c.Fatalf("%s: exit status %d, %v; want %d and %s\n%s", verb, o.Exit, o.Err, exit, code, o.Text)
	}
	return o.Err
}

// stop stops the subject.
func (c *C) stop() Outcome {
	c.Helper()
	return c.ok("stop", c.s.Stop(c.Context(), service.StopOptions{}))
}

func (c *C) kill() Outcome {
	c.Helper()
	return c.ok("kill", c.s.Stop(c.Context(), service.StopOptions{Force: true}))
}

// status is the subject's, checked for what holds of every status.
func (c *C) status() service.Status {
	c.Helper()
	return c.statusOf(c.s)
}

func (c *C) statusOf(s Subject) service.Status {
	c.Helper()
	st, o := s.Status(c.Context())
	if o.Err != nil {
		c.Fatalf("status: %v\n%s", o.Err, o.Text)
	}
	if o.Exit != NoExit && o.Exit != st.ExitCode() {
		c.Errorf("status exits with %d, and says %s, which is %d", o.Exit, st.State, st.ExitCode())
	}
	for _, wrong := range contradictions(st) {
		c.Errorf("status contradicts itself: %s\n%s", wrong, o.Text)
	}
	return st
}

// contradictions is what cannot be true of one status.
func contradictions(s service.Status) []string {
	var wrong []string
	is := func(bad bool, text string) {
		if bad {
			wrong = append(wrong, text)
		}
	}
	dead := s.State == service.StateStopped || s.State == service.StateFailed
	is(s.Schema != service.StatusSchema, "an unknown schema")
	is(s.Name == "" || s.Project == "" || s.Backend == "", "no name, project or backend")
	is(s.Running && dead, "running and "+string(s.State))
	is(!s.Running && !dead && s.State != service.StateUnknown && !s.Registered, "not running and "+string(s.State)) // what a manager is about to do it does
	is(!s.Running && s.PID != nil, "not running, with a PID")
	is(!s.Running && s.Uptime != nil, "not running, with an uptime")
	is(!s.Running && s.Ready != nil && *s.Ready, "not running and ready")
	is(s.State == service.StateUnknown && len(s.Warnings) == 0, "unknown without a warning that says why")
	is(s.Uptime != nil && *s.Uptime < 0, "a negative uptime")
	is(s.Warnings == nil, "warnings are null")
	return wrong
}

// serving fails unless the subject runs and is ready, and returns its status.
func (c *C) serving() service.Status {
	c.Helper()
	return c.servingOf(c.s)
}

func (c *C) servingOf(s Subject) service.Status {
	c.Helper()
	st := c.statusOf(s)
	if !st.Running || !st.Wanted || st.State != service.StateRunning || st.Ready == nil || !*st.Ready || st.PID == nil {
		c.Fatalf("not serving: %s", describe(st))
	}
	return st
}

// is fails unless the subject is in this state and does not run.
func (c *C) is(state service.State) service.Status {
	c.Helper()
	return c.stateOf(c.s, state)
}

func (c *C) stateOf(s Subject, state service.State) service.Status {
	c.Helper()
	st := c.statusOf(s)
	if st.State != state || st.Running {
		c.Fatalf("the status is %s, want %s", describe(st), state)
	}
	return st
}

// await waits for a status.
func (c *C) await(what string, ok func(service.Status) bool) service.Status {
	c.Helper()
	st, err := c.s.Await(c.Context(), ok)
	if err != nil {
		c.Fatalf("waited until %s; it is %s: %v", what, describe(st), err)
	}
	return st
}

func describe(s service.Status) string {
	text := string(s.State)
	if s.Running {
		text += ", running"
	}
	if s.Ready != nil && *s.Ready {
		text += ", ready"
	}
	if s.StatusText != nil {
		text += ", " + *s.StatusText
	}
	return text + fmt.Sprintf(", %d restarts", s.Restarts) + ", warnings: " + strings.Join(s.Warnings, "; ")
}

// nobody fails when a process of the daemon's that was seen still runs. A zombie does not: it waits for its parent, which is the system's init once
// the daemon has gone, and no business of ours.
func (c *C) nobody(pid int, children ...*Child) {
	c.Helper()
	for _, child := range children {
		if !child.hasGone() && c.s.Process(child.PID) == Alive { // one that has may have left its PID to another
			c.Errorf("the process %d (%s) is alive", child.PID, child.Role)
		}
		c.gone(child)
	}
	if pid > 0 && c.s.Process(pid) == Alive {
		c.Errorf("the daemon %d is alive", pid)
	}
}

// restarted reports whether a daemon that serves has been restarted n times. systemd counts some restarts twice when it is told to reload its units while they are
// under way, as other cases do.
func (c *C) restarted(s service.Status, n int) bool {
	return s.State == service.StateRunning && (s.Restarts == n || s.Restarts > n && !c.has(HasRestarts))
}

// again returns the program that runs after ended, which fails: by a restart, or, where nobody restarts it, by a start.
func (c *C) again(ended *Child) *Child {
	c.Helper()
	if !c.has(HasRecovery) {
		c.gone(ended)
		c.await("it has failed", func(s service.Status) bool { return s.State == service.StateFailed })
		return c.started()
	}
	next := c.child("main")
	c.await("it runs again", func(s service.Status) bool { return c.restarted(s, 1) })
	return next
}

// sameDaemon fails where a workload's restart has taken the daemon's place though the daemon restarts it itself.
func (c *C) sameDaemon(pid int, st service.Status) {
	c.Helper()
	if same := st.PID != nil && *st.PID == pid; same != c.has(HasRestarts) {
		c.Errorf("after a restart the daemon is %v, was %d", *st.PID, pid)
	}
}

// crash ends the daemon process with SIGKILL.
func (c *C) crash() {
	c.Helper()
	c.require(HasManagerSight)
	if err := need[Crasher](c, c.s, CanCrash).Crash(c.Context()); err != nil {
		c.Fatalf("cannot crash the daemon: %v", err)
	}
}

// bystander is a process that is not the daemon's, deaf so that every signal it is sent shows.
func (c *C) bystander() *Child {
	c.Helper()
	need[Bystanders](c, c.s, CanBystander).Bystander(c, c.script(Script{Role: "bystander", Deaf: true}))
	return c.child("bystander")
}

// file is the path of a file of the daemon (CONTRACT.md section 2): "daemon.pid", "" for the directory.
func (c *C) file(name string) string { return filepath.Join(c.s.Project(), ".apex", name) }

// write makes a file of the daemon's.
func (c *C) write(name, text string) {
	c.Helper()
	if err := errors.Join(os.MkdirAll(c.file(""), 0o755), os.WriteFile(c.file(name), []byte(text), 0o644)); err != nil {
		c.Fatalf("%v", err)
	}
}

// remove deletes a file of the daemon's, or its whole directory.
func (c *C) remove(name string) {
	c.Helper()
	if err := os.RemoveAll(c.file(name)); err != nil {
		c.Fatalf("%v", err)
	}
}

// onlyDocumented fails when files stay in .apex beyond those of CONTRACT.md section 2. What a daemon that runs is replacing is there for a moment.
func (c *C) onlyDocumented(also ...string) {
	c.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		left := c.undocumented(also)
		if len(left) == 0 {
			return
		}
		select { // polling: no event tells that a file is gone on every system
		case <-tick.C:
			if len(also) > 0 { // it runs
				continue
			}
		case <-c.Context().Done():
		}
		c.Errorf("left behind: .apex/%s", strings.Join(left, ", .apex/"))
		return
	}
}

func (c *C) undocumented(also []string) []string {
	c.Helper()
	entries, err := os.ReadDir(c.file(""))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.Fatalf("%v", err)
	}
	known := append(also, "config.yaml", "daemon.pid.lock", "daemon.log", "daemon.log.idx", "daemon.history")
	var left []string
	for _, e := range entries {
		if !slices.Contains(known, e.Name()) {
			left = append(left, e.Name())
		}
	}
	return left
}

// history fails unless these events are in it in this order, others between them.
func (c *C) history(want ...string) []Event {
	c.Helper()
	events, o := c.s.History(c.Context())
	c.ok("history", o)
	rest := slices.Clone(want)
	if !c.has(HasRestarts) {
		for i, w := range rest {
			if w == "restarting" { // the daemon does not know whether its manager will
				rest[i] = "failed"
			}
		}
	}
	var names []string
	for _, e := range events {
		names = append(names, e.Event)
		if len(rest) > 0 && e.Event == rest[0] {
			rest = rest[1:]
		}
	}
	if len(rest) > 0 {
		c.Errorf("the history is %s, want %s in it", names, want)
	}
	return events
}

// logs fails unless all of these are in the log.
func (c *C) logs(want ...string) {
	c.Helper()
	text, o := c.s.Logs(c.Context())
	c.ok("logs", o)
	for _, w := range want {
		if !strings.Contains(text, w) {
			c.Errorf("the log has no %q:\n%s", w, text)
		}
	}
}

// within fails when more time than limit has passed since.
func (c *C) within(limit time.Duration, since time.Time, what string) {
	c.Helper()
	limit = c.bound(limit)
	if d := time.Since(since); d > limit {
		c.Errorf("%s took %s, want at most %s", what, d.Round(time.Millisecond), limit)
	}
}

// quick is a policy under which n tries follow each other at once.
func quick(n int) service.RestartPolicy {
	return service.RestartPolicy{When: service.RestartOnFailure, Delay: time.Millisecond, Factor: 1, Limit: n, Window: time.Minute}
}

// never is the policy of one try.
func never() service.RestartPolicy { return service.RestartPolicy{When: service.RestartNever} }

// environment is a map of what a program reports.
func environment(h Hello) map[string]string {
	env := map[string]string{}
	for _, kv := range h.Env {
		k, v, _ := strings.Cut(string(kv), "=")
		env[k] = v
	}
	return env
}

// background runs f and returns a function that waits for its outcome.
func background(f func() Outcome) (wait func(ctx context.Context) (Outcome, error)) {
	done := make(chan Outcome, 1) // f can end although nobody waits
	go func() { done <- f() }()
	return func(ctx context.Context) (Outcome, error) {
		select {
		case o := <-done:
			return o, nil
		case <-ctx.Done():
			return Outcome{}, context.Cause(ctx)
		}
	}
}
