package winsvc

import (
	"errors"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/windows/svc"
)

// limit bounds what happens at once.
const limit = 30 * time.Second

// scm is the SCM's side of a handler whose work does what the test says.
type scm struct {
	t        *testing.T
	requests chan svc.ChangeRequest
	says     chan svc.Status
	hosted   chan Hosted // once
	end      chan End    // what the work returns
	ended    chan [2]any // what Execute returned
}

func executed(t *testing.T, every time.Duration, args ...string) *scm {
	return executedFor(t, every, func() (svc.StartReason, error) { return svc.StartReasonDemand, nil }, args...)
}

func executedFor(t *testing.T, every time.Duration, why func() (svc.StartReason, error), args ...string) *scm {
	s := &scm{t, make(chan svc.ChangeRequest), make(chan svc.Status), make(chan Hosted, 1), make(chan End, 1), make(chan [2]any, 1)}
	h := &handler{func(h Hosted) End {
		s.hosted <- h
		return <-s.end
	}, every, why}
	go func() {
		specific, code := h.Execute(append([]string{"apex-x"}, args...), s.requests, s.says)
		s.ended <- [2]any{specific, code}
	}()
	return s
}

func received[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(limit):
		t.Fatalf("no %s within %s", what, limit)
		panic("not reached")
	}
}

func (s *scm) status() svc.Status {
	s.t.Helper()
	return received(s.t, "status", s.says)
}

// asks sends a control, which the SCM does only while it is not waiting for a status.
func (s *scm) asks(c svc.Cmd) svc.Status {
	s.t.Helper()
	select {
	case s.requests <- svc.ChangeRequest{Cmd: c}:
	case <-time.After(limit):
		s.t.Fatalf("control %d was not taken", c)
	}
	return s.status()
}

func (s *scm) ends(e End) [2]any {
	s.t.Helper()
	s.end <- e
	return received(s.t, "end", s.ended)
}

// running brings a service up.
func running(t *testing.T) (*scm, Hosted) {
	t.Helper()
	s := executed(t, time.Hour)
	if st := s.status(); st.State != svc.StartPending || st.CheckPoint == 0 || st.WaitHint == 0 || st.Accepts != 0 {
		t.Fatalf("first it says %+v", st)
	}
	h := received(t, "work", s.hosted)
	h.Ready()
	if st := s.status(); st.State != svc.Running || st.Accepts != accepted || st.CheckPoint != 0 {
		t.Fatalf("ready, it says %+v", st)
	}
	return s, h
}

func TestExecuteControls(t *testing.T) {
	tests := []struct {
		name  string
		cmd   svc.Cmd
		state svc.State
		heard []Control
	}{
		{"stop", svc.Stop, svc.StopPending, []Control{ControlStop}},
		{"preshutdown", svc.PreShutdown, svc.StopPending, []Control{ControlShutdown}},
		{"shutdown", svc.Shutdown, svc.StopPending, []Control{ControlShutdown}},
		{"parameter change", svc.ParamChange, svc.Running, []Control{ControlReload}},
		{"interrogate", svc.Interrogate, svc.Running, nil},
		{"what was never agreed to", svc.Pause, svc.Running, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, h := running(t)
			if st := s.asks(tt.cmd); st.State != tt.state || (st.State == svc.StopPending) != (st.WaitHint > 0 && st.CheckPoint > 0) {
				t.Errorf("it says %+v", st)
			}
			var heard []Control
			for len(h.Controls) > 0 {
				heard = append(heard, <-h.Controls)
			}
			if !slices.Equal(heard, tt.heard) {
				t.Errorf("the work heard %q", heard)
			}
			s.ends(End{})
		})
	}
}

func TestExecuteAccepts(t *testing.T) {
	for _, a := range []svc.Accepted{svc.AcceptStop, svc.AcceptShutdown, svc.AcceptPreShutdown, svc.AcceptParamChange} {
		if accepted&a == 0 {
			t.Errorf("%d is not accepted", a)
		}
	}
}

// TestExecuteEnds: what the SCM is told of the end. A code of 0 is a good one, service-specific or not.
func TestExecuteEnds(t *testing.T) {
	tests := []struct {
		name string
		end  End
		want [2]any
	}{
		{"well", End{}, [2]any{true, uint32(0)}},
		{"with a status of its own", End{Specific: 7}, [2]any{true, uint32(7)}},
		{"well, to be started again", End{Again: true}, [2]any{false, uint32(ErrorRestart)}},
		{"badly, to be started again", End{Specific: 7, Again: true}, [2]any{true, uint32(7)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := running(t)
			if got := s.ends(tt.end); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

// TestExecuteWhileStarting: a stop that comes before the work is ready is not forgotten when it is, and an end before it is one.
func TestExecuteWhileStarting(t *testing.T) {
	s := executed(t, time.Hour)
	s.status()
	h := received(t, "work", s.hosted)
	if st := s.asks(svc.Stop); st.State != svc.StopPending {
		t.Errorf("stopped while it starts, it says %+v", st)
	}
	h.Ready()
	if st := s.asks(svc.Interrogate); st.State != svc.StopPending {
		t.Errorf("ready after the stop, it says %+v", st)
	}
	if got := s.ends(End{Specific: 3}); got != [2]any{true, uint32(3)} {
		t.Errorf("%v", got)
	}
}

// TestExecuteCheckpoints: while a state is pending each sign of life has a higher number, and a running service gives none.
func TestExecuteCheckpoints(t *testing.T) {
	s := executed(t, time.Millisecond)
	last := s.status().CheckPoint
	for range 3 {
		if st := s.status(); st.State != svc.StartPending || st.CheckPoint != last+1 {
			t.Fatalf("after checkpoint %d it says %+v", last, st)
		}
		last++
	}
	received(t, "work", s.hosted).Ready()
	for st := s.status(); st.State != svc.Running; st = s.status() {
		if st.State != svc.StartPending {
			t.Fatalf("it says %+v", st)
		}
	}
	if st := s.asks(svc.Stop); st.State != svc.StopPending || st.CheckPoint != 1 {
		t.Fatalf("it says %+v", st)
	}
	if st := s.status(); st.CheckPoint != 2 {
		t.Errorf("it says %+v", st)
	}
	s.end <- End{}
	for {
		select {
		case <-s.says:
			continue
		case <-s.ended:
		case <-time.After(limit):
			t.Error("it does not end")
		}
		return
	}
}

// TestExecuteDeaf: more controls than the work listens to hold nobody up, for the SCM waits for each; and a stop after them is heard.
func TestExecuteDeaf(t *testing.T) {
	s, h := running(t)
	for range 20 {
		s.asks(svc.ParamChange)
	}
	for range 20 {
		if st := s.asks(svc.Stop); st.State != svc.StopPending {
			t.Errorf("it says %+v", st)
		}
	}
	stops := 0
	for len(h.Controls) > 0 {
		if <-h.Controls == ControlStop {
			stops++
		}
	}
	if stops < 2 { // the second means at once
		t.Errorf("the work heard %d stops", stops)
	}
	s.ends(End{})
}

func TestExecuteAwaited(t *testing.T) {
	for _, want := range []bool{false, true} {
		var args []string
		if want {
			args = []string{awaited}
		}
		s := executed(t, time.Hour, args...)
		s.status()
		if h := received(t, "work", s.hosted); h.Awaited != want {
			t.Errorf("%q: awaited %v", args, h.Awaited)
		}
		s.ends(End{})
	}
}

// TestExecuteAgain: a start by the SCM's own recovery is told from one by a person, or at boot.
func TestExecuteAgain(t *testing.T) {
	tests := []struct {
		name string
		why  svc.StartReason
		err  error
		want bool
	}{
		{"a person", svc.StartReasonDemand, nil, false},
		{"boot", svc.StartReasonAuto, nil, false},
		{"recovery", svc.StartReasonRestartOnFailure, nil, true},
		{"a system that does not say", svc.StartReasonRestartOnFailure, errors.ErrUnsupported, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := executedFor(t, time.Hour, func() (svc.StartReason, error) { return tt.why, tt.err })
			s.status()
			if h := received(t, "work", s.hosted); h.Again != tt.want {
				t.Errorf("again: %v", h.Again)
			}
			s.ends(End{})
		})
	}
}
