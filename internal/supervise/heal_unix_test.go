//go:build unix

package supervise

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

const (
	healedLine    = "Files were deleted under the daemon and have been made again"
	unwatchedLine = "Cannot watch for deleted files, trying later"
)

// files stands for fswatch.Removed of a system that watches the files themselves (kqueue): what was not there when the watch began is not told of, and a record that is replaced is.
type files struct {
	mu    sync.Mutex
	begun chan int                      // has the number of each watch that has begun
	begin func(n int, _ []string) error // is called before
	n     int
	old   []watched
}

type watched struct {
	ctx   context.Context
	paths []string
	files []*os.File // open, as there: else another may get the inode
	ch    chan struct{}
}

func (f *files) watch(ctx context.Context, dir string, names ...string) (<-chan struct{}, error) {
	paths := []string{dir}
	for _, name := range names {
		paths = append(paths, dir+"/"+name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	if f.begin != nil {
		if err := f.begin(f.n, paths); err != nil {
			return nil, err
		}
	}
	w := watched{ctx: ctx, ch: make(chan struct{}, 1)}
	for _, path := range paths {
		file, err := os.Open(path)
		if err == nil {
			w.paths, w.files = append(w.paths, path), append(w.files, file)
		} else if path == dir {
			return nil, err
		}
	}
	f.old = append(f.old, w)
	context.AfterFunc(ctx, func() {
		for _, file := range w.files {
			file.Close()
		}
	})
	f.begun <- f.n
	return w.ch, nil
}

// tell is what the system does when files have gone.
func (f *files) tell() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.old {
		for i, path := range w.paths {
			was, err := w.files[i].Stat()
			if err != nil {
				continue // it has ended
			}
			if now, err := os.Lstat(path); err != nil || !os.SameFile(now, was) {
				select {
				case w.ch <- struct{}{}:
				default:
				}
			}
		}
	}
}

// heard has the lines of the log.
type heard chan string

func (h heard) Info(msg string, _ ...any)  { h <- msg }
func (h heard) Warn(msg string, _ ...any)  { h <- msg }
func (h heard) Error(msg string, _ ...any) { h <- msg }

// healing is a daemon that runs, with a watch of ours.
type healing struct {
	t        *testing.T
	ref      pidfile.Ref
	files    *files
	lines    heard
	requests chan Request
	stop     func()
	linger   chan struct{} // the workload ends when it is closed
}

// heals starts one. It is stopped at the end of the test.
func heals(t *testing.T, begin func(n int, paths []string) error) *healing {
	t.Helper()
	h := &healing{t: t, ref: projectRef(t), files: &files{begun: make(chan int, 1000), begin: begin}, lines: make(heard, 1000), requests: make(chan Request), linger: make(chan struct{})}
	lock, got, err := h.ref.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d, err := open(Options{
		Spec: failingSpec(h.ref, service.RestartPolicy{When: service.RestartNever}), Ref: h.ref, Signals: h.requests,
		NewLogger: func(Log, service.LogPolicy) Logger { return h.lines },
		Func: func(ctx context.Context, _ Daemon, ready func(string)) error {
			ready("")
			<-ctx.Done()
			<-h.linger
			return nil
		},
	}, lock, nil)
	if err != nil {
		t.Fatal(err)
	}
	d.watch = h.files.watch
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.run(ctx, got) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		close(h.linger)
		err := <-done
		d.close()
		if err := errors.Join(err, lock.Release()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(h.stop)
	return h
}

// hears waits for a line of the log and reports how often another came before.
func (h *healing) hears(line, other string) (others int) {
	h.t.Helper()
	for late := time.After(30 * time.Second); ; {
		select {
		case got := <-h.lines:
			switch got {
			case line:
				return others
			case other:
				others++
			}
		case <-late:
			h.t.Fatalf("not heard: %s", line)
		}
	}
}

// watches waits for the n-th watch.
func (h *healing) watches(n int) {
	h.t.Helper()
	for late := time.After(30 * time.Second); ; {
		select {
		case got := <-h.files.begun:
			if got >= n {
				return
			}
		case <-late:
			h.t.Fatalf("watched fewer than %d times", n)
		}
	}
}

// remove deletes files without a word of the system.
func (h *healing) remove(paths ...string) {
	h.t.Helper()
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			h.t.Fatal(err)
		}
	}
}

// healed stops the daemon, whose files must be there, and reports how often it has said in the history that they were made again.
func (h *healing) healed() (n int) {
	h.t.Helper()
	rec, err := pidfile.Read(h.ref.Path)
	if err != nil || rec.PID != os.Getpid() {
		h.t.Errorf("the record: %+v, %v", rec, err)
	}
	if _, err := os.Lstat(h.ref.LockPath()); err != nil {
		h.t.Error(err)
	}
	h.stop()
	events, _, err := history.Read(HistoryPath(h.ref), -1)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range events {
		if e.Event == "healed" {
			n++
		}
	}
	return n
}

// TestWatchedAnew: what is deleted after the record was replaced is told, where the replaced one was watched.
func TestWatchedAnew(t *testing.T) {
	h := heals(t, nil)
	h.watches(1)
	for n := range 3 {
		h.requests <- Request{RequestReload, "the test"}
		h.hears("Reloaded", "")
		h.requests <- Request{RequestReload, "the test"} // is taken when the first one has written its record
		h.hears("Reloaded", "")
		h.files.tell()
		h.watches(n + 2)
	}
	h.remove(h.ref.Path)
	h.files.tell()
	h.hears(healedLine, "")
	if n := h.healed(); n != 1 {
		t.Errorf("said %d times", n)
	}
}

// TestDeletedWhileWatchedAnew: what is deleted just before a watch begins is seen, and the old watch has not ended by then.
func TestDeletedWhileWatchedAnew(t *testing.T) {
	for _, what := range []string{"record", "lock", "all"} {
		t.Run(what, func(t *testing.T) {
			var h *healing
			ready := make(chan struct{})
			h = heals(t, func(n int, paths []string) error {
				<-ready
				if n != 2 {
					return nil
				}
				if h.files.old[0].ctx.Err() != nil {
					t.Error("the old watch has ended before there is a new one")
				}
				switch what {
				case "record":
					return os.Remove(paths[1])
				case "lock":
					return os.Remove(paths[2])
				}
				return os.RemoveAll(paths[0])
			})
			close(ready)
			h.watches(1)
			h.files.old[0].ch <- struct{}{}
			if n := h.hears(healedLine, unwatchedLine); n > 0 {
				t.Error("it says that it cannot watch what it is about to make")
			}
			h.watches(3) // what was made
			h.remove(h.ref.Path)
			h.files.tell()
			h.hears(healedLine, "")
			if n := h.healed(); n != 2 && what != "all" || n == 0 {
				t.Errorf("said %d times", n)
			}
		})
	}
}

// TestWatchedLater: a watch that cannot be is said once and tried again, and meanwhile the files are looked at.
func TestWatchedLater(t *testing.T) {
	h := heals(t, func(n int, _ []string) error {
		if n <= 3 {
			return syscall.EMFILE
		}
		return nil
	})
	h.hears(unwatchedLine, "")
	h.remove(h.ref.Path)
	if n := h.hears(healedLine, unwatchedLine); n > 0 {
		t.Errorf("said %d times more that it cannot watch", n)
	}
	h.watches(1)
	h.remove(h.ref.Path)
	h.files.tell()
	h.hears(healedLine, "")
	if n := h.healed(); n != 2 {
		t.Errorf("said %d times", n)
	}
}

// TestHealedAmongChanges: a record that is replaced all the time, which looks like a deletion, does not keep what was deleted from being made again.
func TestHealedAmongChanges(t *testing.T) {
	h := heals(t, nil)
	h.watches(1)
	h.remove(h.ref.LockPath())
	ctx, cancel := context.WithCancel(t.Context())
	var changes sync.WaitGroup
	changes.Go(func() {
		for ctx.Err() == nil {
			h.files.tell() // the first watch sees the lock go for as long as it is the last
			select {
			case <-time.After(healDelay / 20):
			case <-ctx.Done():
			}
		}
	})
	h.hears(healedLine, "")
	cancel()
	changes.Wait()
	if n := h.healed(); n != 1 {
		t.Errorf("said %d times", n)
	}
}

// TestWrittenBeforeHealed: that a record was deleted is said also when the daemon had another reason to write it before heal looked.
func TestWrittenBeforeHealed(t *testing.T) {
	h := heals(t, nil)
	h.watches(1)
	h.remove(h.ref.Path)
	h.requests <- Request{RequestReload, "the test"}
	h.hears(healedLine, "")
	if n := h.healed(); n != 1 {
		t.Errorf("said %d times", n)
	}
}

// TestLostPlace: a daemon that another one has replaced goes gracefully, whatever that one does with its files meanwhile.
func TestLostPlace(t *testing.T) {
	h := heals(t, nil)
	h.watches(1)
	other := exec.Command("sleep", "600")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	p, err := proc.Inspect(other.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	rec := pidfile.Record{PID: p.PID, Identity: p.Identity, ProjectPath: h.ref.Project, State: service.StateRunning, Schema: pidfile.Schema, StartedAt: pidfile.Time{Time: p.Started}}
	b, err := rec.Encode()
	if err != nil {
		t.Fatal(err)
	}
	h.remove(h.ref.LockPath())
	theirs := flock.New(h.ref.LockPath())
	if err := theirs.Lock(); err != nil {
		t.Fatal(err)
	}
	defer theirs.Unlock()
	replace := func() {
		t.Helper()
		h.remove(h.ref.Path)
		if err := os.WriteFile(h.ref.Path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		h.files.tell()
	}
	replace()
	h.hears("Stopping the workload", "")
	h.watches(2)
	replace()
	h.watches(3)
	h.requests <- Request{RequestReload, "the test"} // is taken when it has looked again
	for {
		select {
		case line := <-h.lines:
			if strings.HasPrefix(line, "Killing") {
				t.Error(line)
			}
		default:
			if now, err := os.ReadFile(h.ref.Path); err != nil || !bytes.Equal(now, b) {
				t.Errorf("their record is %q by now (%v)", now, err)
			}
			return
		}
	}
}
