//go:build linux || darwin || freebsd

package proc

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestSuspended(t *testing.T) {
	c, _ := start(t, "wait")
	for _, row := range []struct {
		sig  syscall.Signal
		want bool
	}{{syscall.SIGSTOP, true}, {syscall.SIGCONT, false}} {
		if err := syscall.Kill(c.pid(), row.sig); err != nil {
			t.Fatal(err)
		}
		if row.want { // that it has stopped; a SIGCONT is done when kill(2) returns
			var ws syscall.WaitStatus
			if _, err := syscall.Wait4(c.pid(), &ws, syscall.WUNTRACED, nil); err != nil || !ws.Stopped() {
				t.Fatalf("wait status %v, %v", ws, err)
			}
		}
		if info, err := Inspect(c.pid()); err != nil || info.Suspended != row.want || info.Zombie {
			t.Errorf("after %v: %+v, %v", row.sig, info, err)
		}
	}
	mustLive(t, c)
}

func TestZombie(t *testing.T) {
	c, _ := start(t, "wait")
	info, err := Inspect(c.pid())
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, c.pid())
	bare := &Handle{info: info} // as where pidfds are refused
	c.in.Close()
	for _, h := range []*Handle{h, bare} {
		if err := h.Wait(t.Context()); err != nil { // nobody has reaped it yet
			t.Fatal(err)
		}
		if err := h.Signal(syscall.SIGTERM); !errors.Is(err, ErrNotFound) {
			t.Errorf("Signal to a zombie: %v", err)
		}
	}
	if z, err := Inspect(c.pid()); err != nil || !z.Zombie || z.Identity != info.Identity {
		t.Errorf("Inspect of a zombie: %+v, %v", z, err)
	}
	if _, err := Match(c.pid(), info.Identity); !errors.Is(err, ErrNotFound) {
		t.Errorf("Match of a zombie: %v", err)
	}
	if _, err := Open(c.pid(), info.Identity); !errors.Is(err, ErrNotFound) {
		t.Errorf("Open of a zombie: %v", err)
	}
	c.end()
	if _, err := Inspect(c.pid()); !errors.Is(err, ErrNotFound) {
		t.Errorf("Inspect of a reaped process: %v", err)
	}
}

func TestDescendants(t *testing.T) {
	c, line := start(t, "tree")
	grandchild := parsePID(line)
	got, err := Descendants(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if pids := pidsOf(got); !slices.Equal(pids, []int{c.pid(), grandchild}) {
		t.Errorf("got %v, want %d %d", pids, c.pid(), grandchild)
	}
	if len(got) == 2 {
		if _, err := Match(grandchild, got[1].Identity); err != nil {
			t.Errorf("Match of a descendant: %v", err)
		}
	}
	if _, err := Descendants(1<<30 + 1); !errors.Is(err, ErrNotFound) {
		t.Errorf("Descendants of nobody: %v", err)
	}
	h := open(t, grandchild)
	c.end()
	if err := h.Wait(t.Context()); err != nil { // a process that is not our child
		t.Error(err)
	}
}

func pidsOf(infos []Info) []int {
	var pids []int
	for _, info := range infos {
		pids = append(pids, info.PID)
	}
	return pids
}

func TestInGroup(t *testing.T) {
	c, line := start(t, "tree", func(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} })
	got, err := InGroup(c.pid())
	if err != nil {
		t.Fatal(err)
	}
	pids := pidsOf(got)
	slices.Sort(pids)
	want := []int{c.pid(), parsePID(line)}
	slices.Sort(want)
	if !slices.Equal(pids, want) {
		t.Errorf("got %v, want %v", pids, want)
	}
	for _, pgid := range []int{0, -1, -c.pid()} {
		if got, err := InGroup(pgid); err != nil || got != nil {
			t.Errorf("InGroup(%d) = %v, %v", pgid, got, err)
		}
	}
}

// spawn runs another child that shares our standard input.
func spawn(mode string, env ...string) (*exec.Cmd, string, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	cmd := exec.Command(exe)
	cmd.Env = append(append(os.Environ(), childEnv+"="+mode), env...)
	cmd.Stdin = os.Stdin
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := cmd.Start(); err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	return cmd, strings.TrimSpace(line), err
}

func tree() int {
	cmd, _, err := spawn("wait")
	if err != nil {
		return report(err)
	}
	fmt.Println(cmd.Process.Pid)
	return report(cmd.Wait())
}

func report(err error) int {
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}
