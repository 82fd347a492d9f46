//go:build darwin || freebsd

package proc

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

func runChild(mode string) int {
	switch mode {
	case "wait":
		return waitChild()
	case "tree":
		return tree()
	}
	fmt.Fprintln(os.Stderr, "no such child:", mode)
	return 2
}

func TestLinuxOnly(t *testing.T) {
	if _, err := WithEnv("A=1"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("WithEnv: %v", err)
	}
	if err := SetSubreaper(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("SetSubreaper: %v", err)
	}
	if pid, ok := LockHolder(os.Args[0]); ok {
		t.Errorf("LockHolder: %d", pid)
	}
}
