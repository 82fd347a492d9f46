package sockets

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attr is what the daemon starts its workload with.
func attr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// errOtherThread: a new thread has no parent-death signal (PR_SET_PDEATHSIG(2const)), and the runtime has moved who asks to one.
var errOtherThread = errors.New("this is not the first thread")

// deathSignal is that of this process's first thread.
func deathSignal() (int32, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if unix.Gettid() != os.Getpid() {
		return 0, errOtherThread
	}
	var sig int32
	err := unix.Prctl(unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&sig)), 0, 0, 0)
	return sig, err
}

// What execve(2) keeps is what it would be without a program in between.
func TestInherited(t *testing.T) {
	signal.Ignore(syscall.SIGPIPE) // as apexd does
	defer signal.Reset(syscall.SIGPIPE)
	h, _ := mustOpen(t, tcp("a", "127.0.0.1:0"))
	grep, err := exec.LookPath("grep")
	if err != nil {
		t.Fatal(err)
	}
	argv := []string{"grep", "-hE", "^(Sig[^Q]|Shd|Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp|Umask|Threads|Max)", "/proc/self/status", "/proc/self/limits"}
	a := func() *os.ProcAttr { return &os.ProcAttr{Dir: "/tmp", Env: os.Environ(), Sys: attr()} }
	with, without := output(t, h, grep, argv, a()), output(t, &Holder{}, grep, argv, a())
	if with != without || !strings.Contains(with, "open files") {
		t.Errorf("with sockets:\n%s\nwithout:\n%s", with, without)
	}
	out := errOtherThread.Error()
	for tries := 0; strings.Contains(out, errOtherThread.Error()) && tries < 100; tries++ {
		out = started(t, h, "describe", attr())
	}
	if !strings.Contains(out, "death signal 9 <nil>\n") {
		t.Errorf("no parent-death signal:\n%s", out)
	}
}
