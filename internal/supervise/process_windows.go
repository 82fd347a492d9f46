package supervise

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/windows"

	"github.com/joshuaaferguson/apexd/internal/sockets"
	"github.com/joshuaaferguson/apexd/internal/winevent"
	"github.com/joshuaaferguson/apexd/internal/winproc"
	"github.com/joshuaaferguson/apexd/service"
)

const sigKill = syscall.SIGKILL

// processTree is a child process in a job object, with everything that it starts. What SIGTERM is on Unix is an event here, which the workload finds by the
// name in StopEventVar and waits on; a workload that has not opened it gets a CTRL_BREAK, which ends it unless it handles that.
type processTree struct {
	tree   *winproc.Tree
	stop   *winevent.Event
	asked  bool
	killed bool
	end    *service.Exit
}

// notifyChildren has nothing to do: startProcess is given wake.
func notifyChildren(chan os.Signal) (stop func()) { return func() {} }

// lockThread has nothing to do: a job does not care which thread made it.
func lockThread() (unlock func()) { return func() {} }

// reapOrphans has nothing to do: nobody is given other processes' children.
func reapOrphans(bool) {}

// startProcess executes spec.Command with its output, standard error included, going to out. The tree ends with this process, however that ends.
func startProcess(spec service.Spec, env []string, out *os.File, wake chan os.Signal, _ bool, _ *sockets.Holder) (tree, error) {
	if err := checkDir(spec.Dir); err != nil {
		return nil, err
	}
	path, err := lookPath(spec.Command[0], spec.Dir, env)
	if err != nil {
		return nil, err
	}
	// Nobody can make an event of this name before us: it is random.
	stop, err := winevent.Create(fmt.Sprintf("apexd-%d-%016x-workload", os.Getpid(), rand.Uint64()), winevent.Manual)
	if err != nil {
		return nil, err
	}
	t, err := winproc.Start(winproc.Command{
		Path: path, Args: spec.Command, Dir: spec.Dir, Env: append(env, StopEventVar+"="+stop.Name()), Out: out,
	}, func() {
		select {
		case wake <- nil:
		default: // there is a wake-up already, and one look sees everything
		}
	})
	if err != nil {
		return nil, errors.Join(err, stop.Close())
	}
	return &processTree{tree: t, stop: stop}, nil
}

func (t *processTree) pid() int { return t.tree.PID() }

func (t *processTree) look() (*service.Exit, bool) {
	code, ended, empty := t.tree.Look()
	if ended && t.end == nil {
		t.end = windowsExit(code, t.asked, t.killed, time.Now())
	}
	if empty && t.stop != nil {
		_ = t.stop.Close() // it cannot fail while the handle is open
		t.stop = nil
	}
	return t.end, empty
}

// tells: the job does.
func (t *processTree) tells() bool { return true }

// signal: Windows has nothing else to say to a process than what ask says.
func (t *processTree) signal(name string) error {
	return fmt.Errorf("%s: %w: Windows knows a request to stop, and a kill", name, errors.ErrUnsupported)
}

// ask makes the graceful request. It is answered when the workload likes; that a console program without our console, or one with windows only,
// cannot be asked is not known here, and the grace period covers it.
func (t *processTree) ask(name string) error {
	if name != "SIGTERM" && name != "SIGINT" {
		return t.signal(name)
	}
	if t.stop == nil {
		return nil // it is gone
	}
	t.asked = true
	heard := t.stop.Watched()
	if err := t.stop.Set(); err != nil {
		return err
	}
	if !heard {
		_ = t.tree.Break()
	}
	return nil
}

// askRest does nothing: the event stays set for those that come later.
func (t *processTree) askRest(string) {}

func (t *processTree) kill() {
	t.killed = true
	_ = t.tree.Kill(killedCode) // look tells
}

func isExecFormat(err error) bool {
	return errors.Is(err, windows.ERROR_BAD_EXE_FORMAT) || errors.Is(err, windows.ERROR_EXE_MACHINE_TYPE_MISMATCH)
}

// pathOf is the PATH of env, which may be spelled Path.
func pathOf(env []string) string {
	path, _ := winproc.LookupEnv(env, "PATH")
	return path
}

// spellings are the files that path may mean.
func spellings(path string, env []string) []string {
	ext, _ := winproc.LookupEnv(env, "PATHEXT")
	return winproc.Programs(path, ext)
}

// mayExecute: what can be executed is told by its content here, and CreateProcess tells.
func mayExecute(os.FileInfo) bool { return true }

func outputPipe() (r, w *os.File, err error) { return os.Pipe() }
