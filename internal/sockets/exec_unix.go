//go:build unix

package sockets

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"golang.org/x/sys/unix"
)

// execWait bounds how long a program takes from fork(2) to execve(2): some milliseconds, on a machine that swaps some seconds.
const execWait = 30 * time.Second

// Spawn is proc.Spawn, with the sockets from descriptor 3 on, in blocking mode as systemd hands them over. attr.Files must have three. Without
// sockets it is nothing else.
//
// LISTEN_PID is the program's own PID, which nobody knows before it is forked. So this program is executed first, as Exec, which sets the variable and
// becomes the program: the same process, whose group, parent-death signal and descriptors stay. What execve(2) says of the program comes back through a
// pipe, and is reported as proc.Spawn does.
func (h *Holder) Spawn(path string, argv []string, attr *os.ProcAttr) (pid int, err error) {
	if len(h.held) == 0 {
		return proc.Spawn(path, argv, attr)
	}
	self, err := self()
	if err != nil {
		return 0, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	a := *attr
	a.Env = append(withoutListen(attr.Env), h.variables()...)
	a.Files = append([]*os.File{}, attr.Files...)
	for _, s := range h.held {
		if err := unix.SetNonblock(int(s.file.Fd()), false); err != nil {
			return 0, errors.Join(err, w.Close())
		}
		a.Files = append(a.Files, s.file)
	}
	a.Files = append(a.Files, w)
	pid, err = proc.Spawn(self, append([]string{"apexd", Verb, path}, argv...), &a)
	_ = w.Close() // the child has it
	if err != nil {
		return 0, err
	}
	if err := became(r, path); err != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_, _ = proc.Reap(pid)
		return 0, err
	}
	return pid, nil
}

// became waits until the process on the other end of r is the program at path. Its end of the pipe closes then, without a word.
func became(r *os.File, path string) error {
	if err := r.SetReadDeadline(time.Now().Add(execWait)); err != nil {
		return err
	}
	word, err := io.ReadAll(io.LimitReader(r, 32))
	if err != nil {
		return fmt.Errorf("cannot tell whether %q was executed: %w", path, err)
	}
	if len(word) == 0 {
		return nil
	}
	n, err := strconv.Atoi(string(word))
	if err != nil {
		return fmt.Errorf("cannot tell whether %q was executed: it says %q", path, word)
	}
	return &os.PathError{Op: "fork/exec", Path: path, Err: syscall.Errno(n)}
}

// Exec is what Spawn executes: args are a path and the argv of the program there. This process becomes that program, with LISTEN_PID; Exec returns
// an exit status only where that fails. The descriptor after the sockets takes the reason.
func Exec(args []string) int {
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil || n < 1 || n > maxGiven || len(args) < 2 {
		fmt.Fprintln(os.Stderr, "apexd: "+Verb+" is for apexd itself, which runs a command with sockets that way")
		return 2
	}
	report := os.NewFile(uintptr(firstFD+n), "report")
	unix.CloseOnExec(firstFD + n)
	runtime.LockOSThread() // the parent-death signal is a thread's
	err = keepDeathSignal()
	if err == nil {
		signal.Ignore(syscall.SIGPIPE) // as in the daemon, from which a workload without sockets inherits it; our runtime has just changed that
		env := append(withoutListen(os.Environ()), "LISTEN_PID="+strconv.Itoa(os.Getpid()),
			"LISTEN_FDS="+os.Getenv("LISTEN_FDS"), "LISTEN_FDNAMES="+os.Getenv("LISTEN_FDNAMES"))
		err = syscall.Exec(args[0], args[1:], env)
	}
	errno := syscall.EINVAL
	errors.As(err, &errno)
	_, _ = report.WriteString(strconv.Itoa(int(errno))) // the daemon may have died, and us with it
	return 127
}

// variables are LISTEN_FDS and LISTEN_FDNAMES for the workload. LISTEN_PID is set by Exec.
func (h *Holder) variables() []string {
	names := make([]string, len(h.held))
	for i := range h.held {
		names[i] = h.held[i].Name
	}
	return []string{"LISTEN_FDS=" + strconv.Itoa(len(names)), "LISTEN_FDNAMES=" + strings.Join(names, ":")}
}
