//go:build unix

package sockets

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/service"
)

// roleVariable makes this test binary another program.
const roleVariable = "APEXD_SOCKETS_TEST"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Verb {
		os.Exit(Exec(os.Args[2:]))
	}
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "describe":
		describe()
	case "manager":
		manager()
	case "daemon":
		asDaemon()
	}
}

// describe says what this process was given.
func describe() {
	fmt.Println("args", strings.Join(os.Args, "|"))
	fmt.Println("pid is LISTEN_PID", os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()))
	fmt.Println("fds", os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES"))
	n, _ := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	for fd := firstFD; fd < firstFD+n; fd++ {
		flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		sa, err := unix.Getsockname(fd)
		if err != nil {
			fmt.Println("socket", fd, err)
			continue
		}
		fmt.Println("socket", fd, addressOf(sa), "blocking", flags&unix.O_NONBLOCK == 0)
	}
	flags, err := unix.FcntlInt(uintptr(firstFD+n), unix.F_GETFD, 0)
	fmt.Println("no more", err != nil || flags&unix.FD_CLOEXEC != 0) // the Go runtime has some of its own
	fmt.Println("group", unix.Getpgrp() == os.Getpid())
	fmt.Println("kept", os.Getenv("KEPT"))
	sig, err := deathSignal()
	fmt.Println("death signal", sig, err)
}

// as is env for this binary in a role.
func as(env []string, role string) []string {
	return append(slices.DeleteFunc(slices.Clone(env), func(kv string) bool { return strings.HasPrefix(kv, roleVariable+"=") }), roleVariable+"="+role)
}

// started runs this test binary as role through h and returns its output.
func started(t *testing.T, h *Holder, role string, sys *syscall.SysProcAttr, args ...string) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return output(t, h, exe, append([]string{"a name"}, args...), &os.ProcAttr{
		Env: append(as(os.Environ(), role), "KEPT=a=b ", "LISTEN_FDS=9"), Sys: sys,
	})
}

// output is what a program that h starts writes, until it has ended well.
func output(t *testing.T, h *Holder, path string, argv []string, a *os.ProcAttr) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	a.Files = []*os.File{os.Stdin, w, w}
	pid, err := h.Spawn(path, argv, a)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	out := readAll(t, r)
	if st, err := proc.Reap(pid); err != nil || st != 0 {
		t.Fatalf("%v, %v: %s", st, err, out)
	}
	return out
}

// readAll reads to the end, for at most a minute.
func readAll(t *testing.T, r *os.File) string {
	t.Helper()
	if err := r.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestSpawn(t *testing.T) {
	h, got := mustOpen(t, tcp("a", "127.0.0.1:0"), tcp("b", "127.0.0.1:0"))
	for range 2 { // the first run leaves nothing behind that the second would see
		if err := unix.SetNonblock(int(h.held[0].file.Fd()), true); err != nil { // as a run that used Go or Node has left it
			t.Fatal(err)
		}
		out := started(t, h, "describe", attr(), "-x", "", "é $'\"")
		for _, want := range []string{
			"args a name|-x||é $'\"\n", "pid is LISTEN_PID true\n", "fds 2 a:b\n", "socket 3 " + got[0].Address + " blocking true\n",
			"socket 4 " + got[1].Address + " blocking true\n", "no more true\n", "group true\n", "kept a=b \n",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("%q is not in\n%s", want, out)
			}
		}
	}
}

// What execve(2) says is what os.StartProcess says, and nothing is left of the attempt.
func TestSpawnFails(t *testing.T) {
	dir := t.TempDir()
	script := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	h, _ := mustOpen(t, tcp("a", "127.0.0.1:0"))
	for _, c := range []struct {
		name, path string
		want       error
	}{
		{"missing", filepath.Join(dir, "none"), syscall.ENOENT},
		{"interpreter missing", script("i", "#!/nonexistent/interpreter\n", 0o755), syscall.ENOENT},
		{"no program", script("t", "text\n", 0o755), syscall.ENOEXEC},
		{"not executable", script("n", "#!/bin/sh\n", 0o644), syscall.EACCES},
		{"a directory", dir, syscall.EACCES},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Env: os.Environ()}
			_, err := h.Spawn(c.path, []string{"x"}, &a)
			_, plain := os.StartProcess(c.path, []string{"x"}, &a)
			if !errors.Is(err, c.want) || err.Error() != plain.Error() {
				t.Errorf("%v, want %v", err, plain)
			}
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); !errors.Is(err, syscall.ECHILD) {
				t.Errorf("a child is left: %d, %v", pid, err)
			}
		})
	}
}

func TestExecByHand(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(exe, Verb, "/bin/sh", "sh").CombinedOutput()
	var e *exec.ExitError
	if !errors.As(err, &e) || e.ExitCode() != 2 || !strings.Contains(string(out), "is for apexd itself") {
		t.Errorf("%v: %s", err, out)
	}
}

// manager does what systemd does: it opens sockets, and executes a daemon with them and with its PID in the environment.
func manager() {
	var fds []int
	for _, name := range []string{"http", "stray", "http"} {
		h, err := listen(tcp(name, "127.0.0.1:0"))
		if err != nil {
			panic(err)
		}
		fmt.Println(name, h.Address)
		fds = append(fds, int(h.file.Fd()))
	}
	for i, fd := range fds { // out of the way first: one may be where another belongs
		fds[i], _ = unix.FcntlInt(uintptr(fd), unix.F_DUPFD, 100)
	}
	for i, fd := range fds {
		if err := syscall.Dup2(fd, firstFD+i); err != nil {
			panic(err)
		}
		unix.CloseOnExec(fd)
	}
	env := append(as(withoutListen(os.Environ()), "daemon"), "LISTEN_PID="+strconv.Itoa(os.Getpid()), "LISTEN_FDS=3", "LISTEN_FDNAMES=http:stray:http")
	panic(syscall.Exec("/proc/self/exe", os.Args, env))
}

// asDaemon takes what manager has handed over and hands it on.
func asDaemon() {
	h := New(Options{Sockets: []service.Socket{tcp("http", "127.0.0.1:1")}, Take: true})
	got, err := h.Open()
	fmt.Println("ignored", h.Ignored(), "opened", len(got), err, "environment", os.Getenv("LISTEN_PID")+os.Getenv("LISTEN_FDS")+os.Getenv("LISTEN_FDNAMES"))
	child := exec.Command("/bin/sh", "-c", "ls -l /proc/self/fd | grep -c socket:")
	out, err := child.Output()
	fmt.Println("sockets of another child", strings.TrimSpace(string(out)), err)
	pid, err := h.Spawn("/proc/self/exe", []string{"x"}, &os.ProcAttr{
		Env: as(os.Environ(), "describe"), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Sys: attr(),
	})
	if err != nil {
		panic(err)
	}
	_, _ = proc.Reap(pid)
	if err := h.Close(); err != nil {
		panic(err)
	}
}

// From a manager to the workload, through a daemon: all sockets of the name, in order, and no other.
func TestHandedOver(t *testing.T) {
	if _, err := os.Stat("/proc/self/exe"); err != nil {
		t.Skip("needs /proc, as Linux has it")
	}
	out := started(t, &Holder{}, "manager", nil)
	var http []string
	for s := bufio.NewScanner(strings.NewReader(out)); s.Scan(); {
		if a, ok := strings.CutPrefix(s.Text(), "http "); ok {
			http = append(http, a)
		}
	}
	if len(http) != 2 {
		t.Fatal(out)
	}
	for _, want := range []string{
		"ignored [stray] opened 2 <nil> environment \n", "sockets of another child 0 exit status 1\n", "pid is LISTEN_PID true\n", "fds 2 http:http\n",
		"socket 3 " + http[0] + " blocking true\n", "socket 4 " + http[1] + " blocking true\n", "no more true\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if c, err := net.Dial("tcp", http[0]); err == nil {
		c.Close()
		t.Error("the socket is still open after all of them have ended")
	}
}
