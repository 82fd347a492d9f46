package testenv

import (
	"os"
	"runtime"
	"syscall"
	"testing"
)

const nobody = 65534

// AsNobody calls f with the file permissions of an unprivileged user: setfsuid(2) changes them for the calling thread only.
func AsNobody(t testing.TB, f func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		f()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := syscall.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Setfsuid(0) }()
	f()
}
