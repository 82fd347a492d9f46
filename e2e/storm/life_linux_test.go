package storm

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var stormRestarts = flag.Int("storm.restarts", 0, "how often TestLongLife has the workload fail and come back; 0 is some hundred")

const (
	lifeReload = 50        // restarts between two reloads
	lifeUSS    = 3 << 10   // KiB that the heap may have grown by: one collection more or less
	lifeStates = 256 << 10 // bytes of history, docs/files.md
	lifeLine   = 500       // bytes that a run writes, at least
	lifeLog    = 8 << 10   // bytes of a log file, as newProject configures it
)

// life is a daemon in the foreground, child of the test, whose workload runs until it is told to fail.
type life struct {
	*project
	cmd       *exec.Cmd
	up, ahead *os.File // FIFOs: a byte from each run, a line for each end
	errs      bytes.Buffer
	runs      int
}

// TestLongLife: a daemon whose workload has failed and come back for as often as others do in months, with reloads, rotations and readers in between, is what it was: as many
// descriptors, threads, goroutines, children and files, no more memory. When it has ended nothing of it is left but what docs/files.md names.
func TestLongLife(t *testing.T) {
	total := *stormRestarts
	if total == 0 {
		total = scaled(300, 60)
	}
	young := newLife(t)
	young.again(2) // nothing was rotated yet
	young.heals()
	anything := weight{1 << 30, 1 << 30, 1 << 30, 1 << 30}
	calm := young.rests(anything)
	fresh := young.goroutines()
	l := newLife(t)
	settle := max(min(total/10, 2000), 30) // the heap, the history and the log have their sizes by then
	l.again(settle)
	limit := anything
	limit.fds = calm.fds
	began, first := time.Now(), l.rests(limit)
	t.Logf("after %d restarts: %s", l.runs-1, first)
	reloads, next := 0, total/10
	for l.runs <= total {
		l.again(min(lifeReload, total+1-l.runs))
		l.reload()
		reloads++
		if l.runs > next {
			t.Logf("after %d restarts: %s", l.runs-1, weigh(t, l.pid()))
			next += total / 10
		}
	}
	limit = weight{calm.fds, first.threads + 2, first.children, first.uss + lifeUSS}
	last := l.rests(limit)
	t.Logf("%d restarts, %d reloads and %d rotations or more in %s: %s", l.runs-1-settle, reloads, l.runs*lifeLine/lifeLog, time.Since(began).Round(time.Millisecond), last)
	if !last.within(limit) {
		t.Errorf("more than %s", limit)
	}
	if fi, err := os.Stat(l.apex("daemon.history")); err != nil || fi.Size() > lifeStates {
		t.Errorf("the history: %v, %v", fi, err)
	}
	n := l.goroutines()
	if t.Logf("%d goroutines, and %d of a young one", n, fresh); n > fresh {
		t.Errorf("there were fewer:\n%s", l.errs.Bytes())
	}
	l.leavesNothing()
}

// newLife starts a daemon, and returns when its workload runs.
func newLife(t *testing.T) *life {
	t.Helper()
	l := &life{project: newProject(t)}
	l.atOnce = true // or a hundred thousand restarts were half an hour of waiting
	const script = `echo ready; echo "$LINE"; echo >"$1/up"; read -r x <"$1/go"; exit 1`
	l.configure([]string{"/bin/sh", "-c", script, "sh", l.dir})
	var err error
	for name, f := range map[string]**os.File{"up": &l.up, "go": &l.ahead} {
		path := filepath.Join(l.dir, name)
		if err = syscall.Mkfifo(path, 0o600); err == nil {
			*f, err = os.OpenFile(path, os.O_RDWR, 0) // of both ends, so that nobody waits for another to open it (fifo(7))
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { (*f).Close() })
	}
	l.cmd = exec.Command(program(), "run", "--project", l.dir)
	l.cmd.Stderr = &l.errs
	l.cmd.Env, l.cmd.Dir = append(slices.Clone(l.env), "LINE="+strings.Repeat("x", lifeLine)), l.home
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.end)
	l.awaitRun()
	return l
}

func (l *life) pid() int { return l.cmd.Process.Pid }

// awaitRun returns when the next run of the workload has begun.
func (l *life) awaitRun() {
	l.t.Helper()
	if err := l.up.SetReadDeadline(time.Now().Add(patience)); err != nil {
		l.t.Fatal(err)
	}
	if _, err := l.up.Read(make([]byte, 1)); err != nil {
		l.t.Fatalf("run %d has not begun: %v", l.runs+1, err)
	}
	l.runs++
}

// again has the workload fail and come back n times.
func (l *life) again(n int) {
	l.t.Helper()
	for range n {
		if _, err := l.ahead.WriteString("\n"); err != nil {
			l.t.Fatal(err)
		}
		l.awaitRun()
	}
}

// reload has the daemon read its configuration again, and everybody look at it.
func (l *life) reload() {
	l.t.Helper()
	l.must("reload", 0)
	if s := l.status(); !s.Running || s.pid() != l.pid() {
		l.t.Errorf("status: %s", s)
	}
	l.must("logs", 0)
}

// rests is the daemon's weight while it does nothing but wait: the workload is ready, no rotated log is compressed, and it is within limit. When that is not so for too long it is
// returned all the same.
func (l *life) rests(limit weight) weight {
	l.t.Helper()
	for end := time.Now().Add(patience); ; <-time.After(pause) {
		ready := l.status().State == "running"
		packs, _ := filepath.Glob(l.apex("*.tmp")) // the pattern is well formed
		if w := weigh(l.t, l.pid()); ready && len(packs) == 0 && w.within(limit) || time.Now().After(end) {
			return w
		}
	}
}

// heals deletes the record and returns when the daemon has made it again: it watches its files then, which begins some time after its start.
func (l *life) heals() {
	l.t.Helper()
	if err := os.Remove(l.apex("daemon.pid")); err != nil {
		l.t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; <-time.After(pause) { // polling: each look is short
		switch b, err := os.ReadFile(l.apex("daemon.history")); {
		case err != nil:
			l.t.Fatal(err)
		case bytes.Contains(b, []byte(`"healed"`)):
			return
		case time.Now().After(end):
			l.t.Fatal("the record is not made again")
		}
	}
}

// goroutines ends the daemon by SIGABRT, upon which the Go runtime writes all of them to its standard error, and counts them: without those two that compress the last rotated log or
// return the memory for it, which may have begun since it was looked at. There are never more of them (package logfile).
func (l *life) goroutines() int {
	l.t.Helper()
	if err := l.cmd.Process.Signal(syscall.SIGABRT); err != nil {
		l.t.Fatal(err)
	}
	err := l.cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		l.t.Fatal(err)
	}
	n := bytes.Count(l.errs.Bytes(), []byte("created by github.com/")) // the others are the runtime's
	if n == 0 {
		l.t.Fatalf("there are no goroutines in\n%s", l.errs.Bytes())
	}
	for _, packs := range []string{"logfile.(*Writer).pack in", "logfile.inBackground in"} {
		n -= min(bytes.Count(l.errs.Bytes(), []byte(packs)), 1)
	}
	return n
}

// leavesNothing clears up after a daemon that was killed, and looks for what is there and was not before it was started.
func (l *life) leavesNothing() {
	l.t.Helper()
	l.must("stop", 0)
	l.none(3)
	l.tidy()
	known := []string{"home", "home/.local", "home/.local/state", "home/.local/state/apexd", "home/.local/state/apexd/daemons", "project", "project/.apex", "project/go", "project/up"}
	for _, path := range l.below(func(path string) bool { return filepath.Dir(path) == "project/.apex" || slices.Contains(known, path) }) {
		if filepath.Dir(path) != "home/.local/state/apexd/daemons" {
			l.t.Errorf("left behind: %s", path)
		}
	}
	index, err := os.ReadDir(filepath.Join(l.home, ".local", "state", "apexd", "daemons"))
	if err != nil || len(index) != 2 {
		l.t.Errorf("the index has %v, %v", index, err)
	}
}

// end is for a test that fails half-way.
func (l *life) end() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if l.cmd.ProcessState == nil {
		_ = l.command(ctx, "kill").Run() // what it leaves is found by sweep
		_ = l.cmd.Process.Kill()
		_ = l.cmd.Wait()
	}
}

// TestStartCollectsNothing: the first collection of garbage is the one that is asked for when the daemon is idle; an earlier one would keep the workload waiting.
func TestStartCollectsNothing(t *testing.T) {
	p := newProject(t)
	p.configure([]string{"/bin/sh", "-c", "echo ready; exec sleep 600"})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := p.command(ctx, "run")
	cmd.Env = append(slices.Clone(cmd.Env), "GODEBUG=gctrace=1") // a line on standard error for each (package runtime)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	settled := false
	for lines := bufio.NewScanner(r); lines.Scan(); {
		switch line := lines.Text(); {
		case settled || !strings.HasPrefix(line, "gc "):
		case !strings.HasSuffix(line, "(forced)"):
			t.Errorf("before it is idle: %s", line)
		default:
			settled = true
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil || !settled {
		t.Errorf("%v; settled %v", err, settled)
	}
	p.none(3)
}
