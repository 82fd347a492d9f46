package conformance_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// fakeLaunchd builds a launchd and an apexd that asks it, and starts it. stop ends it and all its jobs.
func fakeLaunchd() (stop func() error, err error) {
	if err := os.Mkdir(fakeDir(), 0o755); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"build", "-tags", "fakelaunchd", "-o", fakeProgram("apexd"), "."},
		{"build", "-o", fakeProgram("launchctl"), "./e2e/fakelaunchd"},
	} {
		cmd := exec.Command("go", args...)
		cmd.Dir = filepath.Join("..", "..")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go %v: %w\n%s", args, err, out)
		}
	}
	if err := os.Setenv(fakeDirVariable, fakeDir()); err != nil {
		return nil, err
	}
	cmd := exec.Command(fakeProgram("launchctl"), "-serve", fakeDir())
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() error { return errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait()) }
	bound := time.NewTimer(time.Minute)
	defer bound.Stop()
	for {
		if _, err := os.Stat(filepath.Join(fakeDir(), "socket")); err == nil {
			return stop, nil
		}
		select { // another process makes it
		case <-time.After(5 * time.Millisecond):
		case <-bound.C:
			return nil, errors.Join(errors.New("the launchd does not listen"), stop())
		}
	}
}
