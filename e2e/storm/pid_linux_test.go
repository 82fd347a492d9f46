package storm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/e2e/gate"
)

// insideVariable is set in the namespaces that inNamespaces makes.
const insideVariable = "APEXD_STORM_INSIDE"

// TestReusedPID: after a SIGKILL the PIDs of the daemon and of its workload are given to strangers. Nobody signals them, and nobody takes them for the daemon.
// It happens in a PID namespace of its own: what the kernel counts there (ns_last_pid, pid_namespaces(7)) is nobody else's.
func TestReusedPID(t *testing.T) {
	if os.Getenv(insideVariable) == "" {
		inNamespaces(t, 5*time.Minute)
		return
	}
	for _, row := range []struct {
		verb   string
		args   []string
		exit   int
		status int // of status afterwards
	}{
		{"status", nil, 1, 1},
		{"stop", nil, 0, 3},
		{"stop", []string{"--force"}, 0, 3},
		{"kill", nil, 0, 3},
		{"reload", nil, 1, 1},
		{"start", nil, 0, 0},
		{"restart", nil, 0, 0},
	} {
		t.Run(fmt.Sprint(row.verb, row.args), func(t *testing.T) {
			p, strangers := replaced(t)
			if a := p.run(row.verb, row.args...); a.Exit != row.exit {
				t.Errorf("%s: exit status %d, want %d: %s", row.verb, a.Exit, row.exit, a.Text)
			}
			after, running := p.truthful()
			if after.Exit != row.status || after.Running != (row.status == 0) {
				t.Errorf("afterwards: %s", after)
			}
			if row.status == 0 {
				p.one()
			}
			for _, pid := range strangers {
				if args := arguments(pid); len(args) < 2 || args[1] != "stranger" {
					t.Errorf("PID %d is no stranger's any more: %q", pid, args)
				}
			}
			for what, n := range p.ledger() {
				if what != "main" {
					t.Errorf("ledger: %s: %d", what, n)
				}
			}
			t.Logf("PIDs %v are strangers'; %s; /proc: %+v", strangers, after, running)
		})
	}
}

// replaced is a project whose daemon and workload were killed and whose PIDs are strangers' now. A thread of this very process may take such a PID, and keep it:
// then it is done again with others.
func replaced(t *testing.T) (p *project, pids []int) {
	t.Helper()
	for range 10 {
		p = newProject(t)
		p.must("start", 0)
		s, now := p.one()
		pids = []int{s.pid(), now.Workloads[0]}
		for _, pid := range pids {
			kill(t, pid)
		}
		if p.stranger(pids[0]) && p.stranger(pids[1]) {
			return p, pids
		}
	}
	t.Fatal("the PIDs cannot be had")
	return nil, nil
}

// inNamespaces runs the test t again, in a PID and a mount namespace of its own, for at most limit.
func inNamespaces(t *testing.T, limit time.Duration, flags ...string) {
	t.Helper()
	if os.Geteuid() != 0 {
		gate.Skip(t, "needs root, for a PID namespace")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"init", self, "-test.run=^" + t.Name() + "$", "-test.v", "-test.timeout=" + limit.String()}, flags...)
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, os.ErrPermission) {
		gate.Skip(t, "namespaces are not allowed here: "+err.Error())
	}
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

// kill ends a process that is not our child, and waits until it has (pidfd_open(2)). Its PID may be a zombie's for a while.
func kill(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return // the workload ends with its daemon
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) // it may have ended
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(patience.Milliseconds()))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n != 1 || err != nil {
			t.Fatalf("process %d does not end: %v", pid, err)
		}
		return
	}
}

// stranger starts a process that has nothing to do with the project's daemon, as PID pid. It reports whether that PID could be had. A shell does it: the next
// process or thread gets the PID after the one that is written, and a shell has no threads.
func (p *project) stranger(pid int) bool {
	p.t.Helper()
	self, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	for range 20 {
		const script = `echo "$1" >/proc/sys/kernel/ns_last_pid; "$2" stranger "$3" & wait`
		cmd := exec.CommandContext(p.t.Context(), "/bin/sh", "-c", script, "sh", strconv.Itoa(pid-1), self, p.dir)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			p.t.Fatal(err)
		}
		var got int
		if _, err := fmt.Fscan(out, &got); err != nil {
			p.t.Fatalf("the stranger says %d, %v", got, err)
		}
		end := func() {
			_ = syscall.Kill(got, syscall.SIGKILL)
			_ = cmd.Wait() // of a shell that was told of a kill
		}
		if got == pid {
			p.t.Cleanup(end)
			return true
		}
		end()
		<-time.After(pause) // until the zombie that has the PID is reaped
	}
	return false
}
