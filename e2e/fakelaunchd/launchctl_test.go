//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/internal/plist"
)

// asProgram makes this test binary the program.
const asProgram = "APEXD_TEST_AS_FAKELAUNCHD"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// world is one launchd, and a launchctl that asks it.
type world struct {
	t   *testing.T
	dir string
	ctl launchd.Launchctl
	gui launchd.Domain
}

func start(t *testing.T, args ...string) world {
	t.Helper()
	dir, err := os.MkdirTemp("", "launchd") // t.TempDir's name may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(asProgram, "1")
	t.Setenv(dirVariable, dir)
	t.Setenv("GORACE", "atexit_sleep_ms=0") // this program is launchctl: with the race detector each call would take a second more
	cmd := exec.Command(os.Args[0], append([]string{"-serve", dir}, args...)...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
		defer late.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the launchd: %v", err)
		}
		os.RemoveAll(dir)
	})
	w := world{t, dir, launchd.Launchctl{Program: os.Args[0]}, launchd.GUI(os.Getuid())}
	w.until("it answers", func() bool { _, err := os.Stat(socketIn(dir)); return err == nil })
	return w
}

// until asks until ok: another process tells nothing of itself.
func (w world) until(what string, ok func() bool) {
	w.t.Helper()
	tick, bound := time.NewTicker(5*time.Millisecond), time.NewTimer(30*time.Second)
	defer tick.Stop()
	defer bound.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-bound.C:
			w.t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// write makes a property list that runs a line of shell.
func (w world) write(label, script string, change func(*launchd.PropertyList)) string {
	w.t.Helper()
	p := launchd.PropertyList{Label: label, ProgramArguments: []string{"/bin/sh", "-c", script}, RunAtLoad: true, ExitTimeOut: 20}
	if change != nil {
		change(&p)
	}
	text, err := plist.Encode(p)
	if err != nil {
		w.t.Fatal(err)
	}
	path := filepath.Join(w.dir, label+".plist")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func (w world) load(label, path string) {
	w.t.Helper()
	if err := w.ctl.Load(w.t.Context(), w.gui, label, path); err != nil {
		w.t.Fatalf("load: %v", err)
	}
}

func (w world) job(label string) launchd.Job {
	w.t.Helper()
	j, err := w.ctl.Print(w.t.Context(), w.gui, label)
	if err != nil {
		w.t.Fatalf("print: %v", err)
	}
	return j
}

const forever = "exec sleep 1000"

// TestRestart is the pain of launchd: a label is there for a while after bootout, whatever that said, and a bootstrap that comes too early is refused.
func TestRestart(t *testing.T) {
	for _, args := range [][]string{nil, {"-old"}, {"-nobootstrap", "-release", "0"}} {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			w := start(t, args...)
			path := w.write("a", forever, nil)
			w.load("a", path)
			for range 5 {
				before := w.job("a")
				if before.State != launchd.StateRunning || before.PID == 0 {
					t.Fatalf("%+v, want it running", before)
				}
				if err := w.ctl.Unload(t.Context(), w.gui, "a", path); err != nil {
					t.Fatal(err)
				}
				if !errors.Is(syscall.Kill(before.PID, 0), syscall.ESRCH) {
					t.Fatalf("the process %d is left", before.PID)
				}
				if _, err := w.ctl.Print(t.Context(), w.gui, "a"); !errors.Is(err, launchd.ErrNotLoaded) {
					t.Fatalf("print after unload: %v", err)
				}
				w.load("a", path)
			}
		})
	}
}

// TestTooEarly: without waiting, the machine says what the real one says, and Load outlasts it.
func TestTooEarly(t *testing.T) {
	w := start(t, "-release", "3s")
	path := w.write("a", "trap 'sleep 2; exit 0' TERM; while :; do sleep 0.05; done", nil) // long enough for six commands on a loaded machine
	w.load("a", path)
	var seen []string
	bootstrap := func() {
		out, _ := exec.Command(os.Args[0], "bootstrap", string(w.gui), path).CombinedOutput()
		seen = append(seen, strings.TrimSpace(string(out)))
	}
	bootstrap()
	if out, err := exec.Command(os.Args[0], "bootout", w.gui.Target("a")).CombinedOutput(); err != nil && !strings.Contains(string(out), "36: Operation now in progress") {
		t.Fatalf("%v %s", err, out)
	}
	if j := w.job("a"); !j.Ending() || j.PID == 0 {
		t.Errorf("%+v, want it ending", j)
	}
	bootstrap()
	bootstrap()
	slices.Sort(seen)
	want := []string{"Bootstrap failed: 37: Operation already in progress", "Bootstrap failed: 5: Input/output error", "Bootstrap failed: 5: Input/output error"}
	if !slices.Equal(seen, want) {
		t.Errorf("bootstrap says %q, want %q", seen, want)
	}
	w.load("a", path)
	if j := w.job("a"); j.Ending() || j.Runs != 1 {
		t.Errorf("%+v, want a new job", j)
	}
}

func TestRefusals(t *testing.T) {
	w := start(t)
	ctx := t.Context()
	ok := w.write("a", forever, nil)
	writable := w.write("b", forever, nil)
	if err := os.Chmod(writable, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := w.ctl.Disable(ctx, w.gui, "c"); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		err  error
		is   error
		says string
	}{
		{"no domain", w.ctl.Load(ctx, launchd.GUI(99999), "a", ok), launchd.ErrNoDomain, "nobody is logged in at the screen"},
		{"another session's", w.ctl.Load(ctx, launchd.User(os.Getuid()), "a", ok), nil, "LimitLoadToSessionType"},
		{"one that others can write", w.ctl.Load(ctx, w.gui, "b", writable), nil, "may be written by others"},
		{"disabled", w.ctl.Load(ctx, w.gui, "c", w.write("c", forever, nil)), launchd.ErrDisabled, "disabled"},
		{"no such job", w.ctl.Kill(ctx, w.gui, "d", "SIGHUP"), launchd.ErrNotLoaded, "Could not find service"},
		{"an unknown key", w.ctl.Load(ctx, w.gui, "e", w.raw("e")), nil, "no property list"},
	} {
		if row.err == nil || row.is != nil && !errors.Is(row.err, row.is) || !strings.Contains(row.err.Error(), row.says) {
			t.Errorf("%s: %v, want %v and %q", row.name, row.err, row.is, row.says)
		}
	}
	if err := w.ctl.Unload(ctx, w.gui, "a", ok); err != nil {
		t.Errorf("unload of what is not loaded: %v", err)
	}
	j, err := w.ctl.Find(ctx, launchd.Domains("user", os.Getuid()), "a")
	if !errors.Is(err, launchd.ErrNotLoaded) || j.Domain != w.gui {
		t.Errorf("find: %+v, %v", j, err)
	}
	if _, err := w.ctl.Find(ctx, []launchd.Domain{launchd.GUI(99999)}, "a"); !errors.Is(err, launchd.ErrNoDomain) {
		t.Errorf("find without a domain: %v", err)
	}
	if errors.Is(err, fs.ErrPermission) {
		t.Errorf("%v is a matter of permission", err)
	}
}

// raw is a property list with a key that nobody knows.
func (w world) raw(label string) string {
	path := w.write(label, forever, nil)
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(b), "RunAtLoad", "RunAtLaod", 1)), 0o644)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return path
}

// TestSystem: a daemon of the system's is root's, or UserName's with all of that user's groups; others may look at it, and no more.
func TestSystem(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, whose domain it is")
	}
	w := start(t, "-uid", "4242") // root is not logged in
	for label, user := range map[string]string{"roots": "", "users": "nobody", "nobodys": "no-such-user"} {
		out := filepath.Join(w.dir, label)
		path := w.write(label, "id -Gn >"+out+".new; echo $HOME >>"+out+".new; mv "+out+".new "+out+"; "+forever, func(p *launchd.PropertyList) { p.UserName = user })
		if err := errors.Join(os.WriteFile(out+".new", nil, 0o666), os.Chmod(w.dir, 0o777), os.Chmod(out+".new", 0o666), w.ctl.Load(t.Context(), launchd.System, label, path)); err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"": "root " + os.Getenv("HOME"), "nobody": "nogroup /nonexistent"}[user]
		if want == "" {
			j, err := w.ctl.Print(t.Context(), launchd.System, label)
			if err != nil || j.PID != 0 || j.ExitCode != exConfig {
				t.Errorf("as a user whom nobody knows: %+v, %v", j, err)
			}
			continue
		}
		w.until(label+" has said who it is", func() bool { _, err := os.Stat(out); return err == nil })
		if got, err := os.ReadFile(out); strings.Join(strings.Fields(string(got)), " ") != want {
			t.Errorf("%s: %q, %v, want %q", label, got, err, want)
		}
	}
	for _, row := range []struct{ verb, says string }{
		{"bootstrap system " + filepath.Join(w.dir, "roots.plist"), "Bootstrap failed: 5: Input/output error"},
		{"bootout system/roots", "Boot-out failed: 1: Operation not permitted"},
		{"disable system/roots", "1: Operation not permitted"},
		{"kickstart system/roots", "1: Operation not permitted"},
		{"kill SIGHUP system/roots", "1: Operation not permitted"},
		{"kill SIGHUP gui/4242/roots", "1: Operation not permitted"},
		{"print system/roots", "state = running"},
	} {
		if out := w.as(65534, strings.Fields(row.verb)...); !strings.Contains(out, row.says) {
			t.Errorf("launchctl %s as somebody: %q, want %q", row.verb, out, row.says)
		}
	}
	if out := w.as(65534, "print", "system/roots"); !strings.Contains(out, "type = LaunchDaemon") {
		t.Errorf("%s", out)
	}
}

// as is launchctl as that user. He asks without another process, which could not execute this one.
func (w world) as(uid int, args ...string) string {
	w.t.Helper()
	a, err := question{args, uid}.put(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.Out + a.Err
}

func TestOverrides(t *testing.T) {
	for _, args := range [][]string{nil, {"-old"}} {
		w := start(t, args...)
		for _, want := range []bool{true, false, true} {
			change := w.ctl.Enable
			if want {
				change = w.ctl.Disable
			}
			if err := change(t.Context(), w.gui, "a"); err != nil {
				t.Fatal(err)
			}
			if got, err := w.ctl.Disabled(t.Context(), w.gui, "a"); err != nil || got != want {
				t.Errorf("%v: disabled %t, %v, want %t", args, got, err, want)
			}
		}
	}
}

// TestKeepAlive: restarted after a failure, not after success, and not sooner than the throttle interval allows.
func TestKeepAlive(t *testing.T) {
	w := start(t)
	kept := func(p *launchd.PropertyList) { p.KeepAlive, p.ThrottleInterval = &launchd.KeepAlive{}, 1 }
	mark := filepath.Join(w.dir, "mark")
	w.load("fails", w.write("fails", "test -e "+mark+" && "+forever+"; exit 3", kept))
	w.load("succeeds", w.write("succeeds", "exit 0", kept))
	w.load("killed", w.write("killed", "test -e "+mark+" && "+forever+"; kill -9 $$", kept))
	w.load("cannot", w.write("cannot", "", func(p *launchd.PropertyList) { p.ProgramArguments[0] = "/nonexistent" }))
	for label, native := range map[string]string{
		"fails": "spawn scheduled, last exit code 3", "succeeds": "not running, last exit code 0", "killed": "spawn scheduled, last terminating signal killed: 9",
		"cannot": "not running, last exit code 78",
	} {
		w.until(label+" is "+native, func() bool { return w.job(label).Native() == native })
	}
	if err := os.WriteFile(mark, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, label := range []string{"fails", "killed"} {
		w.until(label+" runs", func() bool { return w.job(label).State == launchd.StateRunning })
		if j := w.job(label); j.Runs < 2 {
			t.Errorf("%s: %+v", label, j)
		}
	}
	if j := w.job("succeeds"); j.Runs != 1 {
		t.Errorf("what has succeeded was restarted: %+v", j)
	}
	path := filepath.Join(w.dir, "fails.plist")
	if err := errors.Join(w.ctl.Unload(t.Context(), w.gui, "fails", path), w.ctl.Load(t.Context(), w.gui, "fails", path)); err != nil {
		t.Fatal(err)
	}
	w.until("a job that was loaded again is not throttled", func() bool { return w.job("fails").Runs == 1 })
}

func TestKickstart(t *testing.T) {
	w := start(t, "-pend")
	w.load("a", w.write("a", forever, nil))
	if j := w.job("a"); j.PID != 0 || j.Pended != "speculative" {
		t.Fatalf("%+v, want it held back", j)
	}
	for range 2 {
		if err := w.ctl.Kickstart(t.Context(), w.gui, "a"); err != nil {
			t.Fatal(err)
		}
	}
	if j := w.job("a"); j.PID == 0 || j.Runs != 1 || j.Pended != "" {
		t.Errorf("%+v, want it running", j)
	}
}

// TestGroup: what the process leaves in its group goes with it.
func TestGroup(t *testing.T) {
	w := start(t)
	file := filepath.Join(w.dir, "pid")
	w.load("a", w.write("a", "sleep 1000 & echo $! >"+file+".new; mv "+file+".new "+file+"; exit 0", nil))
	var pid int
	w.until("it has a child", func() bool {
		b, err := os.ReadFile(file)
		if err == nil {
			_, err = fmt.Sscan(string(b), &pid)
		}
		return err == nil
	})
	w.until("the child is gone", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
}

// TestStuck: a label that is not released is an error in the end, and not waited for any longer than the caller allows.
func TestStuck(t *testing.T) {
	w := start(t, "-release", "1h")
	path := w.write("a", forever, nil)
	w.load("a", path)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := w.ctl.Unload(ctx, w.gui, "a", path); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "launchd still has") {
		t.Errorf("unload: %v", err)
	}
}
