package supervise

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

func TestLastWins(t *testing.T) {
	got := lastWins([]string{"A=1", "B=2", "A=3", "C=", "B=", "D"})
	want := []string{"A=3", "B=", "C=", "D"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestInherited(t *testing.T) {
	env := []string{
		"PATH=/bin", "APEX_DAEMON_MODE=1", "APEX_PROJECT_PATH=/p", "APEX_DAEMON_NAME=web", "APEX_PID_FILE=/p/x", "APEX_LOG_FILE=/p/y", "APEX_LOG_LEVEL=debug",
		"APEX_POLL_INTERVAL=1", "APEX_STOP_TIMEOUT=1s", StopEventVar + "=e", "NOTIFY_SOCKET=/s", "WATCHDOG_USEC=1", "WATCHDOG_PID=1", "LISTEN_FDS=1",
		"LISTEN_PID=1", "LISTEN_FDNAMES=a", "FDSTORE=1", "APEX_API_KEY=kept", "INVOCATION_ID=kept",
	}
	if got, want := inherited(env), []string{"PATH=/bin", "APEX_API_KEY=kept", "INVOCATION_ID=kept"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestDescribe(t *testing.T) {
	tests := []struct {
		exit service.Exit
		text string
		code int
	}{
		{service.Exit{Code: 3}, "exited with status 3", 3},
		{service.Exit{}, "exited with status 0", 0},
		{service.Exit{Code: -1, Signal: "SIGKILL"}, "was ended by SIGKILL", 137},
		{service.Exit{Code: windowsCode(0xC0000005)}, "exited with status 0xC0000005 (STATUS_ACCESS_VIOLATION)", windowsCode(0xC0000005)},
	}
	for _, tt := range tests {
		if got := Describe(tt.exit); got != tt.text {
			t.Errorf("%q, want %q", got, tt.text)
		}
		if got := (&ExitError{Exit: tt.exit}).Code(); got != tt.code {
			t.Errorf("code %d of %q, want %d", got, tt.text, tt.code)
		}
	}
}

func TestTimer(t *testing.T) {
	var tm timer
	fired := 0
	wait := func() {
		t.Helper()
		select {
		case <-tm.c:
			tm.fire()
		case <-time.After(30 * time.Second):
			t.Fatal("it does not fire")
		}
	}
	tm.set(time.Hour, func() { t.Error("the replaced function was called") })
	tm.set(time.Millisecond, func() { fired++ })
	wait()
	if fired != 1 || tm.c != nil {
		t.Errorf("fired %d times, channel %v", fired, tm.c)
	}
	tm.extend(time.Millisecond) // not armed: nothing happens
	if tm.c != nil {
		t.Error("extend armed it")
	}
	tm.set(time.Millisecond, func() { t.Error("a stopped timer fired") })
	tm.stop()
	tm.fire()
	began := time.Now()
	tm.set(time.Millisecond, func() { fired++ })
	tm.extend(30 * time.Millisecond)
	tm.extend(time.Microsecond) // never earlier
	wait()
	if fired != 2 || time.Since(began) < 30*time.Millisecond {
		t.Errorf("fired %d times, after %s", fired, time.Since(began))
	}
}

// TestTimerSoon: to be armed again and again puts it off for the limit and no longer, and each time anew after it has run out or was stopped.
func TestTimerSoon(t *testing.T) {
	var tm timer
	for _, end := range []func(){func() { <-tm.c; tm.fire() }, tm.stop, func() { tm.set(time.Hour, nil) }, func() {}} {
		tm.soon(time.Hour, 2*time.Hour)
		if left := time.Until(tm.at); left < 59*time.Minute || left > time.Hour {
			t.Errorf("first it has %s", left)
		}
		tm.by = time.Now() // two hours later
		tm.soon(time.Hour, 2*time.Hour)
		if left := time.Until(tm.at); left > 0 {
			t.Errorf("at its limit it has %s", left)
		}
		end()
	}
}

// TestNeedsRestart: what a reload does not take over is said.
func TestNeedsRestart(t *testing.T) {
	a := service.Spec{Command: []string{"x", "y"}, Env: []string{"A=1"}, StopTimeout: time.Second}
	tests := []struct {
		name             string
		change           func(*service.Spec)
		restart, install string
	}{
		{"nothing", func(*service.Spec) {}, "", ""},
		{"stop timeout", func(s *service.Spec) { s.StopTimeout = 2 }, "", "stopTimeout"},
		{"signals", func(s *service.Spec) { s.StopSignal, s.ReloadSig = "SIGINT", "SIGHUP" }, "", ""},
		{"policy", func(s *service.Spec) { s.Restart.Limit = 9 }, "", "restart"},
		{"argument", func(s *service.Spec) { s.Command = []string{"x", "z"} }, "command", ""},
		{"one argument less", func(s *service.Spec) { s.Command = []string{"x"} }, "command", ""},
		{"environment", func(s *service.Spec) { s.Env = nil }, "environment", ""},
		{"directory", func(s *service.Spec) { s.Dir = "/" }, "workingDirectory", ""},
		{"watchdog", func(s *service.Spec) { s.Watchdog = 1 }, "watchdog", "watchdog"},
		{"times of readiness", func(s *service.Spec) { s.Readiness.Settle, s.Readiness.Interval = 1, 1 }, "", ""},
		{"limit of readiness", func(s *service.Spec) { s.Readiness.Timeout = 1 }, "", "readiness.timeout"},
		{"kind of readiness", func(s *service.Spec) { s.Readiness.Kind = service.ReadyNotify }, "readiness", ""},
		{"URL", func(s *service.Spec) { s.Readiness.URL = "http://127.0.0.1/" }, "readiness", ""},
		{"address", func(s *service.Spec) { s.Readiness.Address = "127.0.0.1:1" }, "readiness", ""},
		{"pattern", func(s *service.Spec) { s.Readiness.Pattern = regexp.MustCompile("x") }, "readiness", ""},
		{"log", func(s *service.Spec) { s.Log.Path, s.Log.Store = "/x", "journal" }, "log.store, logFile", ""},
		{"bounds of the log", func(s *service.Spec) { s.Log.MaxSize, s.Log.Level = 1, "warn" }, "", ""},
		{"API", func(s *service.Spec) { s.API.Address = "127.0.0.1:1" }, "api.address", ""},
		{"socket", func(s *service.Spec) { s.Sockets = []service.Socket{{Name: "http"}} }, "sockets", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := a
			tt.change(&b)
			if got := strings.Join(needsRestart(a, b), ", "); got != tt.restart {
				t.Errorf("with a restart: %q, want %q", got, tt.restart)
			}
			if got := strings.Join(needsInstall(a, b), ", "); got != tt.install {
				t.Errorf("with an installation: %q, want %q", got, tt.install)
			}
		})
	}
}

func TestLookPath(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, mode os.FileMode) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("bin/tool.exe", 0o755)
	write("bin/plain.exe", 0o644)
	write("other/plain.exe", 0o755)
	env := []string{"PATH=" + filepath.Join(dir, "none") + string(os.PathListSeparator) + "bin" + string(os.PathListSeparator) + "other"}
	tests := []struct {
		name, command string
		want          string // below dir; "" is an error
		says          string
	}{
		{"in a relative PATH element", "tool.exe", "bin/tool.exe", ""},
		{"a path relative to the directory", "./bin/tool.exe", "bin/tool.exe", ""},
		{"absolute", filepath.Join(dir, "bin", "tool.exe"), "bin/tool.exe", ""},
		{"missing name", "nothing.exe", "", "no such program"},
		{"missing path", "./nothing.exe", "", "no such program"},
		{"directory", "./bin", "", "bin"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := lookPath(tt.command, dir, env)
			if tt.want == "" {
				if err == nil || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%q, %v, want an error with %q", got, err, tt.says)
				}
				return
			}
			if err != nil || got != filepath.Join(dir, filepath.FromSlash(tt.want)) {
				t.Errorf("%q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

// TestCheckCommandDir: that there is no place to run is not said of the program.
func TestCheckCommandDir(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, row := range []struct {
		dir  string
		want error
	}{{dir, nil}, {filepath.Join(dir, "gone"), errNoDir}, {exe, errNoDir}} {
		err := CheckCommand(service.Spec{Command: []string{exe}, Dir: row.dir})
		if !errors.Is(err, row.want) || err != nil && (!strings.Contains(err.Error(), strconv.Quote(row.dir)) || !strings.Contains(Hint(err), "workingDirectory")) {
			t.Errorf("%s: %v, hint %q, want %v", row.dir, err, Hint(err), row.want)
		}
	}
}
