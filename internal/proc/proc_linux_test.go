package proc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFirstThreadEnded: /proc says Z of a process whose first thread has ended, while the others run on.
func TestFirstThreadEnded(t *testing.T) {
	c, line := start(t, "first-thread-ends")
	if line != "up" {
		t.Skip("the child could not end its first thread: ", line)
	}
	info := eventually(t, func() (Info, bool) {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.pid()))
		info, err := Inspect(c.pid())
		return info, err == nil && strings.Contains(string(b), ") Z ")
	})
	if info.Zombie {
		t.Error("taken for a zombie")
	}
	if all, err := Exiting(); err != nil || !slices.Contains(pidsOf(all), c.pid()) || slices.Contains(pidsOf(all), os.Getpid()) {
		t.Errorf("on their way out are %v, %v, want %d among them", pidsOf(all), err, c.pid())
	}
	h := open(t, c.pid())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := h.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Wait: %v", err)
	}
	if err := h.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if err := h.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

// eventually asks until it is so: nothing tells of a change in /proc.
func eventually[T any](t *testing.T, ask func() (T, bool)) T {
	t.Helper()
	for range 2000 {
		if v, ok := ask(); ok {
			return v
		}
		<-time.After(time.Millisecond)
	}
	t.Fatal("not within 2 s")
	panic("unreachable")
}

func TestThreadIsNoProcess(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	tid := unix.Gettid()
	for tid == os.Getpid() { // this is the first thread: take one of the others
		threads, err := names("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		tid = parsePID(threads[len(threads)-1])
	}
	if _, err := os.Stat("/proc/" + strconv.Itoa(tid) + "/stat"); err != nil {
		t.Fatal(err)
	}
	if info, err := Inspect(tid); !errors.Is(err, ErrNotFound) {
		t.Errorf("Inspect(%d) = %+v, %v", tid, info, err)
	}
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(tid, self.Identity); !errors.Is(err, ErrNotFound) {
		t.Errorf("Open(%d): %v", tid, err)
	}
	if _, err := hold(tid); !errors.Is(err, ErrNotFound) {
		t.Errorf("hold(%d): %v", tid, err)
	}
}

func TestGroupSessionAndOddName(t *testing.T) {
	c, _ := start(t, "name", func(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setsid: true} })
	info, err := Inspect(c.pid())
	if err != nil {
		t.Fatal(err)
	}
	if info.PGID != c.pid() || info.SID != c.pid() || info.PID != c.pid() || info.Name != oddName {
		t.Errorf("got %+v", info)
	}
}

// TestOwner: the files in /proc/PID of a process that is not dumpable belong to root, the process does not.
func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to run a child as another user")
	}
	c, _ := start(t, "not-dumpable")
	info, err := Inspect(c.pid())
	if err != nil {
		t.Fatal(err)
	}
	if info.UID != nobody {
		t.Errorf("UID = %d, want %d", info.UID, nobody)
	}
}

// TestNoPidfd: where pidfds are refused, the identity is verified before each signal.
func TestNoPidfd(t *testing.T) {
	c, _ := start(t, "wait")
	info, err := Inspect(c.pid())
	if err != nil {
		t.Fatal(err)
	}
	reused := info
	reused.Identity.StartTime += "0"
	stranger := &Handle{info: reused}
	if err := stranger.Signal(syscall.SIGKILL); !errors.Is(err, ErrNotFound) {
		t.Errorf("Signal after the PID was reused: %v", err)
	}
	if err := stranger.Wait(t.Context()); err != nil {
		t.Errorf("Wait after the PID was reused: %v", err)
	}
	mustLive(t, c)
	h := &Handle{info: info}
	if err := h.Signal(syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	if err := h.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
}

func TestNothingLeaks(t *testing.T) {
	c, _ := start(t, "wait")
	h := open(t, c.pid())
	round := func() {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
		defer cancel()
		if err := h.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Wait: %v", err)
		}
		h2 := open(t, c.pid())
		h2.Close()
		Match(c.pid(), Identity{StartTime: "1"})
		Match(1<<22+1, h.Info().Identity)
		Descendants(os.Getpid())
		WithEnv("A=1")
	}
	round()
	fds, goroutines := count(t), runtime.NumGoroutine()
	for range 50 {
		round()
	}
	if n := count(t); n != fds {
		t.Errorf("%d open files before, %d after", fds, n)
	}
	eventually(t, func() (int, bool) { // those of AfterFunc end by themselves
		n := runtime.NumGoroutine()
		return n, n <= goroutines
	})
}

// TestHandlesAreNotInherited: a workload that is started meanwhile gets none of our descriptors.
func TestHandlesAreNotInherited(t *testing.T) {
	c, _ := start(t, "wait")
	h := open(t, c.pid())
	f, err := h.sys.dup()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, h := range map[string]handle{"pidfd": h.sys, "duplicate": {f}} {
		err := h.use(func(fd int) error {
			flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
			if err == nil && flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("%s: not close-on-exec", name)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func count(t *testing.T) int {
	t.Helper()
	fds, err := names("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

func TestWithEnv(t *testing.T) {
	mark := "APEXD_TEST_MARK=" + t.TempDir()
	big := "APEXD_TEST_BIG=" + strings.Repeat("x", 100_000)
	c, _ := start(t, "wait", func(c *exec.Cmd) { c.Env = append(c.Env, big, mark, "APEXD_TEST_B=") })
	rows := []struct {
		name string
		kv   []string
		want []int
	}{
		{"one", []string{mark}, []int{c.pid()}},
		{"all", []string{"APEXD_TEST_B=", mark, big}, []int{c.pid()}},
		{"one of them missing", []string{mark, "APEXD_TEST_C=1"}, nil},
		{"part of a value", []string{mark[:len(mark)-1]}, nil},
		{"nothing asked", nil, nil},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			got, err := WithEnv(r.kv...)
			if err != nil || !slices.Equal(pidsOf(got), r.want) {
				t.Errorf("got %v, %v; want %v", pidsOf(got), err, r.want)
			}
		})
	}
}

func TestSetSubreaper(t *testing.T) {
	c, line := start(t, "subreaper")
	if line != "adopted" {
		t.Errorf("the orphan's parent: %s", line)
	}
	c.end()
}

func TestLockHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if pid, ok := LockHolder(path); ok {
		t.Errorf("not locked, but held by %d", pid)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile("/proc/locks")
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	if file := fmt.Sprintf(" %02x:%02x:%d ", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino); !strings.Contains(string(b), file) {
		t.Skip("/proc/locks does not show the locks of this file system")
	}
	if pid, ok := LockHolder(path); !ok || pid != os.Getpid() {
		t.Errorf("LockHolder = %d, %v; want %d", pid, ok, os.Getpid())
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + ".none"} {
		if pid, ok := LockHolder(p); ok {
			t.Errorf("LockHolder(%q) = %d", p, pid)
		}
	}
}

func TestMissing(t *testing.T) {
	rows := []struct {
		name string
		pid  int
		err  error
		want error
	}{
		{"no entry, no process", 1<<22 + 1, unix.ENOENT, ErrNotFound},
		{"no entry, but a process", os.Getpid(), unix.ENOENT, ErrHidden},
		{"entry not readable", os.Getpid(), unix.EACCES, ErrHidden},
		{"ended while it was read", 1<<22 + 1, unix.ESRCH, ErrNotFound},
		{"too many open files", 1<<22 + 1, unix.EMFILE, unix.EMFILE},
		{"unexpected content", 1<<22 + 1, errStat, errStat},
		{"another failure", os.Getpid(), unix.EIO, unix.EIO},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			if err := missing(r.pid, r.err); !errors.Is(err, r.want) {
				t.Errorf("got %v, want %v", err, r.want)
			}
		})
	}
}

// TestWaysToDescendants: the kernel's lists of children and a scan of /proc say the same.
func TestWaysToDescendants(t *testing.T) {
	c, line := start(t, "tree")
	p, err := here()
	if err != nil {
		t.Fatal(err)
	}
	all, err := scan(p)
	if err != nil {
		t.Fatal(err)
	}
	want := []int{c.pid(), parsePID(line)}
	for how, infos := range map[string][]Info{"children": walk(p, os.Getpid(), children), "scan": below(all, os.Getpid())} {
		if pids := pidsOf(infos); !slices.Equal(pids, want) {
			t.Errorf("%s: %v, want %v", how, pids, want)
		}
	}
}

func TestWalkSeesWhoMovesUp(t *testing.T) {
	if _, line := start(t, "moves-up"); line != "found" {
		t.Error(line)
	}
}

// isolated runs a child that is root in namespaces of its own, and fails with what it says.
func isolated(t *testing.T, mode string, flags uintptr, env ...string) {
	t.Helper()
	attr := &syscall.SysProcAttr{Cloneflags: flags}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(append(os.Environ(), childEnv+"="+mode), env...)
	cmd.SysProcAttr = attr
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	said := strings.TrimSpace(string(out))
	var exit *exec.ExitError
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSPC):
		t.Skip("this system refuses new namespaces: ", err)
	case errors.As(err, &exit) && exit.ExitCode() == skipped:
		t.Skip(said)
	case err != nil || said != "":
		t.Errorf("%v: %s", err, said)
	}
}

func TestPIDReuse(t *testing.T) { isolated(t, "reuse", syscall.CLONE_NEWPID|syscall.CLONE_NEWNS) }

func TestOtherPIDNamespace(t *testing.T) {
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	isolated(t, "other-namespace", syscall.CLONE_NEWPID|syscall.CLONE_NEWNS, "APEXD_START="+self.Identity.StartTime,
		"APEXD_NS="+self.Identity.PIDNamespace)
}

func TestForeignProc(t *testing.T) { isolated(t, "foreign-proc", syscall.CLONE_NEWPID) }

func TestHidePID(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount /proc with hidepid and become another user")
	}
	isolated(t, "hidepid", syscall.CLONE_NEWPID|syscall.CLONE_NEWNS)
}

func BenchmarkMatch(b *testing.B) {
	self, err := Self()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Match(self.PID, self.Identity); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenClose(b *testing.B) {
	self, err := Self()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		h, err := Open(self.PID, self.Identity)
		if err != nil {
			b.Fatal(err)
		}
		h.Close()
	}
}

func BenchmarkScan(b *testing.B) {
	for b.Loop() {
		if _, err := list(); err != nil {
			b.Fatal(err)
		}
	}
}
