package fswatch

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// apex makes a directory as the daemon has it.
func apex(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), ".apex")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"daemon.pid", "daemon.pid.lock", "daemon.log"} {
		write(t, filepath.Join(dir, name), name)
	}
	return dir
}

func watchApex(t *testing.T, dir string) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	ch, err := Removed(ctx, dir, "daemon.pid", "daemon.pid.lock")
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func TestRemoved(t *testing.T) {
	rows := []struct {
		name string
		act  func(t *testing.T, dir string)
		want bool
	}{
		{"record removed", func(t *testing.T, d string) { remove(t, d+"/daemon.pid") }, true},
		{"lock removed", func(t *testing.T, d string) { remove(t, d+"/daemon.pid.lock") }, true},
		{"record renamed", func(t *testing.T, d string) { rename(t, d+"/daemon.pid", d+"/old") }, true},
		{"record moved out", func(t *testing.T, d string) { rename(t, d+"/daemon.pid", d+"/../old") }, true},
		{"directory and all removed", func(t *testing.T, d string) {
			if err := os.RemoveAll(d); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"directory renamed", func(t *testing.T, d string) { rename(t, d, d+".old") }, true},
		{"record written", func(t *testing.T, d string) { write(t, d+"/daemon.pid", "{}") }, false},
		{"record replaced by rename", func(t *testing.T, d string) {
			write(t, d+"/.daemon.pid.tmp", "{}")
			rename(t, d+"/.daemon.pid.tmp", d+"/daemon.pid")
		}, false},
		{"log removed", func(t *testing.T, d string) { remove(t, d+"/daemon.log") }, false},
		{"log rotated", func(t *testing.T, d string) { rename(t, d+"/daemon.log", d+"/daemon.log.1") }, false},
		{"log written", func(t *testing.T, d string) { appendTo(t, d+"/daemon.log", 100) }, false},
		{"file created", func(t *testing.T, d string) { write(t, d+"/daemon.history", "x") }, false},
		{"mode changed", func(t *testing.T, d string) {
			if err := errors.Join(os.Chmod(d+"/daemon.pid", 0o644), os.Chmod(d, 0o755)); err != nil {
				t.Fatal(err)
			}
		}, false},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			dir := apex(t)
			ch := watchApex(t, dir)
			r.act(t, dir)
			if r.want {
				awaken(t, ch)
			} else {
				asleep(t, ch)
			}
		})
	}
}

// TestRemovedAgain: one call tells of every removal.
func TestRemovedAgain(t *testing.T) {
	dir := apex(t)
	ch := watchApex(t, dir)
	for range 3 {
		remove(t, dir+"/daemon.pid")
		awaken(t, ch)
		write(t, dir+"/daemon.pid", "{}")
		asleep(t, ch)
	}
}

// countingReader counts how often the reading goroutine was woken.
type countingReader struct {
	r io.Reader
	n atomic.Int32
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(1)
	return n, err
}

// TestLogWritesCostNothing: 10,000 appends in the watched directory wake neither the receiver nor the goroutine in between.
func TestLogWritesCostNothing(t *testing.T) {
	dir := apex(t)
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	r := &countingReader{r: os.NewFile(uintptr(fd), "inotify")}
	if _, err := unix.InotifyAddWatch(fd, dir, removedMask); err != nil {
		t.Fatal(err)
	}
	ch, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		follow(r, []string{"daemon.pid"}, ch)
	}()
	public := watchApex(t, dir)
	appendTo(t, dir+"/daemon.log", 10_000)
	asleep(t, ch)
	asleep(t, public)
	if n := r.n.Load(); n != 0 {
		t.Errorf("woken %d times", n)
	}
	remove(t, dir+"/daemon.pid")
	awaken(t, ch)
	awaken(t, public)
	r.r.(*os.File).Close()
	<-done
}

// TestFollow feeds what cannot be made to happen at will.
func TestFollow(t *testing.T) {
	rows := []struct {
		name string
		in   []byte
		want bool
	}{
		{"events lost", event{mask: unix.IN_Q_OVERFLOW}.encode(), true},
		{"unmounted", event{mask: unix.IN_UNMOUNT}.encode(), true},
		{"neighbour", event{mask: unix.IN_DELETE, name: "daemon.log"}.encode(), false},
		{"the second concerns", slices.Concat(event{mask: unix.IN_DELETE, name: "x"}.encode(), event{mask: unix.IN_DELETE, name: "a"}.encode()), true},
		{"not understood", []byte{1, 2, 3}, true},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			ch := make(chan struct{}, 1)
			follow(&once{b: r.in}, []string{"a"}, ch)
			if got := len(ch) == 1; got != r.want {
				t.Errorf("woken: %v", got)
			}
		})
	}
}

// once returns b from its first Read and then an end.
type once struct{ b []byte }

func (o *once) Read(p []byte) (int, error) {
	if o.b == nil {
		return 0, io.EOF
	}
	n := copy(p, o.b)
	o.b = nil
	return n, nil
}

func TestRemovedErrors(t *testing.T) {
	dir := apex(t)
	if _, err := Removed(t.Context(), filepath.Join(dir, "none"), "a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such directory: %v", err)
	}
	if _, err := Removed(t.Context(), filepath.Join(dir, "daemon.pid"), "a"); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("not a directory: %v", err)
	}
}

// TestReleased: nothing is left when the context is done, or the directory is gone.
func TestReleased(t *testing.T) {
	round := func() {
		dir := apex(t)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		_, e1 := Removed(ctx, dir, "daemon.pid")
		_, e2 := Changed(ctx, filepath.Join(dir, "daemon.log"))
		if err := errors.Join(e1, e2); err != nil {
			t.Fatal(err)
		}
		gone := apex(t)
		if _, err := Removed(context.Background(), gone, "daemon.pid"); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(gone); err != nil {
			t.Fatal(err)
		}
	}
	round()
	settle(t, func() bool { return goroutines() == 0 })
	fds := openFiles(t)
	for range 20 {
		round()
	}
	settle(t, func() bool { return goroutines() == 0 && openFiles(t) == fds })
}

// goroutines counts those of this package's functions and of fsnotify.
func goroutines() int {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	n := 0
	for _, mark := range []string{"fswatch.removed.func", "fswatch.Changed.func", "fsnotify."} {
		for i := 0; i+len(mark) <= len(buf); i++ {
			if string(buf[i:i+len(mark)]) == mark {
				n++
			}
		}
	}
	return n
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// settle asks until it is so: nothing tells that a goroutine has ended.
func settle(t *testing.T, ok func() bool) {
	t.Helper()
	for range 2000 {
		if ok() {
			return
		}
		<-time.After(time.Millisecond)
	}
	t.Fatalf("%d goroutines and %d files are left", goroutines(), openFiles(t))
}

func TestChangedIgnoresNeighbours(t *testing.T) {
	dir := apex(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ch, err := Changed(ctx, dir+"/daemon.pid")
	if err != nil {
		t.Fatal(err)
	}
	appendTo(t, dir+"/daemon.log", 100)
	write(t, dir+"/new", "x")
	rename(t, dir+"/new", dir+"/newer")
	if err := os.Chmod(dir+"/daemon.pid", 0o644); err != nil {
		t.Fatal(err)
	}
	asleep(t, ch)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	awaken(t, ch)
}
