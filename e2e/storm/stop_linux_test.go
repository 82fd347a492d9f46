package storm

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// TestStopAsksEverybody: processes that the request to stop cannot have reached, since they were forked after it, are asked when they are found, once, and do not
// make the stop wait for the kill.
func TestStopAsksEverybody(t *testing.T) {
	// It waits for its new child to be a sleep: until then that is a shell with this shell's trap, which takes a request and forgets it.
	const forked = `trap 'setsid sleep 600 & until read -r c </proc/$!/comm && [ "$c" = sleep ]; do :; done; exit 0' TERM; echo ready; while :; do sleep 600 & wait; done`
	for _, row := range []struct {
		name   string
		script string
	}{
		{"forked in answer to the request", forked},
		{"in the group, while the main process ends at once", `sleep 600 & trap 'exit 0' TERM; echo ready; wait`},
		{"asked twice it would end badly", `(trap 'trap "echo twice; exit 1" TERM; n=0; while [ $n -lt 5 ]; do n=$((n+1)); sleep 0.05; done; exit 0' TERM; while :; do sleep 0.05; done) & trap 'exit 0' TERM; echo ready; wait`},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := newProject(t)
			p.configure([]string{"/bin/sh", "-c", row.script})
			p.must("start", 0)
			began := time.Now()
			p.must("stop", 0)
			if took := time.Since(began); took >= service.DefaultStopTimeout {
				t.Errorf("stop took %s: somebody was not asked", took)
			}
			log, err := os.ReadFile(p.apex("daemon.log"))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(log, []byte("twice\n")) {
				t.Errorf("a process was asked twice:\n%s", log)
			}
			p.none(3)
		})
	}
}

// TestSuspended: status says so of a daemon and of a workload that is suspended, and a stop is heard all the same, by both, within the time that it has.
func TestSuspended(t *testing.T) {
	const script = `trap 'echo asked; exit 0' TERM; sleep 600 & echo ready; while :; do wait; done` // it forks nothing that would come after the request
	for _, row := range []struct {
		name string
		who  func(s status) []int // kill(2)
		warn string
	}{
		{"the daemon", func(s status) []int { return []int{s.pid()} }, "the daemon is suspended"},
		{"the workload", func(s status) []int { return []int{-s.Workload.PID} }, "the workload is suspended"},
		{"both", func(s status) []int { return []int{s.pid(), -s.Workload.PID} }, "the daemon is suspended"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := newProject(t)
			p.configure([]string{"/bin/sh", "-c", script})
			p.must("start", 0)
			for _, pid := range row.who(p.status()) {
				if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			for s := p.status(); !s.Running || len(s.Warnings) != 1 || !strings.Contains(s.Warnings[0], row.warn); s = p.status() {
				if ctx.Err() != nil { // a signal takes a moment, of which nobody but a parent is told
					t.Fatalf("no warning: %s", s)
				}
			}
			began := time.Now()
			p.must("stop", 0)
			log, err := os.ReadFile(p.apex("daemon.log"))
			if took := time.Since(began); err != nil || took >= service.DefaultStopTimeout || !bytes.Contains(log, []byte("asked\n")) {
				t.Errorf("after %s, %v:\n%s", took, err, log)
			}
			p.none(3)
		})
	}
}

// TestLateRequests: what a daemon is sent in its last moments does not end it in another way, as a SIGHUP that is not caught any more would.
func TestLateRequests(t *testing.T) {
	p := newProject(t)
	p.configure([]string{"/bin/sh", "-c", "echo ready; exec sleep 600"})
	for range scaled(20, 5) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		cmd := p.command(ctx, "run")
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Error(err)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for err = nil; err == nil; { // os.Process knows when it is reaped, and then signals nobody
			err = cmd.Process.Signal(syscall.SIGHUP)
		}
		if err := <-ended; err != nil {
			t.Errorf("after a stop that was asked for: %v", err)
		}
		cancel()
	}
	p.none(3)
}
