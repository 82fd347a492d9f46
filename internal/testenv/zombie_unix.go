//go:build unix

package testenv

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/proc"
)

// Zombie returns the handle of a process that has ended and that nobody has waited for until the test is over, when it is closed.
func Zombie(t *testing.T) (pid int, h *proc.Handle) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Wait() }) // it was killed
	defer cmd.Process.Kill()             //nolint:errcheck // where the test ends here; a zombie hears nothing
	info, err := proc.Inspect(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if h, err = proc.Open(info.PID, info.Identity); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := h.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	return info.PID, h
}
