//go:build unix

package proc

import (
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCloseInherited: what was open when the program was executed is closed, what it has opened itself is not.
func TestCloseInherited(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	fd, err := syscall.Dup(int(w.Fd())) // without FD_CLOEXEC, as one that was inherited
	if err != nil {
		t.Fatal(err)
	}
	high, err := unix.FcntlInt(w.Fd(), unix.F_DUPFD, 200)
	if err != nil {
		t.Fatal(err)
	}
	CloseInherited()
	for _, fd := range []int{fd, high} {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != unix.EBADF {
			t.Errorf("descriptor %d is open: %v", fd, err)
		}
	}
	if _, err := w.Write([]byte("x")); err != nil {
		t.Errorf("our own: %v", err)
	}
	if _, err := os.Stderr.Stat(); err != nil {
		t.Errorf("standard error: %v", err)
	}
}
