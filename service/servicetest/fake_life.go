package servicetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

type request int

const (
	requestStop request = iota
	requestKill
	requestReload
	requestCrash
)

// life is one daemon process. Its own goroutine owns everything that is not a channel.
type life struct {
	f       *Fake
	spec    service.Spec
	program Program
	pid     int
	origin  time.Time

	requests chan request
	answer   chan error
	gone     chan struct{}

	state     service.State
	memory    service.Restarts
	everReady bool
	crashed   bool
	fault     string // why this run was ended, "" when it was not
	deadline  *time.Timer
	onTime    func()
	watchdog  *time.Timer
	p         *FakeProcess
}

// ask hands r over. A life that has ended takes none.
func (l *life) ask(r request) {
	select {
	case l.requests <- r:
	case <-l.gone:
	}
}

func (l *life) run() {
	defer close(l.gone)
	l.deadline, l.watchdog = time.NewTimer(time.Hour), time.NewTimer(time.Hour)
	defer l.deadline.Stop()
	defer l.watchdog.Stop()
	l.watchdog.Stop()
	l.note(Event{Event: "starting"})
	for again := true; again; {
		l.on(service.EventLaunch)
		started := time.Since(l.origin)
		again = l.after(l.once(), started)
	}
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	l.f.life = nil
	delete(l.f.pids, l.pid)
	l.f.set(func(s *service.Status) {
		no := false
		s.Running, s.Ready, s.PID, s.Uptime, s.Wanted = false, &no, nil, nil, l.state == service.StateFailed
		s.State = l.state
		if s.Workload != nil {
			s.Workload = &service.Workload{}
		}
	})
}

// once runs the program to its end.
func (l *life) once() service.Exit {
	if l.program == nil {
		return service.Exit{Code: 127}
	}
	l.launch()
	ended := make(chan service.Exit, 1) // its end is waited for below, in every case
	go func() { ended <- l.program(l.p) }()
	for {
		select {
		case e := <-ended:
			return l.ended(e)
		case note := <-l.p.notes:
			l.notified(note)
		case r := <-l.requests:
			l.request(r)
		case <-l.deadline.C:
			l.onTime()
		case <-l.watchdog.C:
			l.fault = "its watchdog expired"
			l.note(Event{Event: "watchdog"})
			l.signal("SIGABRT")
		}
	}
}

func (l *life) launch() {
	l.fault = ""
	l.f.mu.Lock()
	l.p = &FakeProcess{PID: l.f.newPID(), f: l.f, signals: make(chan string, 8), killed: make(chan struct{}), notes: make(chan string), over: make(chan struct{})} // 8: nobody sends more before the process reads one
	now := time.Now()
	l.f.set(func(s *service.Status) {
		no := false
		s.Ready, s.StatusText = &no, nil
		s.Workload = &service.Workload{PID: l.p.PID, StartedAt: &now, Source: "embedded"}
	})
	l.f.mu.Unlock()
	l.note(Event{Event: "started", WorkloadPID: l.p.PID})
	switch r := l.spec.Readiness; {
	case r.Kind != service.ReadyNotify:
		l.wait(r.Settle, l.ready)
	case r.Timeout > 0:
		l.wait(r.Timeout, func() {
			l.fault = fmt.Sprintf("it did not become ready within %s", r.Timeout)
			l.signal("SIGTERM")
			l.wait(l.spec.StopTimeout, l.kill)
		})
	}
}

func (l *life) wait(d time.Duration, f func()) {
	l.onTime = f
	l.deadline.Reset(d)
}

func (l *life) signal(name string) {
	select {
	case l.p.signals <- name:
	default: // it reads none: the kill will reach it
	}
}

func (l *life) kill() {
	select {
	case <-l.p.killed:
	default:
		close(l.p.killed)
	}
}

func (l *life) notified(note string) {
	for line := range strings.SplitSeq(note, "\n") {
		key, value, _ := strings.Cut(line, "=")
		switch key {
		case "READY":
			l.ready()
		case "WATCHDOG":
			l.ping()
		case "STATUS":
			l.change(func(s *service.Status) { s.StatusText = &value })
		}
	}
}

func (l *life) ping() {
	if l.spec.Watchdog > 0 && l.state == service.StateRunning {
		l.watchdog.Reset(l.spec.Watchdog)
	}
}

func (l *life) ready() {
	if l.state != service.StateStarting {
		return
	}
	l.deadline.Stop()
	l.on(service.EventReady)
	l.note(Event{Event: "ready", WorkloadPID: l.p.PID})
	l.ping()
	if !l.everReady {
		l.everReady = true
		l.answer <- nil
	}
}

func (l *life) request(r request) {
	switch {
	case r == requestReload:
		l.reload()
	case r == requestCrash:
		l.crashed = true
		l.kill()
	default:
		again := !l.on(service.EventStop) || l.state == service.StateStopping && r == requestKill
		l.watchdog.Stop()
		l.note(Event{Event: "stopping"})
		if again {
			l.kill()
			return
		}
		l.signal("SIGTERM")
		l.wait(l.spec.StopTimeout, l.kill)
	}
}

func (l *life) reload() {
	l.f.mu.Lock()
	l.spec.StopTimeout, l.spec.Restart, l.spec.ReloadSig = l.f.spec.StopTimeout, l.f.spec.Restart, l.f.spec.ReloadSig
	l.f.mu.Unlock()
	if l.spec.ReloadSig != "" {
		l.signal(l.spec.ReloadSig)
	}
	l.note(Event{Event: "reloaded"})
}

// ended: the program has returned.
func (l *life) ended(e service.Exit) service.Exit {
	e.At = time.Now()
	close(l.p.over)
	l.deadline.Stop()
	l.watchdog.Stop()
	l.f.mu.Lock()
	delete(l.f.pids, l.p.PID)
	l.f.mu.Unlock()
	if !l.crashed {
		l.change(func(s *service.Status) { s.LastExit = &e })
		l.note(Event{Event: "exited", WorkloadPID: l.p.PID, Exit: &e, Reason: l.fault})
	}
	return e
}

// after decides what follows an end, and reports whether it is another try.
func (l *life) after(e service.Exit, started time.Duration) bool {
	switch {
	case l.crashed:
		l.state = service.StateFailed
		l.fail(&e, "it was killed")
		return false
	case l.on(service.EventGone):
		l.note(Event{Event: "stopped"})
		l.tell(errors.New("it was stopped"))
		return false
	case l.program == nil:
		l.giveUp(nil, "no such program")
		return false
	case !l.everReady:
		reason := l.fault
		if reason == "" {
			reason = fmt.Sprintf("the workload exited with status %d before it was ready", e.Code)
		}
		l.giveUp(&e, reason)
		return false
	}
	v := l.memory.Next(l.spec.Restart, e.Failed() || l.fault != "", started, time.Since(l.origin), rand.Float64())
	switch {
	case v.Restart:
		return l.retry(v.Delay)
	case v.GaveUp:
		l.giveUp(&e, fmt.Sprintf("gave up after %d restarts; the workload last exited with status %d", l.spec.Restart.Limit, e.Code))
	case e.Failed() || l.fault != "":
		l.giveUp(&e, fmt.Sprintf("the workload exited with status %d", e.Code))
	default:
		l.on(service.EventComplete)
		l.note(Event{Event: "stopped"})
	}
	return false
}

// retry waits out the delay, unless somebody asks for the end meanwhile.
func (l *life) retry(delay time.Duration) bool {
	l.on(service.EventRetry)
	l.change(func(s *service.Status) { s.Restarts++ })
	l.note(Event{Event: "restarting"})
	l.deadline.Reset(delay)
	for {
		select {
		case <-l.deadline.C:
			return true
		case r := <-l.requests:
			switch r {
			case requestReload:
				l.reload()
			case requestCrash:
				l.state = service.StateFailed
				l.fail(nil, "it was killed")
				return false
			default:
				l.on(service.EventStop)
				l.on(service.EventGone)
				l.note(Event{Event: "stopped"})
				return false
			}
		}
	}
}

func (l *life) giveUp(e *service.Exit, reason string) {
	l.on(service.EventGiveUp)
	l.note(Event{Event: "failed", Reason: reason, Exit: e})
	l.fail(e, reason)
}

func (l *life) fail(e *service.Exit, reason string) {
	l.change(func(s *service.Status) { s.StatusText = &reason })
	err := &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Err: errors.New(reason), Exit: e, Hint: "see its output"}
	if e != nil {
		err.Log = l.f.Log()
	}
	l.tell(err)
}

// tell answers the start, once.
func (l *life) tell(err error) {
	if l.everReady {
		return
	}
	var known *service.Error
	if !errors.As(err, &known) {
		err = &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Err: err}
	}
	select {
	case l.answer <- err:
	default:
	}
}

func (l *life) on(e service.Event) bool {
	to, ok := l.state.On(e)
	if !ok {
		return false
	}
	l.state = to
	l.change(func(s *service.Status) {
		now, ready := time.Now(), to == service.StateRunning
		s.State, s.Since, s.Ready = to, &now, &ready
	})
	return true
}

func (l *life) change(f func(*service.Status)) {
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	l.f.set(f)
}

func (l *life) note(e Event) {
	e.At, e.PID = time.Now(), l.pid
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	l.f.events = append(l.f.events, e)
	l.f.set(func(*service.Status) {})
}
