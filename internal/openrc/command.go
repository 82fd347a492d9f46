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

// StopSupervisor ends the supervisor of a service whose script is gone, and with it what it supervises.
func (t Tree) StopSupervisor(ctx context.Context, name string) error {
	return run(ctx, []string{"RC_SVCNAME=" + name}, supervisorName, name, "--stop", "--pidfile", t.PIDFile(name))
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
