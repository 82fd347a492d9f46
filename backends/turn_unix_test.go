//go:build unix

package backends

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/service"
)

// TestTurn: who keeps a definition locked keeps nobody from starting for longer than the limit.
func TestTurn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	end, err := turn(t.Context(), path, 10*time.Millisecond)
	if err != nil {
		t.Errorf("after the limit: %v", err)
	}
	end()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if end, err = turn(ctx, path, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
	end()
}

// TestBounds: a start may have no limit, and the wait for somebody else's has one. What is added to either stays a time to come.
func TestBounds(t *testing.T) {
	for _, row := range []struct{ ready, bound, turn time.Duration }{
		{0, noBound, service.DefaultReadyTimeout + 11*time.Second},
		{5 * time.Second, 16 * time.Second, 16 * time.Second},
		{time.Hour, time.Hour + 11*time.Second, time.Hour + 11*time.Second},
	} {
		d := &Direct{Spec: service.Spec{StopTimeout: time.Second, Readiness: service.Readiness{Timeout: row.ready}}}
		if b, turn := d.bound(), d.turnBound(); b != row.bound || turn != row.turn {
			t.Errorf("readiness.timeout %s: bound %s, of the turn %s, want %s and %s", row.ready, b, turn, row.bound, row.turn)
		}
		if sum := d.bound() + startMargin + d.stopBound(0); sum < 0 {
			t.Errorf("readiness.timeout %s: OpenRC is given %s", row.ready, sum)
		}
	}
}
