package proc

import "testing"

// TestPortableSignalNumber: they are this system's numbers too, where it has signals.
func TestPortableSignalNumber(t *testing.T) {
	for _, name := range []string{"SIGHUP", "SIGINT", "SIGQUIT", "SIGABRT", "SIGKILL", "SIGTERM", "SIGNONE", ""} {
		if got, want := portableSignalNumber(name), SignalNumber(name); got != want {
			t.Errorf("%q is %d, and here %d", name, got, want)
		}
	}
}
