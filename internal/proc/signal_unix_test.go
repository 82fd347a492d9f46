//go:build unix

package proc

import (
	"runtime"
	"syscall"
	"testing"
)

// TestSignalNames: every signal that can end a process has a name, which tells its number again.
func TestSignalNames(t *testing.T) {
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		name := SignalName(sig)
		if name == "" || SignalNumber(name) != int(sig) {
			t.Errorf("signal %d is %q, and that is %d", sig, name, SignalNumber(name))
		}
	}
	want := map[syscall.Signal]string{syscall.SIGKILL: "SIGKILL"}
	if runtime.GOOS == "linux" {
		want[32], want[34], want[40], want[64] = "signal 32", "SIGRTMIN+0", "SIGRTMIN+6", "SIGRTMIN+30"
	}
	for sig, name := range want {
		if got := SignalName(sig); got != name {
			t.Errorf("signal %d is %q, want %q", sig, got, name)
		}
	}
	for _, no := range []string{"", "SIGRTMIN+", "SIGRTMIN+x", "signal -1", "signal 300"} {
		if got := SignalNumber(no); got != 0 {
			t.Errorf("%q is %d", no, got)
		}
	}
}
