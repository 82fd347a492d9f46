//go:build unix

package supervise

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// spoken is a daemon whose workload says what the test says: notify(1), as it were, in its name.
type spoken struct {
	t        *testing.T
	dir      string
	ref      pidfile.Ref
	requests chan Request
	lines    chan string // what is logged, without its values
	end      chan error
}

// speak runs script, which has to write where its notifications go into the file "socket", by $tell.
func speak(t *testing.T, script string, change func(*Options)) *spoken {
	t.Helper()
	dir := t.TempDir()
	s := &spoken{
		t: t, dir: dir, ref: pidfile.Ref{Path: filepath.Join(dir, "daemon.pid"), Project: dir},
		requests: make(chan Request), lines: make(chan string, 1000), end: make(chan error, 1), // more lines than any test has
	}
	const tell = `echo "$NOTIFY_SOCKET" > made; mv made socket`
	o := Options{
		Ref: s.ref,
		Spec: service.Spec{
			Project: dir, Name: "daemon", Dir: dir, StopSignal: "SIGTERM", StopTimeout: time.Second,
			Command:   []string{"/bin/sh", "-c", strings.ReplaceAll(script, "$tell", tell)},
			Readiness: service.Readiness{Kind: service.ReadyNotify, Timeout: time.Minute},
			Restart:   service.RestartPolicy{When: service.RestartNever},
			Log:       service.LogPolicy{Path: filepath.Join(dir, "daemon.log"), MaxSize: 1 << 20, MaxFiles: 1},
		},
		Signals:   s.requests,
		NewLogger: func(Log, service.LogPolicy) Logger { return s },
	}
	change(&o)
	done := make(chan struct{})
	go func() { defer close(done); s.end <- Run(t.Context(), o) }()
	t.Cleanup(func() { <-done }) // the test's context ends it, when the test has not
	return s
}

func (s *spoken) Info(msg string, _ ...any)  { s.lines <- msg }
func (s *spoken) Warn(msg string, _ ...any)  { s.lines <- msg }
func (s *spoken) Error(msg string, _ ...any) { s.lines <- msg }

// say sends a notification to where the workload's go.
func (s *spoken) say(message string) {
	s.t.Helper()
	conn := s.dial()
	defer conn.Close()
	if _, err := conn.Write([]byte(message)); err != nil {
		s.t.Fatal(err)
	}
}

// sayLate is say to a daemon that may have ended by now, or whose workload has not begun: a slow machine takes that long.
func (s *spoken) sayLate(message string) {
	name, err := os.ReadFile(filepath.Join(s.dir, "socket"))
	if err != nil {
		return
	}
	if conn, err := net.Dial("unixgram", strings.TrimSpace(string(name))); err == nil {
		_, _ = conn.Write([]byte(message))
		conn.Close()
	}
}

func (s *spoken) dial() net.Conn {
	s.t.Helper()
	path := filepath.Join(s.dir, "socket")
	s.await("the workload has begun", func() bool { _, err := os.Stat(path); return err == nil })
	name, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := net.Dial("unixgram", strings.TrimSpace(string(name)))
	if err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// await waits until what is said of the daemon is so.
func (s *spoken) await(what string, so func() bool) {
	s.t.Helper()
	for bound := time.After(20 * time.Second); !so(); {
		select {
		case <-time.After(time.Millisecond): // polling: nobody is told of what is published
		case <-bound:
			s.t.Fatalf("in vain: %s; %+v", what, s.ref.Look().Record)
		}
	}
}

func (s *spoken) awaitState(want service.State) {
	s.t.Helper()
	s.await("it is "+string(want), func() bool {
		rec, err := pidfile.Read(s.ref.Path)
		return err == nil && rec.State == want
	})
}

// awaitLine waits for a line of the log.
func (s *spoken) awaitLine(want string) {
	s.t.Helper()
	for bound := time.After(20 * time.Second); ; {
		select {
		case line := <-s.lines:
			if strings.Contains(line, want) {
				return
			}
		case <-bound:
			s.t.Fatalf("it does not say %q", want)
		}
	}
}

// ended returns what Run has returned.
func (s *spoken) ended() error {
	s.t.Helper()
	select {
	case err := <-s.end:
		return err
	case <-time.After(20 * time.Second):
		s.t.Fatalf("it does not end; %+v", s.ref.Look().Record)
		return nil
	}
}

// stop ends the daemon.
func (s *spoken) stop() {
	s.t.Helper()
	s.requests <- Request{RequestStop, "test"}
	if err := s.ended(); err != nil {
		s.t.Error(err)
	}
}

// deaf is a workload that does not hear SIGTERM.
const deaf = `trap "" TERM; $tell; while :; do sleep 1; done`

// TestReadyTooLate: the run that has missed its limit is over, whatever it says while it has its grace period.
func TestReadyTooLate(t *testing.T) {
	s := speak(t, deaf, func(o *Options) { o.Spec.Readiness.Timeout, o.FirstMustStart = 300*time.Millisecond, true })
	s.awaitLine("did not become ready in time")
	s.sayLate("READY=1")
	if err := s.ended(); service.CodeOf(err) != service.CodeStartFailed {
		t.Errorf("%v, want a start that has failed", err)
	}
}

// TestReadyAfterWatchdog: so is the run that has missed its watchdog.
func TestReadyAfterWatchdog(t *testing.T) {
	const hung = `trap "" ABRT; $tell; while :; do sleep 1; done`
	s := speak(t, hung, func(o *Options) { o.Spec.Watchdog, o.Spec.StopTimeout = time.Minute, 500*time.Millisecond })
	s.say("READY=1")
	s.awaitState(service.StateRunning)
	s.say("WATCHDOG=trigger")
	s.awaitLine("did not ping its watchdog")
	s.sayLate("READY=1\nWATCHDOG=1")
	if err := s.ended(); err == nil {
		t.Error("it has ended well")
	}
}

// TestReloadWhenever: a reload is done, and told, whatever the daemon is about. The workload hears of it as soon as it can.
func TestReloadWhenever(t *testing.T) {
	const hears = `trap "echo heard >> heard" USR1; $tell; while :; do sleep 0.01; done`
	hash := func(o *Options) {
		o.Spec.ReloadSig, o.Spec.ConfigHash = "SIGUSR1", "old" // nohup(1) has SIGHUP ignored, which no shell can trap then
		o.Reload = func() (service.Spec, error) {
			spec := o.Spec
			spec.ConfigHash = "new"
			return spec, nil
		}
	}
	loads := func(s *spoken, want int) {
		t.Helper()
		s.await("the reload is told", func() bool {
			rec, err := pidfile.Read(s.ref.Path)
			return err == nil && rec.Loads == want
		})
	}
	heard := func(s *spoken) bool { return logHas(filepath.Join(s.dir, "heard"), "heard") }

	t.Run("starting", func(t *testing.T) {
		s := speak(t, hears, hash)
		s.awaitState(service.StateStarting)
		s.requests <- Request{RequestReload, "test"}
		loads(s, 2)
		s.awaitState(service.StateStarting)
		s.say("READY=1") // when it has begun
		s.await("the workload hears of it", func() bool { return heard(s) })
		s.awaitState(service.StateRunning)
		s.stop()
	})
	t.Run("restarting", func(t *testing.T) {
		s := speak(t, "exit 1", func(o *Options) {
			hash(o)
			o.Spec.Restart = service.RestartPolicy{When: service.RestartAlways, Delay: time.Hour, Factor: 1}
		})
		s.awaitState(service.StateRestarting)
		s.requests <- Request{RequestReload, "test"}
		loads(s, 2)
		s.requests <- Request{RequestReload, "test"}
		loads(s, 3)
		s.awaitState(service.StateRestarting)
		s.stop()
		if events, _, err := history.Read(HistoryPath(s.ref), -1); err != nil || !slices.ContainsFunc(events, func(e history.Event) bool { return e.ConfigHash == "new" }) {
			t.Errorf("the new configuration is in no line of the history: %v", err)
		}
	})
}

// TestReloadReadiness: how long readiness may take is taken over, for the next run.
func TestReloadReadiness(t *testing.T) {
	s := speak(t, `$tell; while [ ! -e go ]; do sleep 0.01; done; rm go; exit 1`, func(o *Options) {
		o.Spec.Restart = service.RestartPolicy{When: service.RestartAlways, Limit: 1, Window: time.Hour}
		o.Reload = func() (service.Spec, error) {
			spec := o.Spec
			spec.Readiness.Timeout = 200 * time.Millisecond
			return spec, nil
		}
	})
	s.say("READY=1")
	s.awaitState(service.StateRunning)
	s.requests <- Request{RequestReload, "test"}
	s.awaitLine("Reloaded")
	if err := os.WriteFile(filepath.Join(s.dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.awaitLine("did not become ready in time")
	if err := s.ended(); err == nil {
		t.Error("it has ended well")
	}
}

// TestWordOfTheLastRun: what a run says right before it ends makes not the next one ready.
func TestWordOfTheLastRun(t *testing.T) {
	const twice = `[ -e socket ] && again=yes; $tell; [ "$again" ] || { while [ ! -e go ]; do sleep 0.01; done; exit 1; }; touch second; exec sleep 600`
	var last net.Conn
	s := speak(t, twice, func(o *Options) {
		o.Spec.Restart = service.RestartPolicy{When: service.RestartAlways}
		lines := o.NewLogger(nil, o.Spec.Log)
		o.NewLogger = func(Log, service.LogPolicy) Logger {
			return onError{lines, func() { _, _ = last.Write([]byte("READY=1")) }} // when it is known that the first has ended: it is the last moment
		}
	})
	last = s.dial()
	defer last.Close()
	if err := os.WriteFile(filepath.Join(s.dir, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.await("the second run has begun", func() bool { _, err := os.Stat(filepath.Join(s.dir, "second")); return err == nil })
	s.say("STATUS=it is me")
	s.await("it is heard", func() bool {
		rec, err := pidfile.Read(s.ref.Path)
		return err == nil && rec.StatusText == "it is me"
	})
	if rec, err := pidfile.Read(s.ref.Path); err != nil || rec.Ready || rec.Workload.Restarts != 1 {
		t.Errorf("the second run, which has not said that it is ready: %+v, %v", rec, err)
	}
	s.stop()
}

// TestLastWord: what a workload says right before it ends is heard, also where the daemon learns of the end first.
func TestLastWord(t *testing.T) {
	for _, row := range []struct {
		name, says string
		want       error
	}{
		{"ready", "READY=1", nil},
		{"more than the loop's channel holds", strings.Repeat("STATUS=x ", 20) + "READY=1", nil},
		{"nothing", "", service.ErrStartFailed},
		{"a line of output", "", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			var s *spoken
			var launching atomic.Bool
			set := make(chan struct{})
			answer := make(chan error, 1)
			clock := systemClock()
			slow := clock
			slow.Wall = func() time.Time { // the daemon asks for the time of the line that tells of the start, before it looks for an end
				if launching.CompareAndSwap(true, false) {
					<-set
					s.endsAfter(strings.Fields(row.says)...)
				}
				return clock.Wall()
			}
			s = speak(t, `$tell; while [ ! -e go ]; do sleep 0.01; done; echo "the last line"`, func(o *Options) {
				if row.name == "a line of output" {
					o.Spec.Readiness = service.Readiness{Kind: service.ReadyLog, Pattern: regexp.MustCompile("last line")}
				}
				o.Clock, o.FirstMustStart = slow, true
				o.Report = func(_ *Daemonized, err error) { answer <- err }
				lines := o.NewLogger(nil, o.Spec.Log)
				o.NewLogger = func(Log, service.LogPolicy) Logger { return marker{lines, &launching} }
			})
			close(set)
			if err := <-answer; !errors.Is(err, row.want) {
				t.Errorf("%v, want %v", err, row.want)
			}
			_ = s.ended() // how is not what is asked here
		})
	}
}

// endsAfter sends messages in the workload's name, has it end, and returns when it has.
func (s *spoken) endsAfter(messages ...string) {
	conn := s.dial()
	defer conn.Close()
	for _, m := range messages {
		if _, err := conn.Write([]byte(m)); err != nil {
			s.t.Error(err)
		}
	}
	pid := s.ref.Look().Record.Workload.PID
	if err := os.WriteFile(filepath.Join(s.dir, "go"), nil, 0o600); err != nil {
		s.t.Error(err)
	}
	s.await("the workload has ended", func() bool { p, err := proc.Inspect(pid); return err != nil || p.Zombie })
}

// TestReadyUnsaved: whoever waits for the start is told that the record does not say so.
func TestReadyUnsaved(t *testing.T) {
	answer := make(chan *Daemonized, 1)
	s := speak(t, `until rm -f daemon.pid; mkdir daemon.pid; do :; done; $tell; exec sleep 600`, func(o *Options) {
		o.Report = func(d *Daemonized, _ error) { answer <- d }
	})
	s.say("READY=1")
	select {
	case d := <-answer:
		if d == nil || !strings.Contains(d.Warning, "the record cannot be written") {
			t.Errorf("%+v", d)
		}
	case <-time.After(20 * time.Second):
		t.Error("no answer")
	}
	s.stop()
}

// TestExtendTimeout: what is extended is a limit, and not the moment after which a workload that has started counts as ready.
func TestExtendTimeout(t *testing.T) {
	s := speak(t, deaf, func(o *Options) {
		o.Spec.Readiness = service.Readiness{Kind: service.ReadyStarted, Settle: time.Second}
	})
	began := time.Now()
	s.say("EXTEND_TIMEOUT_USEC=3600000000")
	s.awaitState(service.StateRunning)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %s", took)
	}
	s.requests <- Request{RequestKill, "test"}
	if err := s.ended(); err != nil {
		t.Error(err)
	}

	s = speak(t, `$tell; exec sleep 600`, func(o *Options) { o.Spec.Readiness.Timeout = 3 * time.Second })
	s.say("EXTEND_TIMEOUT_USEC=3600000000")
	s.say("STATUS=later")
	s.await("it is heard", func() bool { rec := s.ref.Look().Record; return rec != nil && rec.StatusText == "later" })
	select {
	case err := <-s.end:
		t.Errorf("it was not given the time: %v", err)
	case <-time.After(3500 * time.Millisecond): // it would have been ended by then
	}
	s.requests <- Request{RequestKill, "test"}
	if err := s.ended(); err != nil {
		t.Error(err)
	}
}

// TestExtendStop: a workload that is to end has stopTimeout, whatever it asks for: who waits for its end goes by that.
func TestExtendStop(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"stop":          func(o *Options) { o.Spec.Readiness = service.Readiness{Kind: service.ReadyStarted} },
		"never ready":   func(o *Options) { o.Spec.Readiness.Timeout = 500 * time.Millisecond },
		"lost watchdog": func(o *Options) { o.Spec.Watchdog = time.Minute },
	} {
		t.Run(name, func(t *testing.T) {
			s := speak(t, `trap "" TERM ABRT; $tell; while :; do sleep 1; done`, func(o *Options) { o.Spec.StopTimeout = 2 * time.Second; change(o) })
			switch name {
			case "stop":
				s.awaitState(service.StateRunning)
				conn := s.dial() // it has begun
				conn.Close()
				s.requests <- Request{RequestStop, "test"}
			case "lost watchdog":
				s.say("READY=1")
				s.say("WATCHDOG=trigger")
				s.awaitLine("did not ping")
			default:
				s.awaitLine("did not become ready")
			}
			s.sayLate("EXTEND_TIMEOUT_USEC=3600000000")
			s.sayLate("EXTEND_TIMEOUT_USEC=3600000000")
			s.awaitLine("asks for more time to end")
			if err := s.ended(); (err == nil) != (name == "stop") {
				t.Error(err)
			}
		})
	}
}

// TestReloadingForEver: a workload that does not say when it has reloaded is one that runs, after the limit or the next reload.
func TestReloadingForEver(t *testing.T) {
	for _, row := range []struct {
		name  string
		limit time.Duration
	}{{"limit", 500 * time.Millisecond}, {"reload", time.Minute}, {"no limit, reload", 0}} {
		t.Run(row.name, func(t *testing.T) {
			s := speak(t, `$tell; exec sleep 600`, func(o *Options) { o.Spec.Readiness.Timeout = row.limit })
			s.say("READY=1")
			s.awaitState(service.StateRunning)
			s.say("RELOADING=1")
			s.awaitState(service.StateReloading)
			if row.name != "limit" {
				s.requests <- Request{RequestReload, "test"}
			}
			s.awaitState(service.StateRunning)
			if rec := s.ref.Look().Record; !rec.Ready {
				t.Error("it is not ready any more")
			}
			s.stop()
		})
	}
}
