//go:build unix

package supervise

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// TestReadyLineComesFirst: the line that makes a workload ready is seen also when it is written before the daemon has come to wait for it.
func TestReadyLineComesFirst(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "daemon.log")
	var begun atomic.Bool
	clock := systemClock()
	slow := clock
	slow.Wall = func() time.Time { // which the daemon asks for the history's line of the start, among others
		deadline := time.After(10 * time.Second)
		for begun.Load() && !logHas(path, "more") {
			select {
			case <-time.After(time.Millisecond): // polling: the file is watched by nobody else
			case <-deadline:
				return clock.Wall()
			}
		}
		return clock.Wall()
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := Run(ctx, Options{
		Ref: pidfile.Ref{Path: filepath.Join(dir, "daemon.pid"), Project: dir},
		Spec: service.Spec{
			Project: dir, Name: "daemon", Dir: dir, StopSignal: "SIGKILL", StopTimeout: time.Second,
			Command:   []string{"/bin/sh", "-c", "echo ready; sleep 0.02; echo more; exec sleep 600"},
			Readiness: service.Readiness{Kind: service.ReadyLog, Pattern: regexp.MustCompile("^ready$"), Timeout: 3 * time.Second},
			Log:       service.LogPolicy{Path: path, MaxSize: 1 << 20, MaxFiles: 1},
		},
		NewLogger:      func(Log, service.LogPolicy) Logger { return marker{silent{}, &begun} },
		Clock:          slow,
		FirstMustStart: true,
		Report: func(_ *Daemonized, err error) {
			if err != nil {
				t.Error(err)
			}
			cancel()
		},
	})
	if err != nil {
		t.Error(err)
	}
}

// marker notes that the workload is about to be started.
type marker struct {
	Logger
	begun *atomic.Bool
}

func (m marker) Info(msg string, _ ...any) {
	if msg == launched {
		m.begun.Store(true)
	}
}

func logHas(path, text string) bool {
	b, _ := os.ReadFile(path) // not there yet is as good as empty
	return bytes.Contains(b, []byte(text))
}

// TestProgramGone: a workload that cannot be executed any more is tried again and again where the policy says so, and the daemon goes on hearing what it is asked.
func TestProgramGone(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "once")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nrm \"$0\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	requests := make(chan Request, 1)
	var again atomic.Int32
	err := Run(t.Context(), Options{
		Ref: pidfile.Ref{Path: filepath.Join(dir, "daemon.pid"), Project: dir},
		Spec: service.Spec{
			Project: dir, Name: "daemon", Dir: dir, StopSignal: "SIGTERM", StopTimeout: time.Second, Command: []string{program},
			Readiness: service.Readiness{Kind: service.ReadyStarted}, Restart: service.RestartPolicy{When: service.RestartAlways},
			Log: service.LogPolicy{Path: filepath.Join(dir, "daemon.log"), MaxSize: 1 << 20, MaxFiles: 1},
		},
		NewLogger: func(Log, service.LogPolicy) Logger {
			return onError{silent{}, func() {
				switch again.Add(1) {
				case 1:
					requests <- Request{RequestStop, "test"}
				case 1000:
					t.Error("it is tried a thousand times, and nothing else is heard")
					runtime.Goexit()
				}
			}}
		},
		Signals: requests,
	})
	if err != nil || again.Load() != 1 {
		t.Errorf("%v; it was tried %d times before the daemon heard that it is to stop", err, again.Load())
	}
}

// onError calls f for each line of level error.
type onError struct {
	Logger
	f func()
}

func (e onError) Error(string, ...any) { e.f() }
