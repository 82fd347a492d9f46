package proc

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// childEnv makes this test binary one of the children below instead of a test.
const childEnv = "APEXD_PROC_CHILD"

func TestMain(m *testing.M) {
	if mode := os.Getenv(childEnv); mode != "" {
		os.Exit(runChild(mode))
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector lets each child sleep a second otherwise
	os.Exit(m.Run())
}

// waitChild says that it is up and exits when its standard input ends.
func waitChild() int {
	os.Stdout.WriteString("up\n")
	io.Copy(io.Discard, os.Stdin)
	return 0
}

// child is a process of this test binary. Closing in ends it.
type child struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start runs a child and returns when it has said its first line, which is returned too.
func start(t *testing.T, mode string, set ...func(*exec.Cmd)) (*child, string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{Cmd: exec.Command(exe)}
	c.Env = append(os.Environ(), childEnv+"="+mode)
	c.Stderr = os.Stderr
	for _, f := range set {
		f(c.Cmd)
	}
	in, e1 := c.StdinPipe()
	out, e2 := c.StdoutPipe()
	if err := errors.Join(e1, e2); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	c.in, c.out = in, bufio.NewReader(out)
	t.Cleanup(c.end)
	line, err := c.out.ReadString('\n')
	if err != nil {
		t.Fatalf("child %q said nothing: %v", mode, err)
	}
	return c, strings.TrimSpace(line)
}

// end makes the child exit and reaps it. A second call does nothing.
func (c *child) end() {
	c.in.Close()
	if c.ProcessState == nil {
		c.Wait()
	}
}

func (c *child) pid() int { return c.Process.Pid }

func open(t *testing.T, pid int) *Handle {
	t.Helper()
	info, err := Inspect(pid)
	if err != nil {
		t.Fatal(err)
	}
	h, err := Open(pid, info.Identity)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// mustLive fails the test if c has ended. It answers, so it is no zombie.
func mustLive(t *testing.T, c *child) {
	t.Helper()
	if info, err := Inspect(c.pid()); err != nil || info.Zombie {
		t.Fatalf("child %d: %+v, %v; it should be alive", c.pid(), info, err)
	}
}

func TestSelf(t *testing.T) {
	a, err := Self()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("no process identity on this system: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := Inspect(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if a.Identity != b.Identity || a.Identity.StartTime == "" {
		t.Errorf("identity: %+v, then %+v", a.Identity, b.Identity)
	}
	exe, _ := os.Executable()
	if base := filepath.Base(exe); a.Name == "" || !strings.HasPrefix(base, a.Name) {
		t.Errorf("Name = %q, the program is %q", a.Name, base)
	}
	if a.PID != os.Getpid() || a.PPID != os.Getppid() || a.Zombie {
		t.Errorf("Self() = %+v", a)
	}
	if uid := os.Geteuid(); a.UID != uid {
		t.Errorf("UID = %d, want %d", a.UID, uid)
	}
	if b.Age < a.Age || time.Since(a.Started) < 0 || a.Started.Location() != time.UTC {
		t.Errorf("Age = %v then %v, Started = %v", a.Age, b.Age, a.Started)
	}
	if _, err := Match(a.PID, a.Identity); err != nil {
		t.Errorf("Match of myself: %v", err)
	}
}

func TestStartedAndAge(t *testing.T) {
	before := time.Now()
	c, _ := start(t, "wait")
	info, err := Inspect(c.pid())
	if err != nil {
		t.Fatal(err)
	}
	const slack = 50 * time.Millisecond // Linux counts in steps of 10 ms
	if d := info.Started.Sub(before); d < -slack || d > time.Since(before)+slack {
		t.Errorf("Started is %v after the start", d)
	}
	if info.Age < 0 || info.Age > time.Since(before)+slack {
		t.Errorf("Age = %v, %v after the start", info.Age, time.Since(before))
	}
	if info.PPID != os.Getpid() {
		t.Errorf("PPID = %d, want %d", info.PPID, os.Getpid())
	}
}

func TestMatchRefuses(t *testing.T) {
	c, _ := start(t, "wait")
	info, err := Inspect(c.pid())
	if err != nil {
		t.Fatal(err)
	}
	other := info.Identity
	other.StartTime += "1"
	rows := []struct {
		name string
		pid  int
		id   Identity
		want error
	}{
		{"PID 0", 0, info.Identity, ErrNotFound},
		{"PID -1", -1, info.Identity, ErrNotFound},
		{"negative", -c.pid(), info.Identity, ErrNotFound},
		{"no such PID", 1<<30 + 1, info.Identity, ErrNotFound},
		{"zero identity", c.pid(), Identity{}, ErrOtherIdentity},
		{"other start", c.pid(), other, ErrOtherIdentity},
		{"another process", os.Getpid(), info.Identity, ErrOtherIdentity},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			if _, err := Match(r.pid, r.id); !errors.Is(err, r.want) {
				t.Errorf("Match: %v, want %v", err, r.want)
			}
			h, err := Open(r.pid, r.id)
			if !errors.Is(err, r.want) {
				t.Errorf("Open: %v, want %v", err, r.want)
			}
			if err == nil {
				h.Close()
			}
		})
	}
	mustLive(t, c)
}

func TestPlace(t *testing.T) {
	rows := []struct {
		name       string
		here, want place
		err        error
	}{
		{"same", place{"b", "n"}, place{"b", "n"}, nil},
		{"Windows", place{}, place{}, nil},
		{"no namespaces", place{"b", ""}, place{"b", ""}, nil},
		{"other boot", place{"b", "n"}, place{"a", "n"}, ErrOtherBoot},
		{"other boot and namespace", place{"b", "n"}, place{"a", "m"}, ErrOtherBoot},
		{"other namespace", place{"b", "n"}, place{"b", "m"}, ErrOtherNamespace},
		{"namespace not recorded", place{"b", "n"}, place{"b", ""}, ErrOtherNamespace},
		{"boot not recorded", place{"b", "n"}, place{"", "n"}, ErrOtherNamespace},
		{"boot not readable", place{"", "n"}, place{"b", "n"}, ErrOtherNamespace},
		{"recorded on Linux, read on Windows", place{}, place{"b", "n"}, ErrOtherNamespace},
		{"recorded on Windows, read on Linux", place{"b", "n"}, place{}, ErrOtherNamespace},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			if err := r.here.check(r.want.identity("1")); !errors.Is(err, r.err) {
				t.Errorf("check = %v, want %v", err, r.err)
			}
		})
	}
	if err := (place{"b", "n"}).check(Identity{}); !errors.Is(err, ErrOtherIdentity) {
		t.Errorf("zero identity: %v", err)
	}
}

func TestErrHiddenIsPermission(t *testing.T) {
	if !errors.Is(ErrHidden, fs.ErrPermission) || errors.Is(ErrHidden, ErrNotFound) {
		t.Error("ErrHidden must be fs.ErrPermission and not ErrNotFound")
	}
}

func TestWait(t *testing.T) {
	c, _ := start(t, "wait")
	h := open(t, c.pid())
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := h.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Wait while it runs: %v", err)
	}
	if err := h.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("Wait with a context that is done: %v", err)
	}
	done := make(chan error, 3) // one for each waiter
	for range cap(done) {
		go func() { done <- h.Wait(context.Background()) }()
	}
	c.in.Close()
	for range cap(done) {
		if err := <-done; err != nil {
			t.Errorf("Wait: %v", err)
		}
	}
	c.end()
	if err := h.Wait(ctx); err != nil {
		t.Errorf("Wait for one that is gone: %v", err)
	}
}

func TestWaitCancelLeavesOthersWaiting(t *testing.T) {
	c, _ := start(t, "wait")
	h := open(t, c.pid())
	ctx, cancel := context.WithCancel(t.Context())
	cancelled, ended := make(chan error, 1), make(chan error, 1)
	go func() { cancelled <- h.Wait(ctx) }()
	go func() { ended <- h.Wait(context.Background()) }()
	cancel()
	if err := <-cancelled; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled Wait: %v", err)
	}
	select {
	case err := <-ended:
		t.Errorf("the other Wait returned too: %v", err)
	default:
	}
	c.in.Close()
	if err := <-ended; err != nil {
		t.Errorf("the other Wait: %v", err)
	}
}

func TestKill(t *testing.T) {
	c, _ := start(t, "wait")
	h := open(t, c.pid())
	if h.PID() != c.pid() || h.Info().PID != c.pid() {
		t.Errorf("PID() = %d, Info() = %+v", h.PID(), h.Info())
	}
	if err := h.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := h.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := h.Signal(syscall.SIGKILL); !errors.Is(err, ErrNotFound) {
		t.Errorf("Signal to one that has ended: %v", err)
	}
	c.end()
	if err := h.Signal(syscall.SIGKILL); !errors.Is(err, ErrNotFound) {
		t.Errorf("Signal to one that is reaped: %v", err)
	}
}

func TestClosedHandle(t *testing.T) {
	c, _ := start(t, "wait")
	h := open(t, c.pid())
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.Signal(syscall.SIGKILL); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Signal after Close: %v", err)
	}
	if err := h.Wait(t.Context()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Wait after Close: %v", err)
	}
	if err := h.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
	mustLive(t, c)
}

func TestCloseDuringSignals(t *testing.T) {
	c, _ := start(t, "wait")
	h := open(t, c.pid())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if err := h.Signal(0); err != nil && !errors.Is(err, os.ErrClosed) && !errors.Is(err, errors.ErrUnsupported) {
					t.Errorf("Signal: %v", err)
				}
			}
		})
	}
	h.Close()
	wg.Wait()
}

func TestWaitPolling(t *testing.T) {
	c, _ := start(t, "wait")
	info, err := Inspect(c.pid())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := waitPolling(ctx, info); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while it runs: %v", err)
	}
	c.end()
	if err := waitPolling(t.Context(), info); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestBelow(t *testing.T) {
	mk := func(pid, ppid int) Info { return Info{PID: pid, PPID: ppid} }
	dead := mk(40, 10)
	dead.Zombie = true
	rows := []struct {
		name string
		all  []Info
		want string
	}{
		{"none", nil, ""},
		{"two levels, listed backwards", []Info{mk(30, 20), mk(20, 10), mk(10, 1)}, "20 30"},
		{"parents before children", []Info{mk(31, 21), mk(30, 20), mk(20, 10), mk(21, 10)}, "20 21 30 31"},
		{"strangers", []Info{mk(20, 2), mk(10, 1)}, ""},
		{"zombie", []Info{dead}, ""},
		{"its own parent", []Info{mk(10, 10), mk(11, 10)}, "11"},
		{"circle", []Info{mk(11, 10), mk(12, 11), mk(11, 12)}, "11 12 11"},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			var got []string
			for _, info := range below(r.all, 10) {
				got = append(got, strconv.Itoa(info.PID))
			}
			if s := strings.Join(got, " "); s != r.want {
				t.Errorf("got %q, want %q", s, r.want)
			}
		})
	}
}
