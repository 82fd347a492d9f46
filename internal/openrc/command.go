package openrc

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/joshuaaferguson/apexd/internal/proc"
)

// endWait is what a command may take to end when it was asked to, before it is killed.
const endWait = 5 * time.Second

// CommandError is a command of OpenRC's that failed.
type CommandError struct {
	Args []string
	Exit int
	Said string // its output
}

// Error is the command and the last that it said.
func (e *CommandError) Error() string {
	lines := strings.Split(e.Said, "\n")
	return fmt.Sprintf("%s: exit status %d: %s", strings.Join(e.Args, " "), e.Exit, cmp.Or(strings.Trim(lines[len(lines)-1], " *"), "it said nothing"))
}

// Service is `rc-service NAME VERB`. It returns when that is done. Errors: *CommandError; the context's.
func (t Tree) Service(ctx context.Context, name, verb string) error {
	return run(ctx, nil, "rc-service", "--nocolor", name, verb)
}

// Update is `rc-update VERB NAME LEVEL`, verb being "add" or "delete".
func (t Tree) Update(ctx context.Context, verb, name, level string) error {
	return run(ctx, nil, "rc-update", "--nocolor", verb, name, level)
}

// StopSupervisor ends the supervisor of a service, and with it what it supervises: `supervise-daemon NAME --stop`, and a reminder of a
// child whose end it has missed. It returns when the supervisor is gone, which its script's "retry" bounds. Errors: as Service.
func (t Tree) StopSupervisor(ctx context.Context, name string) error {
	reminding, done := context.WithCancel(ctx)
	defer done()
	go remind(reminding, t.Look(name).Supervisor) // ended by done, or before it by the supervisor's end
	return run(ctx, []string{"RC_SVCNAME=" + name}, supervisorName, name, "--stop", "--pidfile", t.PIDFile(name))
}

// remindEvery is how long a supervisor that is to stop may miss that its child has ended.
const remindEvery = 200 * time.Millisecond

// remind has the supervisor with this PID look for ended children every remindEvery, until it is gone or ctx is done. Where the end of its child and the request to stop
// come together, the kernel has it handle SIGCHLD first: it leaves the child to its loop, which does not reap it any more, and waits for the zombie as long as its script's
// "retry" lasts (OpenRC 0.45, src/supervise-daemon/supervise-daemon.c, handle_signal() and supervisor()). The next SIGCHLD has it reaped. It harms no other process either.
func remind(ctx context.Context, pid int) {
	p, err := proc.Inspect(pid)
	if err != nil {
		return
	}
	h, err := proc.Open(pid, p.Identity)
	if err != nil {
		return
	}
	defer h.Close()
	for {
		pause, done := context.WithTimeout(ctx, remindEvery)
		err := h.Wait(pause)
		done()
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil || h.Signal(childEnded) != nil {
			return
		}
	}
}

// run executes a command of OpenRC's, with an environment that says nothing of a service around us.
func run(ctx context.Context, env []string, name string, args ...string) error {
	path, err := exec.LookPath(name)
	if err != nil { // ordinary users have no /sbin in PATH
		path = filepath.Join("/sbin", name)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(slices.DeleteFunc(os.Environ(), ofService), append(env, "LC_ALL=C")...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay, cmd.SysProcAttr = endWait, ownGroup()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &exit):
		return &CommandError{append([]string{name}, args...), exit.ExitCode(), strings.TrimSpace(said.String())}
	}
	return err
}

// ofService reports whether a variable is OpenRC's word to the processes of one service.
func ofService(kv string) bool {
	name, _, _ := strings.Cut(kv, "=")
	return strings.HasPrefix(name, "RC_") || strings.HasPrefix(name, "EINFO_") || name == "SVCNAME"
}
