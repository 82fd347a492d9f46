//go:build unix

package backends

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/proc"
)

// TestAgeOf: a process that has ended has no age, even while its manager has not noticed.
func TestAgeOf(t *testing.T) {
	if _, alive := ageOf(os.Getpid()); !alive {
		t.Error("this process does not live")
	}
	if _, alive := ageOf(0); alive {
		t.Error("no process lives")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
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
	if _, alive := ageOf(info.PID); alive {
		t.Error("a zombie lives")
	}
	_ = cmd.Wait() // it was killed
}
