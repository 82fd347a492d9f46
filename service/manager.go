package service

import (
	"context"
	"sync"
)

// Manager is one project's daemon as a program sees it: ADR-051's DaemonManager over whatever Backend keeps the daemon. Its methods are safe for
// concurrent use.
type Manager struct {
	backend Backend
	check   func() error
	follow  func(ctx context.Context, began func())

	mu     sync.Mutex
	cancel context.CancelFunc
	done   chan struct{}
}

// NewManager returns a manager over b. check, when not nil, is asked before a restart whether the configuration is good; follow, when not nil, runs
// from the first Start or Restart until Close and hands the daemon's output to whoever wants it; it calls began when it misses nothing from then on.
func NewManager(b Backend, check func() error, follow func(ctx context.Context, began func())) *Manager {
	return &Manager{backend: b, check: check, follow: follow}
}

// Start starts the daemon and returns its PID when it is ready. It matches ErrAlreadyRunning when there is one, ErrStartFailed when it did not get
// ready, in which case nothing of it is left.
func (m *Manager) Start(ctx context.Context) (pid int, err error) {
	m.watch()
	s, err := m.backend.Start(ctx)
	return s.PID, err
}

// Stop stops the daemon gracefully, and by force when that takes longer than its stopTimeout. It reports whether one was running; none is no error.
func (m *Manager) Stop(ctx context.Context) (stopped bool, err error) {
	s, err := m.backend.Stop(ctx, StopOptions{})
	return s.PID != 0 && err == nil, err
}

// Kill is Stop without the grace period.
func (m *Manager) Kill(ctx context.Context) (killed bool, err error) {
	s, err := m.backend.Stop(ctx, StopOptions{Force: true})
	return s.PID != 0 && err == nil, err
}

// Restart checks the configuration, then stops the daemon and starts it. A bad configuration leaves the running daemon alone.
func (m *Manager) Restart(ctx context.Context) (pid int, err error) {
	if m.check != nil {
		if err := m.check(); err != nil {
			return 0, err
		}
	}
	if _, err := m.Stop(ctx); err != nil {
		return 0, err
	}
	return m.Start(ctx)
}

// Reload makes the running daemon read its configuration again; ErrNotRunning when there is none.
func (m *Manager) Reload(ctx context.Context) error { return m.backend.Reload(ctx) }

// Status is the daemon's status. An error means that it could not be found out; a daemon that does not run is a Status.
func (m *Manager) Status(ctx context.Context) (Status, error) { return m.backend.Status(ctx) }

// Running reports whether the daemon runs: whether its lock is held.
func (m *Manager) Running(ctx context.Context) (bool, error) {
	s, err := m.backend.Status(ctx)
	return s.Running, err
}

// watch starts follow, once, and returns when it has begun.
func (m *Manager) watch() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.follow == nil || m.done != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	began, done := make(chan struct{}), make(chan struct{})
	m.cancel, m.done = cancel, done
	go func() {
		defer close(done)
		m.follow(ctx, sync.OnceFunc(func() { close(began) }))
	}()
	select {
	case <-began:
	case <-done: // it cannot follow, and has said so; the next start tries again
		cancel()
		m.done = nil
	}
}

// Close ends the handing over of output and waits for it. The daemon goes on. It must not be called by who is handed the output.
func (m *Manager) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done != nil {
		m.cancel()
		<-m.done
		m.done = nil
	}
	return nil
}
