package pidfile

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

func isUnsafe(err error) bool { return errors.Is(err, safefile.ErrUnsafe) }

// TestMain lets the test binary be the daemon of another process: APEXD_TEST_HOLD names the PID file.
func TestMain(m *testing.M) {
	if path := os.Getenv("APEXD_TEST_HOLD"); path != "" {
		os.Exit(hold(path))
	}
	os.Exit(m.Run())
}

// hold takes the lock, writes a record, says so on standard output and waits until standard input ends.
func hold(path string) int {
	dir := os.Getenv("APEXD_TEST_PROJECT")
	l, _, err := Ref{Path: path, Project: dir, StateDir: cmp.Or(os.Getenv("APEXD_TEST_STATE"), filepath.Join(dir, "state"))}.Acquire(context.Background())
	if err != nil {
		_, _ = os.Stdout.WriteString("error " + string(service.CodeOf(err)) + "\n")
		return 1
	}
	if err := l.Write(Record{State: service.StateRunning, StartedAt: Time{time.Now()}}); err != nil {
		return 2
	}
	_, _ = os.Stdout.WriteString("held\n")
	_, _ = os.Stdin.Read(make([]byte, 1))
	return 0
}

// holder is such a process.
type holder struct {
	cmd *exec.Cmd
	in  interface{ Close() error }
	out *os.File
}

func startHolder(t *testing.T, r Ref) *holder {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h := &holder{cmd: exec.CommandContext(t.Context(), exe)}
	h.cmd.Env = append(os.Environ(), "APEXD_TEST_HOLD="+r.Path, "APEXD_TEST_PROJECT="+r.Project)
	h.cmd.WaitDelay = 5 * time.Second
	in, err := h.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	h.cmd.Stdout, h.in, h.out = outW, in, out
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	outW.Close()
	t.Cleanup(func() { h.in.Close(); _ = h.cmd.Wait(); out.Close() })
	return h
}

// said is the first thing that the holder says.
func (h *holder) said(t *testing.T) string {
	t.Helper()
	b := make([]byte, 100)
	n, err := h.out.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestAcquireTwice(t *testing.T) {
	r := newRef(t)
	h := startHolder(t, r)
	if s := h.said(t); s != "held\n" {
		t.Fatal(s)
	}
	_, _, err := r.Acquire(t.Context())
	var e *service.Error
	if !errors.As(err, &e) || e.Code != service.CodeAlreadyRunning || e.PID != h.cmd.Process.Pid || e.Hint == "" {
		t.Fatalf("%v, want ALREADY_RUNNING with PID %d and a hint", err, h.cmd.Process.Pid)
	}
	if f := r.Look(); !f.Running || f.PID != h.cmd.Process.Pid {
		t.Errorf("Look: %+v, want running as PID %d", f, h.cmd.Process.Pid)
	}
}

// TestKilledHolder: after SIGKILL the kernel has given the lock back, the record is stale, and the next one inherits it.
func TestKilledHolder(t *testing.T) {
	r := newRef(t)
	h := startHolder(t, r)
	h.said(t)
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = h.cmd.Wait()
	if f := r.Look(); f.Running || f.State != service.StateFailed {
		t.Errorf("Look: running %v state %q, want failed", f.Running, f.State)
	}
	l, got, err := r.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if got.Previous == nil || got.Previous.PID != h.cmd.Process.Pid {
		t.Errorf("previous %+v, want that of PID %d", got.Previous, h.cmd.Process.Pid)
	}
	if err := l.Remove(); err != nil {
		t.Errorf("the stale record could not be removed: %v", err)
	}
}

// TestKilledBeforeItsRecord: what a daemon was killed in the middle of writing is removed by the next, also where nothing else tells of it.
func TestKilledBeforeItsRecord(t *testing.T) {
	r := newRef(t)
	plant(t, Ref{Path: filepath.Join(filepath.Dir(r.Path), ".daemon.pid.1-1.tmp")}, []byte("{"))
	l, _, err := r.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if left, err := os.ReadDir(filepath.Dir(r.Path)); err != nil || len(left) != 1 {
		t.Errorf("there is %v, %v, want the lock alone", left, err)
	}
}

// TestDeletedUnderHolder: whatever is deleted under a live daemon, it is still found and no second one starts.
func TestDeletedUnderHolder(t *testing.T) {
	tests := []struct {
		name   string
		delete func(r Ref) error
	}{
		{"lock", func(r Ref) error { return os.Remove(r.LockPath()) }},
		{"record and lock", func(r Ref) error { return errors.Join(os.Remove(r.Path), os.Remove(r.LockPath())) }},
		{"directory", func(r Ref) error { return os.RemoveAll(filepath.Dir(r.Path)) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRef(t)
			h := startHolder(t, r)
			h.said(t)
			if err := tt.delete(r); err != nil {
				t.Skipf("this system does not let an open file be deleted: %v", err)
			}
			if f := r.Look(); !f.Running || f.PID != h.cmd.Process.Pid {
				t.Errorf("Look: running %v PID %d, want %d", f.Running, f.PID, h.cmd.Process.Pid)
			}
			_, _, err := r.Acquire(t.Context())
			var e *service.Error
			if !errors.As(err, &e) || e.Code != service.CodeAlreadyRunning || e.PID != h.cmd.Process.Pid {
				t.Errorf("Acquire: %v, want ALREADY_RUNNING with PID %d", err, h.cmd.Process.Pid)
			}
		})
	}
}

// TestRace starts many processes at once: one holds, all others say who.
func TestRace(t *testing.T) {
	r := newRef(t)
	const n = 20
	all := make([]*holder, n)
	for i := range all {
		all[i] = startHolder(t, r)
	}
	held := 0
	for _, h := range all {
		switch s := h.said(t); s {
		case "held\n":
			held++
		case "error ALREADY_RUNNING\n":
		default:
			t.Errorf("one said %q", s)
		}
	}
	if held != 1 {
		t.Errorf("%d hold the lock, want 1", held)
	}
}

// TestReadersDoNotDisturb: readers that ask the lock all the time never keep anybody from taking it.
func TestReadersDoNotDisturb(t *testing.T) {
	r := newRef(t)
	plant(t, r, []byte("junk, so that every look asks the lock"))
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			for ctx.Err() == nil {
				r.Look()
			}
		})
	}
	for range 50 {
		l, _, err := r.Acquire(t.Context())
		if err != nil {
			t.Error(err)
			break
		}
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	}
	cancel()
	readers.Wait()
}

func TestHeal(t *testing.T) {
	r := newRef(t)
	l, _, err := r.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if remade, err := l.Heal(); remade || err != nil {
		t.Fatalf("Heal of a healthy lock: %v, %v", remade, err)
	}
	if err := os.RemoveAll(filepath.Dir(r.Path)); err != nil {
		t.Skipf("this system does not let an open file be deleted: %v", err)
	}
	if remade, err := l.Heal(); !remade || err != nil {
		t.Fatalf("Heal: %v, %v, want it made again", remade, err)
	}
	if state, err := askLock(r.LockPath()); state != LockHeld {
		t.Errorf("the new lock is %v (%v), want held", state, err)
	}
}

// TestHealLost: another daemon has the new lock file.
func TestHealLost(t *testing.T) {
	r := newRef(t)
	r.StateDir = filepath.Join(t.TempDir(), "another user's") // so that the other daemon meets no guard
	l, _, err := r.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if err := os.Remove(r.LockPath()); err != nil {
		t.Skipf("this system does not let an open file be deleted: %v", err)
	}
	starter, err := tryLock(r.LockPath(), (*flock.Flock).TryLock)
	if err != nil || starter == nil {
		t.Fatal(starter, err)
	}
	if _, err := l.Heal(); err == nil || service.CodeOf(err) == service.CodeAlreadyRunning {
		t.Errorf("Heal, while a starter looks who is there: %v, want to try again", err)
	}
	if err := starter.Unlock(); err != nil {
		t.Fatal(err)
	}
	h := startHolder(t, r)
	if s := h.said(t); s != "held\n" {
		t.Fatal(s)
	}
	if _, err := l.Heal(); service.CodeOf(err) != service.CodeAlreadyRunning {
		t.Errorf("Heal: %v, want ALREADY_RUNNING", err)
	}
	theirs, err := os.ReadFile(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Write(Record{State: service.StateStopping}); service.CodeOf(err) != service.CodeAlreadyRunning {
		t.Errorf("Write into a place that is another's: %v, want ALREADY_RUNNING", err)
	}
	if err := l.Remove(); err == nil {
		t.Error("Remove removes the record of another")
	}
	if now, err := os.ReadFile(r.Path); err != nil || !bytes.Equal(now, theirs) {
		t.Errorf("their record is %q by now, want %q (%v)", now, theirs, err)
	}
}

// TestMovedProject: the daemon of a project that was moved is found in the new place, with its log there, and leaves nothing in it.
func TestMovedProject(t *testing.T) {
	r := newRef(t)
	state := r.StateDir
	r.Project = filepath.Join(r.Project, "old")
	r.Path = filepath.Join(r.Project, ".apex", "daemon.pid")
	l, _, err := r.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if err := l.Write(Record{State: service.StateRunning, Log: &Log{Kind: service.LogFile, Path: filepath.Join(r.Project, "x.log")}}); err != nil {
		t.Fatal(err)
	}
	now := Ref{Project: filepath.Join(filepath.Dir(r.Project), "new"), StateDir: state}
	now.Path = filepath.Join(now.Project, ".apex", "daemon.pid")
	if runtime.GOOS == "windows" { // Wine moves it all the same
		t.Skip("a directory with open files cannot be moved")
	}
	if err := os.Rename(r.Project, now.Project); err != nil {
		t.Fatal(err)
	}
	if f := now.Look(); !f.Running || f.Foreign || f.PID == os.Getpid() && f.Record.Log.Path != filepath.Join(now.Project, "x.log") {
		t.Errorf("in its new place: %+v, the log at %v", f, f.Record)
	}
	if err := l.Remove(); err != nil || !isMissing(now.Path) {
		t.Errorf("after the end the record is there: %v, %v", !isMissing(now.Path), err)
	}
}

func TestRemoveOnlyOurs(t *testing.T) {
	r := newRef(t)
	h := startHolder(t, r)
	h.said(t)
	theirs, err := os.ReadFile(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	other := newRef(t)
	l, _, err := other.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if err := os.WriteFile(other.Path, theirs, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := l.Remove(); err == nil {
		t.Error("a live daemon's record was removed")
	}
}

// TestRemoveWhileRead: a reader does not keep the record from going, which would make a clean end look like a crash.
func TestRemoveWhileRead(t *testing.T) {
	r := newRef(t)
	l, _, err := r.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if err := l.Write(Record{State: service.StateRunning}); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { reader.Close() }) // on Unix it is gone before
	if err := l.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(r.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the record: %v, want it gone", err)
	}
}

func TestWriteIsWholeAndOurs(t *testing.T) {
	r := newRef(t)
	l, _, err := r.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if err := l.Write(Record{PID: 1, ProjectPath: "/lie", State: service.StateRunning}); err != nil {
		t.Fatal(err)
	}
	rec, err := Read(r.Path)
	if err != nil || rec.PID != os.Getpid() || rec.ProjectPath != r.Project || rec.Identity != selfInfo(t).Identity {
		t.Errorf("%+v, %v, want our own PID, project and identity", rec, err)
	}
	names, _ := filepath.Glob(filepath.Join(filepath.Dir(r.Path), "*.tmp"))
	if len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

// A project whose path is not UTF-8 has a record all the same, which is its own, and the index has its path. A copy whose path reads the same in JSON is another project.
func TestPathThatIsNotUTF8(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "caf\xe9\xff")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skip("no such names here: " + err.Error())
	}
	r := Ref{Path: filepath.Join(dir, "daemon.pid"), Project: dir, StateDir: filepath.Join(dir, "state")}
	l, _, err := r.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	if err := l.Write(Record{State: service.StateRunning, StartedAt: Time{time.Now()}}); err != nil {
		t.Fatal(err)
	}
	if f := r.Look(); !f.Running || f.PID != os.Getpid() {
		t.Errorf("%+v", f)
	}
	if all, err := Entries(r.StateDir); err != nil || len(all) != 1 || all[0].PIDFile != r.Path || all[0].Project != r.Project {
		t.Errorf("the index has %+v, %v", all, err)
	}
	other := r
	other.Project = strings.Replace(dir, "\xe9", "\xe8", 1)
	if f := other.Look(); runtime.GOOS == "linux" && f.PID != os.Getpid() || !f.Running || len(f.Warnings) != 1 {
		t.Errorf("whoever has the lock, moved from a path that reads the same: %+v", f)
	}
	b, err := os.ReadFile(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	other.Path = filepath.Join(t.TempDir(), "daemon.pid")
	if err := os.WriteFile(other.Path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if f := other.Look(); f.Running {
		t.Errorf("a copy whose path reads the same: %+v", f)
	}
	if err := os.Remove(r.Path); err != nil {
		t.Fatal(err)
	}
	if f := r.Look(); !f.Running || f.PID != os.Getpid() {
		t.Errorf("by the index: %+v", f)
	}
}

// TestPatience: one that has just begun may be writing its first record.
func TestPatience(t *testing.T) {
	for _, row := range []struct {
		name   string
		f      Finding
		daemon bool
		want   time.Duration
	}{
		{"nobody is named", Finding{}, true, acquireWait},
		{"one that is old", Finding{Holder: 1}, true, acquireBrief},
		{"one that is gone", Finding{Holder: 1 << 30}, true, acquireWait},
		{"one with a record, elsewhere", Finding{Record: &Record{}}, true, acquireBrief},
		{"who clears", Finding{}, false, acquireBrief},
	} {
		if p, err := proc.Inspect(row.f.Holder); row.f.Holder == 1 && (err != nil || p.Age < acquireWait) {
			continue // the system does not show it, or has only just booted
		}
		if got := patience(&row.f, row.daemon); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}
