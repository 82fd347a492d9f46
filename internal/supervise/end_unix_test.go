//go:build unix

package supervise

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/proc"
)

// TestEndOfOneThatHasEnded: between the look at a process and its kill it may end by itself, which is no failure.
func TestEndOfOneThatHasEnded(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() //nolint:errcheck // it was killed
	info, err := proc.Inspect(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	h, err := proc.Open(info.PID, info.Identity)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := h.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	if err := endHeld(ctx, h); err != nil {
		t.Errorf("of a process that has just ended: %v", err)
	}
}
