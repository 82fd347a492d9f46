package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	nobody  = 65534
	skipped = 77               // exit status: the reason is on stdout
	oddName = "a) Z 1 1\n1 (b" // comm, at most 15 bytes
)

// runChild is what this test binary does in the place of the tests.
func runChild(mode string) int {
	switch mode {
	case "wait":
		return waitChild()
	case "wait-for-kill":
		os.Stdout.WriteString("up\n")
		<-time.After(time.Minute) // its parent kills it; its standard input is /dev/null
		return 0
	case "name":
		os.WriteFile("/proc/self/comm", []byte(oddName), 0)
		return waitChild()
	case "not-dumpable":
		report(errors.Join(syscall.Setresuid(nobody, nobody, nobody), unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)))
		return waitChild()
	case "first-thread-ends":
		return firstThreadEnds()
	case "tree":
		return tree()
	case "orphan-parent":
		return orphanParent()
	case "subreaper":
		return subreaper()
	case "moves-up":
		return movesUp()
	}
	err := map[string]func() error{
		"reuse": reuse, "other-namespace": otherNamespace, "foreign-proc": foreignProc, "hidepid": hidePID,
	}[mode]()
	var skip skipError
	if errors.As(err, &skip) {
		fmt.Println(skip)
		return skipped
	}
	return report(err)
}

type skipError string

func (s skipError) Error() string { return string(s) }

// firstThreadEnds ends the thread whose id is the PID and leaves the others running.
func firstThreadEnds() int {
	if unix.Gettid() != os.Getpid() {
		fmt.Println("main does not run on the first thread")
		return 1
	}
	go func() { os.Exit(waitChild()) }()
	runtime.LockOSThread()
	unix.Syscall(unix.SYS_EXIT, 0, 0, 0)
	return 1
}

// orphanParent starts a process, says its PID and ends.
func orphanParent() int {
	cmd, _, err := spawn("wait")
	if err != nil {
		return report(err)
	}
	fmt.Println(cmd.Process.Pid)
	return 0
}

// subreaper says whether it became the parent of a grandchild whose parent has ended.
func subreaper() int {
	if err := SetSubreaper(); err != nil {
		return report(err)
	}
	cmd, line, err := spawn("orphan-parent")
	if err != nil {
		return report(err)
	}
	if err := cmd.Wait(); err != nil {
		return report(err)
	}
	info, err := Inspect(parsePID(line))
	if err != nil || info.PPID != os.Getpid() {
		fmt.Println(info, err)
		return 1
	}
	fmt.Println("adopted")
	return waitChild()
}

// movesUp says whether walk finds a grandchild whose parent ends after our children were listed and before its own are.
func movesUp() int {
	if err := SetSubreaper(); err != nil {
		return report(err)
	}
	parent, line, err := spawn("tree")
	if err != nil {
		return report(err)
	}
	p, err := here()
	if err != nil {
		return report(err)
	}
	grandchild, ended := parsePID(line), false
	found := walk(p, os.Getpid(), func(pid int) []int {
		if pid == parent.Process.Pid && !ended {
			ended = true
			_ = parent.Process.Kill() // the wait tells
			_ = parent.Wait()
		}
		return children(pid)
	})
	if !slices.Contains(pidsOf(found), grandchild) {
		fmt.Printf("of %d and %d it found %v\n", parent.Process.Pid, grandchild, pidsOf(found))
		return 1
	}
	fmt.Println("found")
	return waitChild()
}

// mountProc gives this process's PID namespace its own /proc.
func mountProc(options string) error {
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return skipError("cannot make mounts private: " + err.Error())
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, options); err != nil {
		return skipError("cannot mount /proc: " + err.Error())
	}
	return nil
}

// reuse has the kernel give the PID of a process that was recorded to another one.
func reuse() error {
	if err := mountProc(""); err != nil {
		return err
	}
	for range 50 {
		done, err := reuseOnce()
		if done || err != nil {
			return err
		}
	}
	return errors.New("the PID was never given to another process")
}

func reuseOnce() (done bool, err error) {
	a, _, err := spawn("wait-for-kill")
	if err != nil {
		return false, err
	}
	pid := a.Process.Pid
	first, err := Inspect(pid)
	if err != nil {
		return false, err
	}
	h, err := Open(pid, first.Identity)
	if err != nil {
		return false, err
	}
	defer h.Close()
	a.Process.Kill()
	a.Wait()
	<-time.After(15 * time.Millisecond) // the start time counts in steps of 10 ms
	if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0); err != nil {
		return false, skipError("cannot choose the next PID: " + err.Error())
	}
	b, _, err := spawn("wait-for-kill")
	if err != nil {
		return false, err
	}
	defer b.Wait()
	defer b.Process.Kill()
	if b.Process.Pid != pid { // a thread took it
		return false, nil
	}
	return true, reused(pid, first, h)
}

// reused checks that nothing takes the process that has pid now for first, and that no signal reached it.
func reused(pid int, first Info, h *Handle) error {
	_, e1 := Match(pid, first.Identity)
	_, e2 := Open(pid, first.Identity)
	if !errors.Is(e1, ErrOtherIdentity) || !errors.Is(e2, ErrOtherIdentity) {
		return fmt.Errorf("Match: %v; Open: %v", e1, e2)
	}
	bare := &Handle{info: first}
	for _, h := range []*Handle{h, bare} {
		if err := h.Signal(syscall.SIGKILL); !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("Signal: %v", err)
		}
	}
	now, err := Inspect(pid)
	if err != nil || now.Zombie {
		return fmt.Errorf("the second process was hit: %+v, %v", now, err)
	}
	if _, err := Match(pid, now.Identity); err != nil {
		return fmt.Errorf("Match of the second process: %v", err)
	}
	return nil
}

// otherNamespace looks up an identity that was recorded outside: PID 1 exists here too.
func otherNamespace() error {
	if err := mountProc(""); err != nil {
		return err
	}
	self, err := Self()
	if err != nil {
		return err
	}
	outside := self.Identity
	outside.StartTime, outside.PIDNamespace = os.Getenv("APEXD_START"), os.Getenv("APEXD_NS")
	if _, err := Match(1, outside); !errors.Is(err, ErrOtherNamespace) {
		return fmt.Errorf("Match: %v", err)
	}
	if _, err := Open(4_000_000, outside); !errors.Is(err, ErrOtherNamespace) {
		return fmt.Errorf("Open of a PID that does not exist here: %v", err)
	}
	return nil
}

// foreignProc: /proc is still that of the namespace outside.
func foreignProc() error {
	if _, err := Self(); !errors.Is(err, ErrOtherNamespace) {
		return fmt.Errorf("Self: %v", err)
	}
	return nil
}

func hidePID() error {
	if err := mountProc("hidepid=2"); err != nil {
		return err
	}
	cmd, _, err := spawn("wait-for-kill")
	if err != nil {
		return err
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	other, err := Inspect(cmd.Process.Pid)
	if err != nil {
		return err
	}
	// The effective user only, so that the child can be killed afterwards.
	// Group 0 sees everything (the gid= option of /proc).
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setresgid(nobody, nobody, nobody), syscall.Setresuid(0, nobody, 0)); err != nil {
		return err
	}
	_, e1 := Inspect(other.PID)
	_, e2 := Match(other.PID, other.Identity)
	_, e3 := Inspect(other.PID + 1000)
	_, e4 := Self()
	if err := syscall.Setresuid(0, 0, 0); err != nil {
		return err
	}
	if !errors.Is(e1, ErrHidden) || !errors.Is(e2, fs.ErrPermission) || errors.Is(e2, ErrNotFound) {
		return fmt.Errorf("a hidden process: Inspect: %v; Match: %v", e1, e2)
	}
	if !errors.Is(e3, ErrNotFound) || e4 != nil {
		return fmt.Errorf("no process: %v; myself: %v", e3, e4)
	}
	return nil
}
