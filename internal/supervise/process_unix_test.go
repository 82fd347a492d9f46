//go:build unix

package supervise

import (
	"errors"
	"slices"
	"syscall"
	"testing"
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
