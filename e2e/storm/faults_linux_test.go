//go:build amd64 || arm64

package storm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/inject"
)

// faultsVariable is how many faults TestFaults tries in each scene: a number, or "all" for every fault of every step, and as many random pairs on top; or "singles" for every fault of every step and
// no pairs.
const faultsVariable = "APEXD_STORM_FAULTS"

// scene is a part of a daemon's life whose steps are made to fail.
type scene struct {
	name    string
	prepare func(f *faulted) // before steps count
	act     func(f *faulted) // what is done while they do
}

func scenes() []scene {
	started := func(f *faulted) { f.supervised("start") }
	crashed := func(f *faulted) {
		f.must("start", 0)
		s, now := f.one()
		kill(f.t, s.pid())
		kill(f.t, now.Workloads[0])
	}
	verb := func(name string) func(*faulted) {
		return func(f *faulted) {
			before := f.scan()
			f.claims(name, f.supervised(name), before)
		}
	}
	return []scene{
		{"start", nil, verb("start")},
		{"start after a crash", crashed, verb("start")},
		{"stop", started, verb("stop")},
		{"stop after a crash", crashed, verb("stop")},
		{"kill", started, verb("kill")},
		{"restart", started, verb("restart")},
		{"reload", started, verb("reload")},
		{"status", started, verb("status")},
		{"run", nil, func(f *faulted) { f.foreground() }},
		{"crash of the workload", started, func(f *faulted) { f.crash() }},
		{"deleted files", started, func(f *faulted) { f.healed() }},
	}
}

// TestFaults fails, cuts short or kills commands and daemons at single steps and at random pairs of them. Whatever happens, there is at most one instance, the
// record is whole or absent, status is true, and the next start and stop work. The program is the one that is shipped: see package inject.
func TestFaults(t *testing.T) {
	r := random(t)
	for _, sc := range scenes() {
		t.Run(sc.name, func(t *testing.T) {
			steps := survey(t, sc)
			singles, pairs := plans(r, steps)
			done := 0
			for _, plan := range slices.Concat(singles, pairs) {
				t.Run(fmt.Sprint(plan), func(t *testing.T) {
					if len(faultOf(t, sc, plan)) > 0 {
						done++
					}
				})
			}
			t.Logf("%d steps, %d faults and %d pairs tried, %d happened", len(steps), len(singles), len(pairs), done)
		})
	}
}

// TestFaultsFound repeats the faults that have shown a bug.
func TestFaultsFound(t *testing.T) {
	step := func(role, call, target string, nth int) inject.Step {
		return inject.Step{Role: role, Call: call, Target: target, Nth: nth}
	}
	fault := func(s inject.Step, name string) inject.Rule {
		for _, f := range s.Faults() {
			if f.Name == name {
				return inject.Rule{Step: s, Fault: f}
			}
		}
		t.Fatalf("%s cannot have %s", s, name)
		return inject.Rule{}
	}
	for _, row := range []struct {
		bug, scene string
		rules      []inject.Rule
	}{
		{
			"a record that could not be written said starting for ever", "start",
			[]inject.Rule{fault(step("daemon", "rename", "P/.apex/daemon.pid", 3), "EIO")},
		},
		{
			"start waited for ever for a daemon that could not answer", "start",
			[]inject.Rule{fault(step("daemon", "write", "pipe", 1), "EIO")},
		},
		{
			"a daemon killed while it started left a grandchild behind START_FAILED", "start",
			[]inject.Rule{fault(step("daemon", "rename", "P/.apex/daemon.pid", 3), "SIGKILL after")},
		},
		{
			"files that could not be made again were not tried again", "deleted files",
			[]inject.Rule{fault(step("daemon", "lock", "P/.apex/daemon.pid.lock", 1), "ENOLCK")},
		},
		{
			"a record that could not be written left its temporary file", "run",
			[]inject.Rule{fault(step("daemon", "chmod", "P/.apex/.daemon.pid.*", 2), "EROFS from here on")},
		},
		{
			"a status that could not be printed said that the daemon is dead", "status",
			[]inject.Rule{fault(step("status", "write", "pipe", 1), "ENOSPC")},
		},
		{
			"a daemon killed while it entered itself left a temporary file in the state directory", "start",
			[]inject.Rule{fault(step("daemon", "write", "~/.local/state/apexd/daemons/.*.json.*", 1), "SIGKILL after")},
		},
		{
			"a daemon killed before its first record, with no place to note that it had begun, left a temporary file", "start",
			[]inject.Rule{fault(step("daemon", "open", "~", 1), "EACCES"), fault(step("daemon", "write", "P/.apex/.daemon.pid.*", 1), "SIGKILL before")},
		},
		{
			"a daemon that had no descriptor for a leftover went on beside it", "start after a crash",
			[]inject.Rule{fault(step("daemon", "pidfd", "", 1), "EMFILE")},
		},
		{
			"a stop that could not open a leftover took it for gone", "stop after a crash",
			[]inject.Rule{fault(step("stop", "pidfd", "", 1), "EMFILE")},
		},
		{
			"a stop that could not clear said that it was done", "stop after a crash",
			[]inject.Rule{fault(step("stop", "lock", "P/.apex/daemon.pid.lock", 2), "ENOLCK")},
		},
		{
			"a stop that could not look for leftovers found none", "stop after a crash",
			[]inject.Rule{fault(step("stop", "create", "~/.local/state/apexd/daemons/*.lock", 1), "EMFILE from here on")},
		},
		{
			"this test started a daemon that had been asked to end, and wanted it to stay", "restart",
			[]inject.Rule{fault(step("restart", "signal", "SIGCONT", 1), "SIGKILL before")},
		},
	} {
		t.Run(row.bug, func(t *testing.T) {
			at := slices.IndexFunc(scenes(), func(s scene) bool { return s.name == row.scene })
			if len(faultOf(t, scenes()[at], row.rules)) != len(row.rules) {
				t.Errorf("%v: it did not happen", row.rules)
			}
		})
	}
}

// survey is every step that a scene takes when nothing fails. Threads take turns as they like: three looks see more than one.
func survey(t *testing.T, sc scene) []inject.Step {
	t.Helper()
	var all []inject.Step
	seen := map[inject.Step]bool{}
	for range 3 {
		f := newFaulted(t)
		if sc.prepare != nil {
			sc.prepare(f)
		}
		f.steps.Arm()
		sc.act(f)
		steps, _ := f.steps.Disarm()
		f.recovers()
		for _, s := range steps {
			if !seen[s] {
				seen[s] = true
				all = append(all, s)
			}
		}
		f.end()
	}
	if len(all) < 3 {
		t.Fatalf("only %d steps were seen", len(all))
	}
	return all
}

// plans are the single faults to try, and the pairs.
func plans(r *rand.Rand, steps []inject.Step) (singles, pairs [][]inject.Rule) {
	text := os.Getenv(faultsVariable)
	for _, s := range steps {
		for _, fault := range s.Faults() {
			singles = append(singles, []inject.Rule{{Step: s, Fault: fault}})
		}
	}
	n := scaled(8, 2)
	switch text {
	case "":
	case "all":
		n = len(singles)
	case "singles":
		return singles, nil
	default:
		n, _ = strconv.Atoi(text) // none, which the test's log says
	}
	for range n {
		a, b := singles[r.IntN(len(singles))], singles[r.IntN(len(singles))]
		pairs = append(pairs, slices.Concat(a, b))
	}
	if n < len(singles) {
		r.Shuffle(len(singles), func(i, j int) { singles[i], singles[j] = singles[j], singles[i] })
		singles = singles[:n]
	}
	return singles, pairs
}

// faultOf plays a scene with faults and judges what is there afterwards. It returns those that have happened.
func faultOf(t *testing.T, sc scene, plan []inject.Rule) []inject.Rule {
	t.Helper()
	f := newFaulted(t)
	if sc.prepare != nil {
		sc.prepare(f)
	}
	f.steps.Arm(plan...)
	sc.act(f)
	steps, hits := f.steps.Disarm()
	if abandoned(steps, hits) {
		f.until(func() bool { return len(f.scan().Daemons) == 0 })
	}
	f.recovers()
	f.end()
	return hits
}

// abandoned reports whether a command was killed after it had asked the daemon to end: the daemon does so with nobody waiting, and a start that meets it before
// that is told truly that it runs.
func abandoned(steps []inject.Step, hits []inject.Rule) bool {
	return slices.ContainsFunc(steps, func(s inject.Step) bool {
		return s.Call == "signal" && s.Target == "SIGTERM" && s.Role != "daemon" &&
			slices.ContainsFunc(hits, func(r inject.Rule) bool { return r.Step.Role == s.Role && (r.Fault.Kill || r.Fault.After) })
	})
}

// faulted is a project whose commands run under a supervisor.
type faulted struct {
	*project
	steps *inject.Supervisor
}

func newFaulted(t *testing.T) *faulted {
	t.Helper()
	p := newProject(t)
	places := map[string]string{"P": p.dir, "~": p.home}
	return &faulted{p, inject.New(places, func(args []string) string {
		switch {
		case len(args) < 2 || args[0] != program():
			return ""
		case args[1] == "run":
			return "daemon"
		}
		return args[1]
	})}
}

// supervised is run under the supervisor.
func (f *faulted) supervised(verb string, args ...string) answer {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	c := f.launch(ctx, verb, args...)
	return answered(c.cmd, c.cmd.Wait(), c.out.Bytes(), c.errs.String())
}

func (f *faulted) launch(ctx context.Context, verb string, args ...string) *running {
	f.t.Helper()
	self, err := os.Executable()
	if err != nil {
		f.t.Fatal(err)
	}
	c := &running{cmd: f.command(ctx, verb, args...)}
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.errs
	if err := f.steps.Start(c.cmd, self, "inject"); err != nil {
		f.t.Fatal(err)
	}
	return c
}

// claims holds a command to its word. before is what ran before it.
func (f *faulted) claims(verb string, a answer, before processes) {
	f.t.Helper()
	if a.Exit < 0 {
		return // it was killed
	}
	if strings.Contains(a.Text, "panic:") || strings.Contains(a.Text, "goroutine ") {
		f.t.Errorf("%s: %s", verb, a.Text)
	}
	now := f.scan()
	switch {
	case (verb == "stop" || verb == "kill") && a.Exit == 0 && len(now.all()) > 0:
		f.t.Errorf("%s: done, and these are left: %+v", verb, now)
	case verb == "start" && a.Code == "START_FAILED" && !contains(before.all(), now.all()):
		f.t.Errorf("start has failed, and these are new: %+v: %s", now, a.Text)
	case verb == "status" && a.Exit == 0 && len(now.Daemons) == 0, verb == "status" && (a.Exit == 1 || a.Exit == 3) && len(now.Daemons) > 0:
		f.t.Errorf("status: exit status %d, and there is %+v: %s", a.Exit, now, a.Text)
	}
}

// contains reports whether every one of some is one of all.
func contains(all, some []int) bool {
	return !slices.ContainsFunc(some, func(pid int) bool { return !slices.Contains(all, pid) })
}

// foreground runs the daemon as a child of the test until it is ready or has ended.
func (f *faulted) foreground() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	c := f.launch(ctx, "run")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.cmd.Wait() // of a daemon that somebody will kill
	}()
	f.t.Cleanup(func() { cancel(); <-ended })
	f.until(func() bool {
		select {
		case <-ended:
			return true
		default:
			return len(f.scan().Grandchildren) == 1 && f.status().State == "running"
		}
	})
}

// crash ends the workload badly and waits for the next one, or for the daemon's end.
func (f *faulted) crash() {
	f.t.Helper()
	w := f.find("workload")
	if w.Process == nil {
		f.t.Fatal("there is no workload")
	}
	crash(w)
	f.until(func() bool {
		now := f.scan()
		return len(now.Daemons) == 0 && len(now.Workloads) == 0 ||
			len(now.Workloads) == 1 && len(now.Grandchildren) == 1 && !slices.Contains(now.Workloads, w.Pid) && f.status().State == "running"
	})
}

// healed deletes the files and waits until the daemon has made them again, or is gone.
func (f *faulted) healed() {
	f.t.Helper()
	for _, name := range []string{"daemon.pid", "daemon.pid.lock"} {
		if err := os.Remove(f.apex(name)); err != nil {
			f.t.Fatal(err)
		}
	}
	f.until(func() bool {
		_, err := os.Stat(f.apex("daemon.pid"))
		return err == nil || len(f.scan().Daemons) == 0
	})
}

// settleWait bounds the wait for what a fault may have prevented for good.
const settleWait = 3 * time.Second

// until waits for ok, for settleWait at most: whether it has to come is judged afterwards.
func (f *faulted) until(ok func() bool) {
	for end := time.After(settleWait); !ok(); {
		select {
		case <-time.After(pause):
		case <-end:
			return
		}
	}
}

// recovers fails the test when the project is not as it should be after anything.
func (f *faulted) recovers() {
	f.t.Helper()
	f.wholeRecord()
	s, now := f.truthful()
	before := s
	if a := f.must("start", 0, exitRunning); a.Exit == exitRunning {
		if s = f.status(); !s.Running {
			f.t.Fatalf("start says that it runs\nbefore: %s %+v\nafter: %s %+v", before, now, s, f.scan())
		}
	}
	f.until(func() bool { return f.status().State == "running" })
	f.one()
	f.wholeRecord()
	f.must("stop", 0)
	f.none(3)
	f.unlocked()
	f.alone()
	f.tidy()
	f.tidyHome()
}

// tidyHome fails the test when a half-written file is left in the user's state directory.
func (f *faulted) tidyHome() {
	f.t.Helper()
	_ = filepath.WalkDir(f.home, func(path string, _ fs.DirEntry, _ error) error { // what cannot be read is not ours
		if strings.HasSuffix(path, ".tmp") {
			f.t.Errorf("left behind: %s", path)
		}
		return nil
	})
}

// wholeRecord fails the test when a part of a record is there.
func (f *faulted) wholeRecord() {
	f.t.Helper()
	b, err := os.ReadFile(f.apex("daemon.pid"))
	if err == nil {
		err = whole(b, f.dir)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.t.Errorf("the record: %v: %q", err, bytes.TrimSpace(b))
	}
}

// end waits for the supervisor, all of whose processes are gone.
func (f *faulted) end() {
	for _, pid := range f.scan().all() {
		_ = syscall.Kill(pid, syscall.SIGKILL) // only after a failure
	}
	f.steps.Wait()
}
