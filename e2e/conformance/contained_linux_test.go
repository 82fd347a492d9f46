package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/joshuaaferguson/apexd/service"
	"github.com/joshuaaferguson/apexd/service/servicetest"
)

// containedDriver is `apexd run` as PID 1 of a namespace with no init, as in a container. Verbs are executed inside while it runs (docker exec), and
// in a new namespace otherwise (docker run).
type containedDriver struct{}

func (containedDriver) Name() string { return "PID 1" }

func (containedDriver) Missing(a servicetest.Ability) servicetest.Absence {
	absent := servicetest.Absence{}
	switch a {
	case servicetest.CanRestart:
		absent.Reason = "the end of PID 1 is the end of the container, and of whoever waits in it to start again"
	case servicetest.CanBystander:
		absent.Reason = "the namespace ends with the daemon: nobody else is in it before and after"
	case servicetest.CanOtherUser:
		absent.Reason = "who may see and signal what is the same as without a namespace"
	case servicetest.HasManyStarts:
		absent.Reason = "there is one PID 1 a namespace"
	case servicetest.HasStartWait:
		absent.Reason = "run ends as its workload does"
	case servicetest.CanInstall:
		absent.Reason = "no manager is asked"
	}
	if absent.Reason != "" {
		return absent
	}
	if m := missingWorld("namespaces"); m.Reason != "" {
		return m
	}
	if _, err := exec.LookPath("nsenter"); err != nil {
		return servicetest.Absence{Reason: "needs nsenter(1)", Machine: true}
	}
	return servicetest.Absence{}
}

func (containedDriver) New(t servicetest.T, base string) servicetest.Subject {
	return newContained(newSubject(t, base))
}

// contained is a project and the container around its daemon.
type contained struct {
	*subject
	mu   *sync.Mutex
	init **foregroundRun // the container, nil before the first; guarded by mu, and shared with other views of the same subject
}

func newContained(s *subject) *contained {
	c := &contained{subject: s, mu: new(sync.Mutex), init: new(*foregroundRun)}
	s.place, s.exists = c.enter, c.existence
	return c
}

// running is the container that runs, or nil.
func (s *contained) running() *foregroundRun {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := *s.init; r != nil && !r.hasEnded() {
		return r
	}
	return nil
}

// enter places a command into the container, or into one of its own.
func (s *contained) enter(argv []string) ([]string, *syscall.SysProcAttr) {
	if r := s.running(); r != nil {
		return append([]string{"nsenter", "-t", fmt.Sprint(r.cmd.Process.Pid), "-p", "-m", "--"}, argv...), nil
	}
	return asInit(argv)
}

// asInit is argv as PID 1 of new namespaces.
func asInit(argv []string) ([]string, *syscall.SysProcAttr) {
	return append([]string{program("child"), "-contained"}, argv...), &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
}

func (s *contained) existence(pid int) servicetest.Existence {
	r := s.running()
	if r == nil {
		return servicetest.Gone // a namespace without its PID 1 has no processes (pid_namespaces(7))
	}
	stat, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(r.cmd.Process.Pid), "root/proc", fmt.Sprint(pid), "stat"))
	if err != nil {
		return servicetest.Gone
	}
	if _, after, _ := strings.Cut(string(stat), ") "); isZombie(strings.Fields(after)) {
		return servicetest.Zombie
	}
	return servicetest.Alive
}

// boot runs argv as the container's PID 1, or in the container that is there.
func (s *contained) boot(ctx context.Context, argv []string) *foregroundRun {
	if s.running() != nil {
		return s.foreground(ctx, s.command(context.WithoutCancel(ctx), argv))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	placed, attr := asInit(argv)
	r := s.foreground(ctx, s.process(context.WithoutCancel(ctx), placed, attr))
	if r.cmd.Process != nil {
		*s.init = r
	}
	return r
}

func (s *contained) Start(ctx context.Context) servicetest.Outcome {
	return s.start(ctx, s.argv("run"))
}

func (s *contained) start(ctx context.Context, argv []string) servicetest.Outcome {
	r := s.boot(context.Background(), argv)
	if r.cmd.Process == nil {
		return r.Wait(ctx)
	}
	return r.started(ctx, 1)
}

func (s *contained) StartScript(ctx context.Context, script servicetest.Script, args []string) servicetest.Outcome {
	return s.start(ctx, s.argv("run", append([]string{"--"}, childCommand(script, args)...)...))
}

// Run implements servicetest.Foreground.
func (s *contained) Run(ctx context.Context) servicetest.ForegroundRun {
	return s.boot(ctx, s.argv("run"))
}

// Stop runs the verb inside. When PID 1 ends, the kernel kills what is in the namespace, the verb included, so that the end is the answer.
func (s *contained) Stop(ctx context.Context, o service.StopOptions) servicetest.Outcome {
	r := s.running()
	out := s.subject.Stop(ctx, o)
	if r == nil || out.Exit >= 0 && out.Err != nil {
		return out
	}
	select {
	case <-r.ended:
		return servicetest.Outcome{PID: 1, Text: out.Text}
	case <-ctx.Done():
		out.Err = &service.Error{Op: "stop the container", Code: service.CodeStopFailed, Err: context.Cause(ctx)}
		return out
	}
}

// Crash kills PID 1 from outside, as the OOM killer does.
func (s *contained) Crash(ctx context.Context) error { return s.signal(ctx, syscall.SIGKILL) }

// Suspend suspends PID 1 from outside: inside of its namespace it cannot be (pid_namespaces(7)).
func (s *contained) Suspend(context.Context) error {
	r := s.running()
	if r == nil {
		return errors.New("there is no container")
	}
	return r.cmd.Process.Signal(syscall.SIGSTOP)
}

// NativeStop does what `docker stop` does.
func (s *contained) NativeStop(ctx context.Context) error { return s.signal(ctx, syscall.SIGTERM) }

func (s *contained) signal(ctx context.Context, sig syscall.Signal) error {
	r := s.running()
	if r == nil {
		return errors.New("there is no container")
	}
	return r.signal(ctx, sig)
}

func (s *contained) Copy(t servicetest.T, base string) servicetest.Subject {
	return newContained(s.copyTo(t, base))
}

// OnReadOnly implements servicetest.ReadOnly.
func (s *contained) OnReadOnly(servicetest.T) servicetest.Subject {
	frozen := *s.subject
	frozen.before = []string{program("child"), "-frozen", s.project}
	return &contained{subject: &frozen, mu: s.mu, init: s.init}
}

var (
	_ servicetest.Foreground  = (*contained)(nil)
	_ servicetest.Crasher     = (*contained)(nil)
	_ servicetest.Suspender   = (*contained)(nil)
	_ servicetest.Native      = (*contained)(nil)
	_ servicetest.Copier      = (*contained)(nil)
	_ servicetest.ReadOnly    = (*contained)(nil)
	_ servicetest.CommandLine = (*contained)(nil)
)

func (r *foregroundRun) hasEnded() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// signal sends sig and returns when the daemon has ended.
func (r *foregroundRun) signal(ctx context.Context, sig syscall.Signal) error {
	if err := r.cmd.Process.Signal(sig); err != nil {
		return err
	}
	select {
	case <-r.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
