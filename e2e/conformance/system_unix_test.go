//go:build unix

package conformance_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/joshuaaferguson/apexd/service/servicetest"
)

const (
	exeSuffix = ""
	watches   = true // Await asks for changes of files
	nobody    = 65534
)

// missingHere is what Unix systems lack.
func missingHere(a servicetest.Ability) servicetest.Absence {
	switch a {
	case servicetest.CanOtherUser:
		if os.Geteuid() != 0 {
			return servicetest.Absence{Reason: "needs root, to be another user", Machine: true}
		}
	case servicetest.CanReadOnly:
		return missingWorld("a read-only bind mount")
	}
	return servicetest.Absence{}
}

// environment is a user's, all of it below root.
func environment(root string) []string {
	return []string{
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG=C.UTF-8", "HOME=" + filepath.Join(root, "home"),
		"XDG_STATE_HOME=" + filepath.Join(root, "state"), "XDG_CONFIG_HOME=" + filepath.Join(root, "config"),
		"XDG_RUNTIME_DIR=" + filepath.Join(root, "run"), "TMPDIR=" + filepath.Join(root, "tmp"),
	}
}

// Suspend implements servicetest.Suspender.
func (s *subject) Suspend(ctx context.Context) error {
	st, o := s.Status(ctx)
	if o.Err != nil || st.PID == nil {
		return errors.New("nothing to suspend: " + o.Text)
	}
	return syscall.Kill(*st.PID, syscall.SIGSTOP)
}

var _ servicetest.Suspender = (*subject)(nil)

func interrupt(p *os.Process) error { return p.Signal(os.Interrupt) }

func removeAll(path string) error { return os.RemoveAll(path) }

// existence looks in this process's own PID namespace.
func existence(pid int) servicetest.Existence {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return servicetest.Gone
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if (errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH)) && hasProc() { // ESRCH: reaped between open and read
		return servicetest.Gone
	}
	if after := stat[bytes.LastIndexByte(stat, ')')+1:]; isZombie(strings.Fields(string(after))) {
		return servicetest.Zombie
	}
	return servicetest.Alive
}

// isZombie takes the fields of proc_pid_stat(5) from the state on. The main thread of a process whose others still run is shown as a zombie too,
// while the process has its files, and so its locks: num_threads tells.
func isZombie(stat []string) bool {
	return len(stat) > 17 && (stat[0] == "Z" && stat[17] <= "1" || stat[0] == "X") // X: being reaped
}

func hasProc() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}

// killAndWait sends SIGKILL and returns when the process is no more, or no more than a zombie.
func killAndWait(ctx context.Context, pid int) error {
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	return waitEnd(ctx, pid)
}

// waitEnd polls: there is no event that every Unix has for the end of a process that is no child.
func waitEnd(ctx context.Context, pid int) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for existence(pid) == servicetest.Alive {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("process %d does not end: %w", pid, context.Cause(ctx))
		}
	}
	return nil
}

// endLeftovers ends every process that has root in its environment or arguments, and says what they were.
func endLeftovers(ctx context.Context, root string) []string {
	var found []string
	dirs, _ := filepath.Glob("/proc/[0-9]*") // elsewhere there are none, and the suite's own connections have to do
	for _, dir := range dirs {
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(dir), "%d", &pid); err != nil || pid == os.Getpid() {
			continue
		}
		env, _ := os.ReadFile(filepath.Join(dir, "environ")) // gone, or somebody else's
		args, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		if !strings.Contains(string(env)+string(args), root+"/") {
			continue
		}
		found = append(found, fmt.Sprintf("process %d: %.200q", pid, args))
		if err := killAndWait(ctx, pid); err != nil && !errors.Is(err, syscall.ESRCH) {
			found = append(found, err.Error())
		}
	}
	return found
}

// AsOther implements servicetest.OtherUser.
func (s *direct) AsOther(servicetest.T) servicetest.Subject {
	other := *s.subject
	other.attr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	other.env = []string{s.env[0], "HOME=/nonexistent"}
	return &direct{&other}
}

// OnReadOnly implements servicetest.ReadOnly.
func (s *direct) OnReadOnly(servicetest.T) servicetest.Subject {
	frozen := *s.subject
	frozen.before = []string{program("child"), "-frozen", s.project}
	return &direct{&frozen}
}

var (
	_ servicetest.OtherUser = (*direct)(nil)
	_ servicetest.ReadOnly  = (*direct)(nil)
)
