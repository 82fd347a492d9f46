package pidfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/service"
)

// fullDisk is a directory on a small file system of this goroutine's own, and what fills it and makes room again.
func fullDisk(t *testing.T) (dir string, fill, empty func()) {
	t.Helper()
	runtime.LockOSThread() // for good: the thread ends with the test
	if err := errors.Join(unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")); err != nil {
		t.Skipf("only root mounts a file system: %v", err)
	}
	dir = t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	ballast := filepath.Join(dir, "ballast")
	fill = func() {
		t.Helper()
		if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("filling the disk: %v", err)
		}
	}
	return dir, fill, func() { _ = os.Remove(ballast) }
}

// TestFullDisk: a daemon that has kept room can go on telling its state; one that has not says what is the matter, and its last record stays.
func TestFullDisk(t *testing.T) {
	dir, fill, empty := fullDisk(t)
	r := Ref{Path: filepath.Join(dir, "daemon.pid"), Project: dir}
	l, _, err := r.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	write := func(text string) error { return l.Write(Record{State: service.StateRunning, StatusText: text}) }
	reads := func(want string) {
		t.Helper()
		if rec, err := Read(r.Path); err != nil || rec.StatusText != want {
			t.Errorf("%+v, %v, want %q", rec, err, want)
		}
	}
	if err := write("first"); err != nil {
		t.Fatal(err)
	}
	l.Reserve()
	fill()
	for i := range 20 {
		if err := write(strconv.Itoa(i)); err != nil {
			t.Fatalf("record %d on a full disk: %v", i, err)
		}
		reads(strconv.Itoa(i))
	}
	l.dropRoom()
	l.reserves = false
	fill() // what that has given back
	if err := write("none"); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("without room kept: %v", err)
	}
	reads("19")
	l.Reserve() // in vain
	empty()
	if err := write("again"); err != nil {
		t.Error(err)
	}
	fill()
	if err := write("kept again"); err != nil {
		t.Errorf("room was not kept when there was some again: %v", err)
	}
	reads("kept again")
	if err := l.Remove(); err != nil {
		t.Error(err)
	}
	empty()
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 || names[0].Name() != "daemon.pid.lock" {
		t.Errorf("left: %v, %v", names, err)
	}
}
