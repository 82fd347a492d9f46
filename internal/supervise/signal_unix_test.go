//go:build unix

package supervise

import (
	"runtime"
	"syscall"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

// TestSignalNames: every signal that can end a process has a name, which tells its number again.
func TestSignalNames(t *testing.T) {
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		name := signalName(sig)
		if name == "" || signalNumber(name) != int(sig) {
			t.Errorf("signal %d is %q, and that is %d", sig, name, signalNumber(name))
		}
	}
	want := map[syscall.Signal]string{syscall.SIGKILL: "SIGKILL"}
	if runtime.GOOS == "linux" {
		want[32], want[34], want[40], want[64] = "signal 32", "SIGRTMIN+0", "SIGRTMIN+6", "SIGRTMIN+30"
	}
	for sig, name := range want {
		if got := signalName(sig); got != name {
			t.Errorf("signal %d is %q, want %q", sig, got, name)
		}
	}
	for _, no := range []string{"", "SIGRTMIN+", "SIGRTMIN+x", "signal -1", "signal 300"} {
		if got := signalNumber(no); got != 0 {
			t.Errorf("%q is %d", no, got)
		}
	}
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
