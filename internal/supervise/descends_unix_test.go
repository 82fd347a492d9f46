//go:build unix

package supervise

import (
	"os"
	"os/exec"
	"testing"
)

// TestDescendsFromUs: a child does, and nobody else, not even this process or the one that it comes from.
func TestDescendsFromUs(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for pid, want := range map[int]bool{child.Process.Pid: true, os.Getpid(): false, os.Getppid(): false, 0: false} {
		if got := descendsFromUs(pid); got != want {
			t.Errorf("process %d: %v, want %v", pid, got, want)
		}
	}
	_ = child.Process.Kill() // it is ours, and was not waited for
	_ = child.Wait()
}
