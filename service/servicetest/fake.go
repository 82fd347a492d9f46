package servicetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// KindFake is the Kind of a Fake.
const KindFake service.Kind = "fake"

// Program is a Fake's workload. It returns how it ended, and must return soon after p.Killed is closed.
type Program func(p *FakeProcess) service.Exit

// Fake is a service.Backend in memory: its daemon is a goroutine, its workload a Program, and what others keep on disk is in the struct. It goes
// through service's own state machine and restart policy. Its timers are those of package time, so that it can be used in a testing/synctest bubble.
type Fake struct {
	mu      sync.Mutex
	spec    service.Spec
	program Program
	status  service.Status
	started time.Time // of the present or last life
	events  []Event
	lines   []string
	pids    map[int]bool
	last    int // PID given out
	life    *life
	changed chan struct{} // closed and replaced at every change
}

var _ service.Backend = (*Fake)(nil)

// NewFake returns the backend of a daemon that was never started. Of spec it uses Name, Project, StopTimeout, Readiness (ReadyNotify and ReadyStarted),
// ReloadSig, Watchdog and Restart. A nil program is one that is missing.
func NewFake(spec service.Spec, program Program) *Fake {
	f := &Fake{last: 1000, pids: map[int]bool{}, changed: make(chan struct{})}
	f.Configure(spec, program)
	no := false
	f.status = service.Status{
		Schema: service.StatusSchema, Name: spec.Name, Project: spec.Project, State: service.StateStopped, Ready: &no,
		Backend: string(KindFake), Warnings: []string{},
	}
	return f
}

// Configure replaces what the next start and the next reload use.
func (f *Fake) Configure(spec service.Spec, program Program) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spec, f.program = spec, program
}

// Kind implements service.Backend.
func (f *Fake) Kind() service.Kind { return KindFake }

// Start implements service.Backend.
func (f *Fake) Start(ctx context.Context) (service.Started, error) {
	f.mu.Lock()
	if l := f.life; l != nil {
		f.mu.Unlock()
		return service.Started{}, &service.Error{Op: "start daemon", Code: service.CodeAlreadyRunning, PID: l.pid, Err: fmt.Errorf("it is already running as PID %d", l.pid)}
	}
	l := f.begin()
	f.mu.Unlock()
	select {
	case err := <-l.answer:
		if err != nil {
			<-l.gone
			return service.Started{}, err
		}
		return service.Started{PID: l.pid}, nil
	case <-ctx.Done():
		l.ask(requestStop)
		<-l.gone
		return service.Started{}, &service.Error{Op: "start daemon", Code: service.CodeStartFailed, PID: l.pid, Err: fmt.Errorf("it was stopped again: %w", context.Cause(ctx))}
	}
}

// begin makes a new life. f.mu is held.
func (f *Fake) begin() *life {
	l := &life{
		f: f, spec: f.spec, program: f.program, pid: f.newPID(), origin: time.Now(), state: service.StateStopped,
		requests: make(chan request), answer: make(chan error, 1), gone: make(chan struct{}),
	} // one answer, read or not
	f.life, f.started, f.status.Restarts = l, l.origin, 0
	go l.run()
	return l
}

func (f *Fake) newPID() int {
	f.last++
	f.pids[f.last] = true
	return f.last
}

// Stop implements service.Backend.
func (f *Fake) Stop(ctx context.Context, o service.StopOptions) (service.Stopped, error) {
	began := time.Now()
	f.mu.Lock()
	l := f.life
	if l == nil {
		f.set(func(s *service.Status) { s.State, s.Wanted, s.StatusText = service.StateStopped, false, nil })
		f.mu.Unlock()
		return service.Stopped{}, nil
	}
	f.mu.Unlock()
	r := requestStop
	if o.Force {
		r = requestKill
	}
	l.ask(r)
	select {
	case <-l.gone:
		return service.Stopped{PID: l.pid, Killed: o.Force, Took: time.Since(began)}, nil
	case <-ctx.Done():
		return service.Stopped{PID: l.pid}, &service.Error{Op: "stop daemon", Code: service.CodeStopFailed, PID: l.pid, Err: context.Cause(ctx)}
	}
}

// Status implements service.Backend.
func (f *Fake) Status(context.Context) (service.Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.status
	s.Warnings = []string{}
	if f.life != nil {
		pid, at, up := f.life.pid, f.started.UTC(), time.Since(f.started).Milliseconds()
		s.Running, s.Wanted, s.PID, s.StartedAt, s.Uptime = true, true, &pid, &at, &up
		if s.State == service.StateStopped { // begun, and not yet launched
			s.State = service.StateStarting
		}
	}
	return s, nil
}

// Reload implements service.Backend.
func (f *Fake) Reload(ctx context.Context) error {
	f.mu.Lock()
	l := f.life
	f.mu.Unlock()
	if l == nil {
		return &service.Error{Op: "reload daemon", Code: service.CodeNotRunning}
	}
	l.ask(requestReload)
	return ctx.Err()
}

// Crash ends the daemon as SIGKILL does, its workload with it, and returns when both are gone. It reports whether there was one.
func (f *Fake) Crash() bool {
	f.mu.Lock()
	l := f.life
	f.mu.Unlock()
	if l == nil {
		return false
	}
	l.ask(requestCrash)
	<-l.gone
	return true
}

// Changed returns a channel that is closed at the next change of the status, the history or the log.
func (f *Fake) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// Log returns what the workload has printed.
func (f *Fake) Log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.lines)
}

// History returns what has happened, oldest first.
func (f *Fake) History() []Event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.events)
}

// Exists reports whether pid is that of the daemon or its workload.
func (f *Fake) Exists(pid int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pids[pid]
}

// set changes the status and tells who waits for it. f.mu is held.
func (f *Fake) set(change func(*service.Status)) {
	change(&f.status)
	close(f.changed)
	f.changed = make(chan struct{})
}

// FakeProcess is a Fake's workload process.
type FakeProcess struct {
	PID     int
	f       *Fake
	signals chan string
	killed  chan struct{}
	notes   chan string
	over    chan struct{} // the daemon no longer listens
}

// Print adds a line to the log.
func (p *FakeProcess) Print(line string) {
	p.f.mu.Lock()
	defer p.f.mu.Unlock()
	p.f.lines = append(p.f.lines, line)
	p.f.set(func(*service.Status) {})
}

// Notify is sd_notify(3): READY=1, STATUS=…, WATCHDOG=1.
func (p *FakeProcess) Notify(state string) error {
	select {
	case p.notes <- state:
		return nil
	case <-p.over:
		return errors.New("the daemon is gone")
	}
}

// Signals delivers what the daemon sends.
func (p *FakeProcess) Signals() <-chan string { return p.signals }

// Killed is closed when the process must end at once.
func (p *FakeProcess) Killed() <-chan struct{} { return p.killed }
