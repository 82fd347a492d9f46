//go:build unix

package backends_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/service"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// shop is a project whose daemon is apexd, with a manager of it.
type shop struct {
	t   *testing.T
	dir string
	*service.Manager
}

// openShop has script run by a shell, which is ready when it says so. What is left of it is killed at the end.
func openShop(t *testing.T, script string, set func(*backends.Options)) *shop {
	t.Helper()
	s := &shop{t: t, dir: t.TempDir()}
	s.configure(map[string]any{"command": []string{"/bin/sh", "-c", script}})
	o := backends.Options{ProjectPath: s.dir, Exec: []string{os.Args[0], apexdArg}}
	if set != nil {
		set(&o)
	}
	var err error
	if s.Manager, err = backends.Open(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if _, err := s.Kill(ctx); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// configure writes the configuration: command, and what the tests have in common.
func (s *shop) configure(daemon map[string]any) {
	s.t.Helper()
	daemon["readiness"] = map[string]any{"type": "log", "pattern": "^ready$", "timeout": "20s"}
	daemon["restart"], daemon["reloadSignal"] = "never", "SIGHUP"
	b, err := json.Marshal(map[string]any{"daemon": daemon})
	if err := errors.Join(err, os.MkdirAll(filepath.Join(s.dir, ".apex"), 0o755), os.WriteFile(filepath.Join(s.dir, ".apex", "config.yaml"), b, 0o644)); err != nil {
		s.t.Fatal(err)
	}
}

// is says what status says.
func (s *shop) is(ctx context.Context) string {
	s.t.Helper()
	st, err := s.Status(ctx)
	if err != nil {
		s.t.Error(err)
	}
	if running, err := s.Running(ctx); running != st.Running || err != nil {
		s.t.Errorf("Running: %v, %v, and the status says %v", running, err, st.Running)
	}
	return string(st.State)
}

// obedient serves, says what it is told, and ends when it is asked to.
const obedient = `trap 'echo told' HUP; trap 'exit 0' TERM; echo ready; while :; do sleep 600 & wait $!; done`

// deaf is not ended by a request.
const deaf = `trap '' TERM; echo ready; while :; do sleep 600 & wait $!; done`

// TestLife is a daemon's life as a program leads it.
func TestLife(t *testing.T) {
	s := openShop(t, obedient, nil)
	ctx := t.Context()
	first := 0
	said := func(what any, err error) string { return fmt.Sprint(what, " ", service.CodeOf(err)) }
	for _, step := range []struct {
		name string
		do   func() string
		want string
		is   string // afterwards
	}{
		{"stop before the first start", func() string { return said(s.Stop(ctx)) }, "false ", "stopped"},
		{"kill before the first start", func() string { return said(s.Kill(ctx)) }, "false ", "stopped"},
		{"reload before the first start", func() string { return said("", s.Reload(ctx)) }, " NOT_RUNNING", "stopped"},
		{"start", func() string {
			pid, err := s.Start(ctx)
			first = pid
			return said(pid > 1, err)
		}, "true ", "running"},
		{"start again", func() string {
			_, err := s.Start(ctx)
			var e *service.Error
			return said(errors.As(err, &e) && e.PID == first, err)
		}, "true ALREADY_RUNNING", "running"},
		{"reload", func() string { return said("", s.Reload(ctx)) }, " ", "running"},
		{"restart", func() string {
			pid, err := s.Restart(ctx)
			return said(pid > 1 && pid != first, err)
		}, "true ", "running"},
		{"stop", func() string { return said(s.Stop(ctx)) }, "true ", "stopped"},
		{"restart of none", func() string {
			pid, err := s.Restart(ctx)
			return said(pid > 1, err)
		}, "true ", "running"},
		{"kill", func() string { return said(s.Kill(ctx)) }, "true ", "stopped"},
		{"kill again", func() string { return said(s.Kill(ctx)) }, "false ", "stopped"},
	} {
		if got := step.do(); got != step.want {
			t.Fatalf("%s: %q, want %q", step.name, got, step.want)
		}
		if is := s.is(ctx); is != step.is {
			t.Fatalf("after %s it is %s, want %s", step.name, is, step.is)
		}
	}
}

// TestStatus: the facts of a running daemon.
func TestStatus(t *testing.T) {
	s := openShop(t, obedient, func(o *backends.Options) { o.Name = "web" })
	pid, err := s.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "web" || got.Project != dir || got.PID == nil || *got.PID != pid || got.Ready == nil || !*got.Ready || got.Backend != string(service.KindDirect) {
		t.Errorf("%+v", got)
	}
	if _, err := os.Stat(filepath.Join(dir, ".apex", "web.pid")); err != nil {
		t.Error(err)
	}
}

// TestStartFails: the reason and the last words come with the error, and nothing is left.
func TestStartFails(t *testing.T) {
	for _, row := range []struct {
		name   string
		script string
		set    func(*backends.Options)
		code   service.Code
		exit   *service.Exit
		log    string // a line of it
	}{
		{"it ends before it is ready", "echo no database; exit 3", nil, service.CodeStartFailed, &service.Exit{Code: 3}, "no database"},
		{"a signal ends it", "echo bye; kill -9 $$", nil, service.CodeStartFailed, &service.Exit{Code: -1, Signal: "SIGKILL"}, "bye"},
		{"there is no such program", "", func(o *backends.Options) { o.Command = []string{"no-such-program-9"} }, service.CodeStartFailed, nil, ""},
		{"there is no apexd", obedient, func(o *backends.Options) { o.Exec = []string{"/nonexistent/apexd"} }, service.CodeStartFailed, nil, ""},
		{"apexd dies without an answer", obedient, func(o *backends.Options) { o.Exec = []string{"/bin/sh", "-c", "exit 7"} }, service.CodeStartFailed, nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := openShop(t, row.script, row.set)
			pid, err := s.Start(t.Context())
			var e *service.Error
			if !errors.As(err, &e) || e.Code != row.code || pid != 0 {
				t.Fatalf("PID %d, %v, want %s", pid, err, row.code)
			}
			if row.exit != nil && (e.Exit == nil || e.Exit.Code != row.exit.Code || e.Exit.Signal != row.exit.Signal) {
				t.Errorf("exit %+v, want %+v", e.Exit, row.exit)
			}
			if row.log != "" && !slices.Contains(e.Log, row.log) {
				t.Errorf("log %q, want %q in it", e.Log, row.log)
			}
			if running, err := s.Running(t.Context()); running || err != nil {
				t.Errorf("running %v, %v", running, err)
			}
		})
	}
}

// TestOpenRefuses: what is wrong is said before anything is started.
func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	for _, row := range []struct {
		name string
		o    backends.Options
		code service.Code
	}{
		{"no such project", backends.Options{ProjectPath: filepath.Join(dir, "none")}, service.CodeConfigInvalid},
		{"a name that is none", backends.Options{ProjectPath: dir, Name: "../x"}, service.CodeConfigInvalid},
		{"no apexd in PATH", backends.Options{ProjectPath: dir}, service.CodeStartFailed},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := backends.Open(row.o); service.CodeOf(err) != row.code {
				t.Errorf("%v, want %s", err, row.code)
			}
		})
	}
}

// TestRestartChecksFirst: a configuration with an error leaves the running daemon alone.
func TestRestartChecksFirst(t *testing.T) {
	for _, row := range []struct {
		name   string
		config map[string]any
		code   service.Code
	}{
		{"an unknown key", map[string]any{"comand": "x"}, service.CodeConfigInvalid},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := openShop(t, obedient, nil)
			pid, err := s.Start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s.configure(row.config)
			if _, err := s.Restart(t.Context()); service.CodeOf(err) != row.code {
				t.Errorf("%v, want %s", err, row.code)
			}
			if st, err := s.Status(t.Context()); err != nil || st.PID == nil || *st.PID != pid {
				t.Errorf("%+v, %v: the daemon is not the same", st, err)
			}
		})
	}
}

// TestManyStarts: of many managers one starts the daemon.
func TestManyStarts(t *testing.T) {
	s := openShop(t, obedient, nil)
	codes := make([]service.Code, 8)
	var all sync.WaitGroup
	for i := range codes {
		all.Go(func() {
			_, err := s.Start(t.Context())
			codes[i] = service.CodeOf(err)
		})
	}
	all.Wait()
	slices.Sort(codes)
	want := slices.Repeat([]service.Code{service.CodeAlreadyRunning}, len(codes))
	want[0] = ""
	if !slices.Equal(codes, want) {
		t.Errorf("%q", codes)
	}
}

// TestCancelled: a call returns when its context is done, and says so; a start that is given up leaves nothing.
func TestCancelled(t *testing.T) {
	t.Run("start", func(t *testing.T) {
		s := openShop(t, `trap 'exit 0' TERM; echo not yet; while :; do sleep 600 & wait $!; done`, nil)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			s.await("starting")
			cancel()
		}()
		if pid, err := s.Start(ctx); pid != 0 || !errors.Is(err, context.Canceled) || service.CodeOf(err) != service.CodeStartFailed {
			t.Errorf("PID %d, %v", pid, err)
		}
		if is := s.is(t.Context()); is != "stopped" {
			t.Errorf("it is %s", is)
		}
	})
	t.Run("stop", func(t *testing.T) {
		s := openShop(t, deaf, nil)
		if _, err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		calledOff := errors.New("called off")
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		go func() {
			s.await("stopping")
			cancel(calledOff)
		}()
		if stopped, err := s.Stop(ctx); stopped || !errors.Is(err, context.Canceled) || !errors.Is(err, calledOff) || service.CodeOf(err) != service.CodeStopFailed {
			t.Errorf("stopped %v, %v", stopped, err)
		}
		if is := s.is(t.Context()); is != "stopping" {
			t.Errorf("it is %s: a stop that is not waited for goes on", is)
		}
		if killed, err := s.Kill(t.Context()); !killed || err != nil {
			t.Errorf("kill: %v, %v", killed, err)
		}
	})
}

// await returns when the daemon is in a state, or patience has ended.
func (s *shop) await(state service.State) {
	for end := time.Now().Add(patience); time.Now().Before(end); <-time.After(2 * time.Millisecond) { // polling: the library has no event for it
		if st, err := s.Status(context.Background()); err == nil && st.State == state {
			return
		}
	}
}

// TestOutput: every line from the start on is handed over, in order, and none after Close.
func TestOutput(t *testing.T) {
	var mu sync.Mutex
	var got []string
	lines := make(chan string, 100) // more than there are
	s := openShop(t, "echo one; echo two; "+obedient, func(o *backends.Options) {
		o.OnOutput = func(line string) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, line)
			lines <- line
		}
		o.OnError = func(err error) { t.Error(err) }
	})
	if _, err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for end := time.After(patience); ; {
		select {
		case line := <-lines:
			if line == "told" {
				goto heard
			}
			continue
		case <-end:
			t.Fatalf("the workload was not heard: %q", got)
		}
	}
heard:
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	own := slices.DeleteFunc(got, func(l string) bool {
		return strings.HasPrefix(l, "time=") || l == "Hangup" // the shell's word on its sleep, which is signalled too
	})
	if want := []string{"one", "two", "ready", "told"}; !slices.Equal(own, want) {
		t.Errorf("%q, want %q", own, want)
	}
}

// TestOutputError: that the output cannot be followed is said, and does not keep the daemon from being tried.
func TestOutputError(t *testing.T) {
	errs := make(chan error, 1)
	s := openShop(t, obedient, func(o *backends.Options) {
		o.LogFile = filepath.Join(o.ProjectPath, "none", "deeper", "daemon.log")
		o.OnOutput = func(string) {}
		o.OnError = func(err error) { errs <- err }
	})
	if err := os.WriteFile(filepath.Join(s.dir, "none"), nil, 0o600); err != nil { // where a directory should be
		t.Fatal(err)
	}
	if _, err := s.Start(t.Context()); service.CodeOf(err) != service.CodeStartFailed {
		t.Errorf("start: %v", err)
	}
	select {
	case <-errs:
	case <-time.After(patience):
		t.Error("OnError was not called")
	}
}
