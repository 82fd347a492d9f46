//go:build unix

package main

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// reap waits for jobs, and for what they have left: whoever loses his parent becomes launchd's child. It returns after shutdown, when there is nobody any more.
func (m *machine) reap() {
	defer close(m.reaped)
	ended := make(chan os.Signal, 1) // one is enough: all are waited for
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	quit := m.quit
	for {
		some := m.reapAll()
		if quit == nil && !some {
			return
		}
		select {
		case <-ended:
		case <-quit:
			quit = nil
		}
	}
}

// reapAll takes every child that has ended, and reports whether others are left.
func (m *machine) reapAll() (some bool) {
	for {
		var status syscall.WaitStatus
		m.mu.Lock() // a process that was just started is in byPID when it is looked for
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if j := m.byPID[pid]; err == nil && j != nil {
			j.exited(status)
		}
		m.mu.Unlock()
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return false
		case pid == 0:
			return true
		}
	}
}
