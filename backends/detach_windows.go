package backends

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/windows"

	"github.com/joshuaaferguson/apexd/internal/notify"
	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/internal/winevent"
	"github.com/joshuaaferguson/apexd/pidfile"
)

// detached: a console of its own that has no window. The caller's console, and its closing, do not reach the daemon; console programs that it starts share its
// console, get no window, and can be sent a CTRL_BREAK; and logoff and shutdown reach the daemon as a request to stop. DETACHED_PROCESS would give no
// console, and so each console program a window (Microsoft, "Process Creation Flags").
const detached = windows.CREATE_NO_WINDOW | windows.CREATE_NEW_PROCESS_GROUP

// spawn starts argv on its own: outside of the caller's console and, where that is allowed, of its job, which may end with an ssh session or a CI step.
// Of the caller's handles it inherits stdout and stderr.
func spawn(argv []string, dir string, stdout, stderr *os.File) (child, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return child{}, err
	}
	defer null.Close()
	start := func(flags uint32) (*os.Process, error) {
		return os.StartProcess(argv[0], argv, &os.ProcAttr{
			Dir: dir, Env: notify.Strip(os.Environ()), Files: []*os.File{null, stdout, stderr}, Sys: &syscall.SysProcAttr{CreationFlags: flags},
		})
	}
	p, err := start(detached | windows.CREATE_BREAKAWAY_FROM_JOB)
	if errors.Is(err, fs.ErrPermission) { // the job does not let its processes leave it
		p, err = start(detached)
	}
	if err != nil {
		return child{}, err
	}
	return child{p.Pid, func() string {
		s, err := p.Wait()
		if err != nil {
			return err.Error()
		}
		return s.String()
	}}, nil
}

func requestStop(ref pidfile.Ref, h *proc.Handle) error { return request(ref, h, winevent.Stop) }

func requestReload(ref pidfile.Ref, h *proc.Handle) error { return request(ref, h, winevent.Reload) }

// request sets one of the events that h's process, which has the daemon of ref, has made for itself (supervise.ListenRequests).
func request(ref pidfile.Ref, h *proc.Handle, verb string) error {
	err := winevent.Set(winevent.Name(ref.Path, h.PID(), h.Info().Identity.StartTime, verb))
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	now, cancel := context.WithCancel(context.Background())
	cancel()
	if h.Wait(now) == nil { // its events have gone with it
		return fmt.Errorf("process %d: %w", h.PID(), proc.ErrNotFound)
	}
	return fmt.Errorf("process %d takes no requests (%w): it is not apexd, or runs in another session where global names are refused", h.PID(), err)
}

// killWait is how long a daemon that was asked to end at once may take before it is ended itself. Its tree is ended by one call.
const killWait = 2 * time.Second

// wake does nothing: Windows suspends threads, not processes, and tells of neither.
func wake(*proc.Handle) {}

// requestKill asks the daemon to end its tree, which it knows and we do not, and then itself. It reports whether the daemon is gone.
func requestKill(ctx context.Context, ref pidfile.Ref, h *proc.Handle) (gone bool) {
	if request(ref, h, winevent.Kill) != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, killWait)
	defer cancel()
	return h.Wait(ctx) == nil
}

// listenRequests is for a daemon inside of a program that is not apexd.
func listenRequests(ref pidfile.Ref) (<-chan supervise.Request, func(), error) {
	return supervise.ListenRequests(ref, nil)
}
