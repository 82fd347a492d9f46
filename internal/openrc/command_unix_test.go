//go:build unix

package openrc

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// TestRemind: this process is the supervisor.
func TestRemind(t *testing.T) {
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGCHLD)
	defer signal.Stop(heard)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); remind(ctx, os.Getpid()) }()
	for range 2 {
		within(t, heard)
	}
	cancel()
	within(t, done)
}

func TestRemindEnds(t *testing.T) {
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{0, cmd.Process.Pid} {
		done := make(chan struct{})
		go func() { defer close(done); remind(context.Background(), pid) }()
		if pid != 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		within(t, done)
	}
	_ = cmd.Wait() // it was killed
}

func within[T any](t *testing.T, c <-chan T) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(time.Minute):
		t.Fatal("not within a minute")
	}
}
