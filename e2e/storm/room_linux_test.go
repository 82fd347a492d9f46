package storm

import (
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNoRoom: a daemon whose log's disk is full runs, is asked to reload and answers, and status says that lines are lost; with room again it does not.
func TestNoRoom(t *testing.T) {
	if os.Getenv(insideVariable) == "" {
		inNamespaces(t, time.Minute)
		return
	}
	p := newProject(t)
	if err := syscall.Mount("tmpfs", p.apex(""), "tmpfs", 0, "size=256k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(p.apex(""), syscall.MNT_DETACH) }) // it ends with this namespace in any case
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p.configure([]string{self, "workload", p.dir})
	p.must("start", 0)
	told := func() bool {
		t.Helper()
		s, _ := p.one()
		return slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "no space is left in "+p.apex("")) })
	}
	if told() {
		t.Error("a full disk is told of before it is full")
	}
	ballast := p.apex("ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	if !told() {
		t.Error("status does not say that the log's disk is full")
	}
	for range 3 { // it has kept room for its answers
		p.must("reload", 0)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if told() {
		t.Error("a full disk is told of when there is room again")
	}
	p.must("stop", 0)
	p.none(3)
}
