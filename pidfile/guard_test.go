package pidfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/service"
)

// TestClearingIsNoDaemon: whoever clears away keeps daemons out, but is not taken for one, and so not signalled by others who stop.
func TestClearingIsNoDaemon(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		acquire func(Ref) (*Lock, Acquired, error)
		pid     int
		code    service.Code
	}{
		{"a daemon", func(r Ref) (*Lock, Acquired, error) { return r.Acquire(t.Context()) }, os.Getpid(), service.CodeAlreadyRunning},
		{"a stop that clears", func(r Ref) (*Lock, Acquired, error) { return r.AcquireToClear(t.Context()) }, 0, service.CodeLockFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRef(t)
			l, _, err := tt.acquire(r)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Release()
			if f := r.Look(); f.Running != (tt.pid != 0) || f.PID != tt.pid {
				t.Errorf("Look: running %v, PID %d, want %d", f.Running, f.PID, tt.pid)
			}
			patience := time.Minute
			if tt.pid == 0 {
				patience = acquireWait + acquireBrief
			}
			ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errImpatient)
			defer cancel()
			if _, _, err := r.Acquire(ctx); service.CodeOf(err) != tt.code || errors.Is(err, errImpatient) != (tt.pid == 0) {
				t.Errorf("Acquire meanwhile: %v, want %s", err, tt.code)
			}
		})
	}
}

var errImpatient = errors.New("no patience")

// TestStartAfterClearing: a daemon that comes while a stop clears, however long that takes, has the place right after.
func TestStartAfterClearing(t *testing.T) {
	t.Parallel()
	r := newRef(t)
	l, _, err := r.AcquireToClear(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	released := make(chan error, 1)
	time.AfterFunc(acquireWait+acquireBrief/2, func() { released <- l.Release() })
	d, _, err := r.Acquire(t.Context())
	if err := errors.Join(err, <-released); err != nil {
		t.Fatal(err)
	}
	if err := d.Release(); err != nil {
		t.Error(err)
	}
}

// TestClearWithoutProject: what a killed daemon left is cleared away where somebody has deleted its project, of which nothing is made anew.
func TestClearWithoutProject(t *testing.T) {
	r := newRef(t)
	r.Project = filepath.Join(r.Project, "shop")
	r.Path = filepath.Join(r.Project, ".apex", "daemon.pid")
	t.Setenv("APEXD_TEST_STATE", r.StateDir) // outside of the project
	h := startHolder(t, r)
	h.said(t)
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = h.cmd.Wait() // it was killed
	if err := os.RemoveAll(r.Project); err != nil {
		t.Fatal(err)
	}
	if left := r.Survivors(); len(left) != 1 || left[0].Path != r.Path {
		t.Errorf("survivors %+v, want the killed daemon", left)
	}
	l, got, err := r.AcquireToClear(t.Context())
	if err != nil || got.Previous == nil {
		t.Fatal(got, err)
	}
	if _, _, err := r.AcquireToClear(t.Context()); service.CodeOf(err) != service.CodeAlreadyRunning {
		t.Errorf("another stop: %v, want ALREADY_RUNNING", err)
	}
	if err := errors.Join(l.Remove(), l.Release()); err != nil {
		t.Fatal(err)
	}
	if !isMissing(r.Project) || len(r.Survivors()) != 0 {
		t.Errorf("the project is there: %v; survivors %+v", !isMissing(r.Project), r.Survivors())
	}
}

func TestClearingForEver(t *testing.T) {
	r := Ref{Path: "/p/daemon.pid"}
	if err := r.busyError(Finding{}, true); service.CodeOf(err) != service.CodeLockFailed || !strings.Contains(err.Error(), "still clearing") {
		t.Error(err)
	}
}

// TestStatusWhileCleared: what somebody sees while a stop clears away what a crash has left is the crash, and then nothing; never that something runs.
func TestStatusWhileCleared(t *testing.T) {
	r := newRef(t)
	h := startHolder(t, r)
	h.said(t)
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = h.cmd.Wait() // it was killed
	sees := func(when string, want service.State) {
		t.Helper()
		if f := r.Look(); f.Running || f.State != want || f.Lock != LockFree {
			t.Errorf("%s: running %v, %q (%s), want %q", when, f.Running, f.State, f.Reason, want)
		}
	}
	l, got, err := r.AcquireToClear(t.Context())
	if err != nil || got.Previous == nil {
		t.Fatal(got, err)
	}
	sees("while what it left is ended", service.StateFailed)
	if _, _, err := r.AcquireToClear(t.Context()); service.CodeOf(err) != service.CodeAlreadyRunning {
		t.Errorf("another stop of the same user: %v, want ALREADY_RUNNING", err)
	}
	if err := l.Remove(); err != nil {
		t.Fatal(err)
	}
	sees("when its record is gone", service.StateStopped)
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	sees("afterwards", service.StateStopped)
}

// TestTwoUsersClear: neither keeps the other from it, both keep daemons out, and what the first has removed the second does not miss.
func TestTwoUsersClear(t *testing.T) {
	r := newRef(t)
	plant(t, r, Record{PID: 1 << 30, ProjectPath: r.Project, Identity: Identity{StartTime: "1"}, State: service.StateRunning})
	theirs := r
	theirs.StateDir = t.TempDir()
	var locks []*Lock
	for _, ref := range []Ref{r, theirs} {
		l, got, err := ref.AcquireToClear(t.Context())
		if err != nil || got.Previous == nil {
			t.Fatal(got, err)
		}
		locks = append(locks, l)
	}
	for i, l := range locks {
		if err := l.Remove(); err != nil {
			t.Errorf("user %d: %v", i, err)
		}
	}
	for i, l := range locks {
		if fl, err := tryLock(r.LockPath(), (*flock.Flock).TryLock); fl != nil || err != nil {
			t.Errorf("a daemon could take the place while user %d clears: %v", i, err)
		}
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	}
}

// TestUnfinished: that a daemon did not end cleanly is known also without its record.
func TestUnfinished(t *testing.T) {
	const otherBoot = "a crash before the machine was restarted"
	for _, tt := range []struct {
		name string
		end  func(t *testing.T, r Ref, l *Lock)
		want bool
	}{
		{"a clean end", func(t *testing.T, _ Ref, l *Lock) {
			if err := l.Remove(); err != nil {
				t.Fatal(err)
			}
		}, false},
		{"a crash", func(*testing.T, Ref, *Lock) {}, true},
		{otherBoot, func(t *testing.T, r Ref, l *Lock) {
			if err := r.enter(proc.Info{PID: l.self.PID, Identity: Identity{StartTime: "1", BootID: "another"}}); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if self, err := proc.Self(); err != nil || tt.name == otherBoot && self.Identity.BootID == "" {
				t.Skip("here the time of a start says in which boot it was: ", err)
			}
			r := newRef(t)
			l, got, err := r.Acquire(t.Context())
			if err != nil || got.Previous != nil {
				t.Fatalf("first: %+v, %v", got.Previous, err)
			}
			tt.end(t, r, l)
			_ = os.Remove(r.Path) // as `rm -rf .apex` does
			if err := l.Release(); err != nil {
				t.Fatal(err)
			}
			if got := r.Unfinished(); got != tt.want {
				t.Errorf("unfinished: %v, want %v", got, tt.want)
			}
			next, got, err := r.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer next.Release()
			if (got.Previous != nil) != tt.want {
				t.Errorf("the next daemon is told of %+v", got.Previous)
			}
			if p := got.Previous; p != nil && (p.PID != os.Getpid() || p.Workload == nil || p.ProjectPath != r.Project) {
				t.Errorf("the next daemon is told of %+v, want this process's", p)
			}
		})
	}
}

// TestFailedInsideOfProgram: a daemon that has failed runs as long as it has the lock, also where its process goes on without it.
func TestFailedInsideOfProgram(t *testing.T) {
	r := newRef(t)
	l, _, err := r.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Write(Record{State: service.StateFailed, StatusText: "gave up"}); err != nil {
		t.Fatal(err)
	}
	if f := r.Look(); !f.Running || f.PID != os.Getpid() {
		t.Errorf("with the lock: %+v", f)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if f := r.Look(); f.Running || f.PID != 0 || f.State != service.StateFailed || f.Reason != "gave up" {
		t.Errorf("without the lock: %+v", f)
	}
	next, got, err := r.Acquire(t.Context())
	if err != nil || got.Previous == nil {
		t.Fatalf("the next one: %+v, %v", got.Previous, err)
	}
	defer next.Release()
}

// TestForget: an entry goes when its project is gone and nothing of it can run, and not before.
func TestForget(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(t *testing.T, r Ref, l *Lock)
		want bool
	}{
		{"the project is there", func(t *testing.T, _ Ref, l *Lock) { stopped(t, l) }, false},
		{"the project is gone", func(t *testing.T, r Ref, l *Lock) { stopped(t, l); remove(t, r) }, true},
		{"and the daemon runs", func(t *testing.T, r Ref, _ *Lock) { remove(t, r) }, false},
		{"and the daemon was killed", func(t *testing.T, r Ref, l *Lock) { remove(t, r); l.Release() }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRef(t)
			r.StateDir = t.TempDir() // not in the project
			l, _, err := r.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer l.Release()
			tt.end(t, r, l)
			if got := r.Forget(); got != tt.want {
				t.Errorf("forgotten: %v, want %v", got, tt.want)
			}
			left, err := Entries(r.StateDir)
			if err != nil || (len(left) == 0) != tt.want {
				t.Errorf("left: %+v, %v", left, err)
			}
		})
	}
}

func stopped(t *testing.T, l *Lock) {
	t.Helper()
	if err := l.Remove(); err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, r Ref) {
	t.Helper()
	if err := os.RemoveAll(r.Project); err != nil {
		t.Skipf("it is in use, and so cannot go: %v", err) // Windows
	}
}
