//go:build unix

package supervise

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// TestSend: that a process is gone when it is to go on is what it was asked for, and no error, after which it would be killed.
func TestSend(t *testing.T) {
	for _, row := range []struct {
		name  string
		wake  bool
		fails syscall.Signal // this one is refused
		sent  []syscall.Signal
		err   error
	}{
		{"both", true, 0, []syscall.Signal{syscall.SIGTERM, syscall.SIGCONT}, nil},
		{"it ends at once", true, syscall.SIGCONT, []syscall.Signal{syscall.SIGTERM, syscall.SIGCONT}, nil},
		{"it has ended", true, syscall.SIGTERM, []syscall.Signal{syscall.SIGTERM}, syscall.ESRCH},
		{"a signal alone", false, 0, []syscall.Signal{syscall.SIGTERM}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			var sent []syscall.Signal
			err := send(func(sig syscall.Signal) error {
				sent = append(sent, sig)
				if sig == row.fails {
					return syscall.ESRCH
				}
				return nil
			}, syscall.SIGTERM, row.wake)
			if !errors.Is(err, row.err) || !slices.Equal(sent, row.sent) {
				t.Errorf("sent %v, %v", sent, err)
			}
		})
	}
}

// TestStopWithoutSubreaper: a stop ends with the last process of the tree, also where nothing tells of it, and not with the time that it may take.
func TestStopWithoutSubreaper(t *testing.T) {
	const family = `(trap "" TERM; touch child; exec sleep 1) & while [ ! -e child ]; do sleep 0.01; done; trap "exit 0" TERM; $tell; while :; do sleep 0.01; done`
	s := speak(t, family, func(o *Options) { o.Spec.StopTimeout = 30 * time.Second })
	s.say("READY=1")
	s.awaitState(service.StateRunning)
	s.stop() // which waits for less than that
}

// TestRealTimeSignal: an end by a signal without a name of its own is one by a signal.
func TestRealTimeSignal(t *testing.T) {
	e := exitOf(syscall.WaitStatus(40))
	if e.Signal == "" || !e.Failed() || (&ExitError{Exit: *e}).Code() != 128+40 {
		t.Errorf("%s, status %d", Describe(*e), (&ExitError{Exit: *e}).Code())
	}
	if text := Describe(service.Exit{Code: -1, Signal: "signal 32"}); text != "was ended by signal 32" {
		t.Error(text)
	}
}
