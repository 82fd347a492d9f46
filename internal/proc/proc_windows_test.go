package proc

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
)

func runChild(mode string) int {
	if mode == "wait" {
		return waitChild()
	}
	fmt.Fprintln(os.Stderr, "no such child:", mode)
	return 2
}

// TestRoundedPID: OpenProcess takes the next three numbers for the same process.
func TestRoundedPID(t *testing.T) {
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	for pid := os.Getpid() + 1; pid%4 != 0; pid++ {
		if _, err := Inspect(pid); !errors.Is(err, ErrNotFound) {
			t.Errorf("Inspect(%d): %v", pid, err)
		}
		if _, err := Open(pid, self.Identity); !errors.Is(err, ErrNotFound) {
			t.Errorf("Open(%d): %v", pid, err)
		}
	}
}

func TestUnsupported(t *testing.T) {
	c, _ := start(t, "wait")
	h := open(t, c.pid())
	for _, sig := range []syscall.Signal{0, syscall.SIGTERM, syscall.SIGINT} {
		if err := h.Signal(sig); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("Signal(%v): %v", sig, err)
		}
	}
	if _, err := Descendants(os.Getpid()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Descendants: %v", err)
	}
	if _, err := InGroup(1); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("InGroup: %v", err)
	}
	if _, err := WithEnv("A=1"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("WithEnv: %v", err)
	}
	if err := SetSubreaper(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("SetSubreaper: %v", err)
	}
	if pid, ok := LockHolder(os.Args[0]); ok {
		t.Errorf("LockHolder: %d", pid)
	}
	mustLive(t, c)
}
