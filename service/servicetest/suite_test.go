package servicetest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// liar is a driver whose subjects get one thing wrong. What is nil is right.
type liar struct {
	fakeDriver
	start   func(s fakeSubject, o Outcome) Outcome
	stop    func(ctx context.Context, s fakeSubject) Outcome
	status  func(st *service.Status)
	history func([]Event) []Event
	missing map[Ability]Absence
	careful func(t T) // what New does besides
}

func (d liar) Missing(a Ability) Absence {
	if m, ok := d.missing[a]; ok {
		return m
	}
	return d.fakeDriver.Missing(a)
}

func (d liar) New(t T, base string) Subject {
	if d.careful != nil {
		d.careful(t)
	}
	return &lyingSubject{d.fakeDriver.New(t, base).(fakeSubject), d}
}

type lyingSubject struct {
	fakeSubject
	d liar
}

func (s *lyingSubject) Start(ctx context.Context) Outcome {
	o := s.fakeSubject.Start(ctx)
	if s.d.start != nil {
		o = s.d.start(s.fakeSubject, o)
	}
	return o
}

func (s *lyingSubject) Stop(ctx context.Context, o service.StopOptions) Outcome {
	if s.d.stop != nil {
		return s.d.stop(ctx, s.fakeSubject)
	}
	return s.fakeSubject.Stop(ctx, o)
}

func (s *lyingSubject) Status(ctx context.Context) (service.Status, Outcome) {
	st, o := s.fakeSubject.Status(ctx)
	if s.d.status != nil {
		s.d.status(&st)
	}
	return st, o
}

func (s *lyingSubject) Await(ctx context.Context, ok func(service.Status) bool) (service.Status, error) {
	lie := func(st *service.Status) {
		if s.d.status != nil {
			s.d.status(st)
		}
	}
	st, err := s.fakeSubject.Await(ctx, func(st service.Status) bool { lie(&st); return ok(st) })
	lie(&st)
	return st, err
}

func (s *lyingSubject) History(ctx context.Context) ([]Event, Outcome) {
	events, o := s.fakeSubject.History(ctx)
	if s.d.history != nil {
		events = s.d.history(events)
	}
	return events, o
}

// find is the case called name.
func find(t *testing.T, name string) testCase {
	t.Helper()
	all := cases()
	i := slices.IndexFunc(all, func(tc testCase) bool { return tc.name == name })
	if i < 0 {
		t.Fatalf("there is no case %q", name)
	}
	return all[i]
}

// TestCasesNotice: a case that cannot fail proves nothing.
func TestCasesNotice(t *testing.T) {
	forgive := func(_ fakeSubject, o Outcome) Outcome { o.Err = nil; return o }
	tests := []struct {
		fault string
		d     liar
		fails []string
	}{
		{"a second start succeeds", liar{start: forgive}, []string{"double start", "50 starts at once", "start of a workload that is missing"}},
		{"ALREADY_RUNNING names nobody", liar{start: func(_ fakeSubject, o Outcome) Outcome {
			if o.Err != nil {
				o.Err.PID = 0
			}
			return o
		}}, []string{"double start"}},
		{"start answers another PID", liar{start: func(_ fakeSubject, o Outcome) Outcome { o.PID++; return o }}, []string{"first start"}},
		{"the error shows no output", liar{start: func(_ fakeSubject, o Outcome) Outcome {
			if o.Err != nil {
				o.Err.Log = nil
			}
			return o
		}}, []string{"start of a workload that dies at once"}},
		{"the error does not say how it ended", liar{start: func(_ fakeSubject, o Outcome) Outcome {
			if o.Err != nil {
				o.Err.Exit = nil
			}
			return o
		}}, []string{"start of a workload that dies at once"}},
		{
			"stop does nothing",
			liar{stop: func(context.Context, fakeSubject) Outcome { return Outcome{Exit: NoExit} }},
			[]string{"graceful stop", "kill", "stop of one that ignores the request"},
		},
		{
			"stop kills at once",
			liar{stop: func(ctx context.Context, s fakeSubject) Outcome { return s.Stop(ctx, service.StopOptions{Force: true}) }},
			[]string{"graceful stop", "stop of one that ignores the request"},
		},
		{"status always says running", liar{status: func(s *service.Status) {
			pid := 1
			s.Running, s.State, s.PID = true, service.StateRunning, &pid
		}}, []string{"first start", "SIGKILL of the daemon", "crash loop to failed"}},
		{"a crash looks like a stop", liar{status: func(s *service.Status) {
			if s.State == service.StateFailed {
				s.State = service.StateStopped
			}
		}}, []string{"SIGKILL of the daemon"}},
		{
			"status forgets why",
			liar{status: func(s *service.Status) { s.StatusText = nil }},
			[]string{"crash loop to failed", "SIGKILL of the daemon", "start of a workload that never gets ready"},
		},
		{"status is ready while it starts", liar{status: func(s *service.Status) { yes := true; s.Ready = &yes }}, []string{"readiness by sd_notify"}},
		{"status contradicts itself", liar{status: func(s *service.Status) { up := int64(5); s.Uptime = &up }}, []string{"stop when stopped"}},
		{"warnings are null", liar{status: func(s *service.Status) { s.Warnings = nil }}, []string{"first start"}},
		{"there is no history", liar{history: func([]Event) []Event { return nil }}, []string{"graceful stop", "reload", "logs and history", "watchdog missed"}},
		{"history has no time", liar{history: func(es []Event) []Event {
			for i := range es {
				es[i].At = time.Time{}
			}
			return es
		}}, []string{"logs and history"}},
		{"clean-up fails", liar{careful: func(t T) { t.Cleanup(func() { t.Errorf("cannot") }) }}, []string{"first start"}},
		{"clean-up ends early", liar{careful: func(t T) { t.Cleanup(func() { t.Fatalf("cannot") }) }}, []string{"first start"}},
	}
	for _, tt := range tests {
		for _, name := range tt.fails {
			t.Run(tt.fault+"/"+name, func(t *testing.T) {
				t.Parallel()
				if c := execute(t.Context(), tt.d, find(t, name), time.Second); c.verdict != Fail {
					t.Errorf("the verdict is %s\n%s", c.verdict, c.log.String())
				}
			})
		}
	}
}

// TestAbsence: what a driver lacks is told apart from what it forgets to say.
func TestAbsence(t *testing.T) {
	absent := func(a Absence) liar { return liar{missing: map[Ability]Absence{CanCopy: a}} }
	for _, tt := range []struct {
		name   string
		d      Driver
		want   Verdict
		reason string
	}{
		{"with a reason", absent(Absence{Reason: "no files"}), NotApplicable, "no files"},
		{"for the machine's sake", absent(Absence{Reason: "no root", Machine: true}), NotRun, "no root"},
		{"without a reason", absent(Absence{}), Fail, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := execute(t.Context(), tt.d, find(t, "copied project"), time.Second)
			if c.verdict != tt.want || c.reason != tt.reason {
				t.Errorf("%s, %q; want %s, %q\n%s", c.verdict, c.reason, tt.want, tt.reason, c.log.String())
			}
		})
	}
}

// TestFailureNamesItsLine: a failure is told with the line of the case, not of a helper.
func TestFailureNamesItsLine(t *testing.T) {
	d := liar{status: func(s *service.Status) { s.Running = true }}
	c := execute(t.Context(), d, find(t, "stop when stopped"), time.Second)
	if !strings.Contains(c.log.String(), "FAIL: cases_stop.go:") {
		t.Errorf("the log is\n%s", c.log.String())
	}
}

// TestLeftBehind: a test program that outlives its case is told of, and ended. One that the system does not know any more has not outlived it, whatever its connection does.
func TestLeftBehind(t *testing.T) {
	for _, row := range []struct {
		there Existence
		want  Verdict
	}{{Alive, Fail}, {Zombie, Fail}, {Gone, Pass}} {
		t.Run(string(row.there), func(t *testing.T) {
			t.Parallel()
			var left *Child
			c := execute(t.Context(), haunted{there: row.there}, testCase{name: "leaves one", run: func(c *C) {
				script := c.script(Script{Role: "leftover"})
				go Play(fakeActor{FakeProcess: &FakeProcess{f: NewFake(service.Spec{}, nil), over: closed()}}, script)
				left = c.child("leftover")
			}}, time.Second)
			if c.verdict != row.want || strings.Contains(c.log.String(), "left behind") != (row.want == Fail) {
				t.Errorf("the verdict is %s\n%s", c.verdict, c.log.String())
			}
			<-left.Gone()
		})
	}
}

// haunted is a driver whose processes are all as it says.
type haunted struct {
	fakeDriver
	there Existence
}

func (d haunted) New(t T, base string) Subject {
	return hauntedSubject{d.fakeDriver.New(t, base).(fakeSubject), d.there}
}

type hauntedSubject struct {
	fakeSubject
	there Existence
}

func (s hauntedSubject) Process(int) Existence { return s.there }

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// TestCaseNames: they are rows of a Markdown table, keys of results, and unique.
func TestCaseNames(t *testing.T) {
	seen := map[string]bool{}
	for _, n := range Names() {
		if n == "" || strings.ContainsAny(n, "|\n/") || seen[n] {
			t.Errorf("bad name %q", n)
		}
		seen[n] = true
	}
	if len(seen) < 50 {
		t.Errorf("only %d cases", len(seen))
	}
}

// slow is a Slow driver.
type slow struct{ fakeDriver }

func (slow) Slowness() int { return 3 }

// TestSlow: a driver's factor stretches the bounds of its own cases, and of no others.
func TestSlow(t *testing.T) {
	late := testCase{name: "late", run: func(c *C) { c.within(time.Minute, time.Now().Add(-2*time.Minute), "something") }}
	tests := []struct {
		name string
		d    Driver
		want Verdict
	}{
		{"slow", slow{}, Pass},
		{"not slow", fakeDriver{}, Fail},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if c := execute(t.Context(), tt.d, late, time.Second); c.verdict != tt.want {
				t.Errorf("%s, want %s:\n%s", c.verdict, tt.want, c.log.String())
			}
		})
	}
}
