//go:build unix

package backends

import (
	"context"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/joshuaaferguson/apexd/internal/notify"
	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/pidfile"
)

// spawn starts argv in a session of its own (setsid(2)): neither the terminal's SIGHUP nor the caller's end reaches it. What a manager says to the
// caller alone is not handed on: a daemon that is started by a service's process would speak in that service's name.
func spawn(argv []string, dir string, stdout, stderr *os.File) (child, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return child{}, err
	}
	defer null.Close()
	pid, err := proc.Spawn(argv[0], argv, &os.ProcAttr{
		Dir: dir, Env: notify.Strip(os.Environ()), Files: []*os.File{null, stdout, stderr}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	return child{pid, func() string {
		ws, err := proc.Reap(pid)
		switch {
		case err != nil:
			return err.Error()
		case ws.Signaled():
			return "signal " + proc.SignalName(ws.Signal())
		}
		return "exit status " + strconv.Itoa(ws.ExitStatus())
	}}, err
}

// wake lets h's process go on where it is suspended. Where it may not be sent a signal, the time of whoever waits for it runs out.
func wake(h *proc.Handle) { _ = h.Signal(syscall.SIGCONT) }

// requestStop asks, and wakes who would not hear it.
func requestStop(_ pidfile.Ref, h *proc.Handle) error {
	err := h.Signal(syscall.SIGTERM)
	if err == nil {
		wake(h)
	}
	return err
}

func requestReload(_ pidfile.Ref, h *proc.Handle) error { return h.Signal(syscall.SIGHUP) }

// killWait is how long a PID 1 that was asked to end at once may take.
const killWait = 2 * time.Second

// requestKill asks a daemon that is PID 1 to end itself and its tree at once: from inside of its PID namespace it cannot be killed
// (pid_namespaces(7), "The namespace init process"), only sent what it handles. Others need no help with SIGKILL.
func requestKill(ctx context.Context, _ pidfile.Ref, h *proc.Handle) (gone bool) {
	if h.PID() != 1 || h.Signal(syscall.SIGQUIT) != nil {
		return false
	}
	wake(h)
	ctx, cancel := context.WithTimeout(ctx, killWait)
	defer cancel()
	return h.Wait(ctx) == nil
}

// listenRequests does nothing: a program's signals are its own business.
func listenRequests(pidfile.Ref) (<-chan supervise.Request, func(), error) {
	return nil, func() {}, nil
}
