//go:build unix

package backends

import (
	"context"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// groupGrace is how long what was interrupted may take to clear up after itself.
const groupGrace = time.Minute

// runGroup runs argv to its end, in a process group of its own, all of which is interrupted when ctx is done: a shell waits for what it has called.
func runGroup(ctx context.Context, argv []string, out, errs io.Writer) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = "/", os.Environ(), out, errs, groupGrace
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	return cmd.Run()
}
