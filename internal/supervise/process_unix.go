//go:build unix

package supervise

import (
	"errors"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/sockets"
	"github.com/joshuaaferguson/apexd/service"
)

const sigKill = syscall.SIGKILL

// processTree is a child process in a process group of its own, with all its descendants.
//
// Everything happens on loop's goroutine: the child is started, signalled and reaped there, so that between its end and the reaping its PID and its
// group cannot become somebody else's.
type processTree struct {
	main  int
	adopt bool // orphans of the tree become children of this process: all of them are seen and reaped here
	end   *service.Exit
	asked map[member]bool // those that have been asked to end
}

// member is a process of the tree: two that started in the same tick of the clock have the same identity, but not the same PID.
type member struct {
	pid      int
	identity proc.Identity
}

// notifyChildren sends to wake when a child has ended (SIGCHLD, wait(2)).
func notifyChildren(wake chan os.Signal) (stop func()) {
	signal.Notify(wake, syscall.SIGCHLD)
	return func() { signal.Stop(wake) }
}

// lockThread keeps loop on one thread: the parent-death signal is sent when the thread that forked the child ends, not the process
// (prctl(2), PR_SET_PDEATHSIG).
func lockThread() (unlock func()) {
	runtime.LockOSThread()
	return runtime.UnlockOSThread
}

// startProcess executes spec.Command with its output, standard error included, going to out, and the sockets of handed. With adopt, descendants that lose their parent are
// adopted where the system offers it.
func startProcess(spec service.Spec, env []string, out *os.File, _ chan os.Signal, adopt bool, handed *sockets.Holder) (tree, error) {
	if err := checkDir(spec.Dir); err != nil {
		return nil, err
	}
	path, err := lookPath(spec.Command[0], spec.Dir, env)
	if err != nil {
		return nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	pid, err := handed.Spawn(path, spec.Command, &os.ProcAttr{
		Dir: spec.Dir, Env: env, Files: []*os.File{null, out, out}, Sys: childAttr(),
	})
	if err != nil {
		return nil, err
	}
	return &processTree{main: pid, adopt: adopt && proc.SetSubreaper() == nil}, nil // it is reaped by look
}

func (t *processTree) pid() int { return t.main }

// look reaps. With adopt every child of this process belongs to the tree, so that "no children" (ECHILD) means that it is empty; otherwise the
// process group tells, which nothing but asking does.
func (t *processTree) look() (*service.Exit, bool) {
	target := t.main
	if t.adopt {
		target = -1
	} else if t.end != nil {
		return t.end, t.groupEmpty()
	}
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(target, &ws, syscall.WNOHANG, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil: // ECHILD
			return t.end, t.end != nil && (t.adopt || t.groupEmpty())
		case pid == 0:
			return t.end, false
		case pid == t.main:
			t.end = exitOf(ws)
		}
	}
}

// tells: with adopt, SIGCHLD does.
func (t *processTree) tells() bool { return t.adopt }

func (t *processTree) groupEmpty() bool {
	return errors.Is(syscall.Kill(-t.main, 0), syscall.ESRCH)
}

// reapOrphans reaps children that are nobody's: those a PID 1 or a subreaper was given while no workload runs.
func reapOrphans(own bool) {
	if !own {
		return
	}
	for {
		pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
		if pid <= 0 && !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

func exitOf(ws syscall.WaitStatus) *service.Exit {
	e := &service.Exit{Code: ws.ExitStatus(), At: time.Now()}
	if ws.Signaled() {
		e.Signal = proc.SignalName(ws.Signal())
	}
	return e
}

// signal goes to the process group, and to descendants that have left it.
func (t *processTree) signal(name string) error {
	sig, err := signalNamed(name)
	if err != nil {
		return err
	}
	return t.each(sig, false)
}

// ask is signal with a SIGCONT after it, as systemd's (systemd.kill(5)).
func (t *processTree) ask(name string) error {
	sig, err := signalNamed(name)
	if err != nil {
		return err
	}
	t.asked = map[member]bool{}
	return t.each(sig, true)
}

// askRest is called when children have ended, and so theirs are ours. Nobody is asked twice.
func (t *processTree) askRest(name string) {
	for _, p := range t.descendants() {
		if !t.asked[member{p.PID, p.Identity}] {
			t.tell(p, unix.SignalNum(name), true)
		}
	}
}

func signalNamed(name string) (syscall.Signal, error) {
	sig := unix.SignalNum(name)
	if sig == 0 {
		return 0, errors.New("there is no signal " + name + " here")
	}
	return sig, nil
}

func (t *processTree) kill() { _ = t.each(syscall.SIGKILL, false) }

// each sends sig, and with wake a SIGCONT, to the group while its PID is certainly ours, until its leader is reaped or while a descendant is still in it, and to the descendants that the
// group does not reach. They are listed first: of those seen in the group later nothing tells whether they were there in time.
func (t *processTree) each(sig syscall.Signal, wake bool) error {
	all := t.descendants()
	var err error
	if t.end == nil || !t.adopt && !t.groupEmpty() {
		err = send(func(sig syscall.Signal) error { return syscall.Kill(-t.main, sig) }, sig, wake)
	}
	for _, p := range all {
		if p.PGID != t.main || t.end != nil {
			t.tell(p, sig, wake)
		} else if t.asked != nil {
			t.asked[member{p.PID, p.Identity}] = true
		}
	}
	return err
}

// tell sends the same to one process. Gone meanwhile is what we want. A child needs no handle, for which there may be no descriptor: its PID is its own until it is reaped, here.
func (t *processTree) tell(p proc.Info, sig syscall.Signal, wake bool) {
	if p.PPID == os.Getpid() {
		_ = send(func(sig syscall.Signal) error { return syscall.Kill(p.PID, sig) }, sig, wake)
	} else if h, err := proc.Open(p.PID, p.Identity); err == nil {
		_ = send(func(sig syscall.Signal) error { return h.Signal(sig) }, sig, wake)
		h.Close()
	}
	if t.asked != nil {
		t.asked[member{p.PID, p.Identity}] = true
	}
}

// send sends sig and, with wake, a SIGCONT by to. Whoever has ended of the first needs no second.
func send(to func(syscall.Signal) error, sig syscall.Signal, wake bool) error {
	err := to(sig)
	if err == nil && wake {
		_ = to(syscall.SIGCONT)
	}
	return err
}

// descendants are the live processes of the tree, as far as they are known: with adopt, all.
func (t *processTree) descendants() []proc.Info {
	if !t.adopt {
		return nil
	}
	all, _ := proc.Descendants(os.Getpid()) // of those that cannot be seen the group reaches most
	return all
}

func isExecFormat(err error) bool { return errors.Is(err, syscall.ENOEXEC) }

// pathOf is the PATH of env.
func pathOf(env []string) string {
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, "PATH="); ok {
			return v
		}
	}
	return "/usr/local/bin:/usr/bin:/bin"
}

// spellings are the files that path may mean: one.
func spellings(path string, _ []string) []string { return []string{path} }

func mayExecute(fi os.FileInfo) bool { return fi.Mode()&0o111 != 0 }
