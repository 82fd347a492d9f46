package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/e2e/gate"
)

// TestMain makes the test binary the program: it is executed as lab, and by lab as PID 1 and as the agent.
func TestMain(m *testing.M) {
	switch os.Args[0] {
	case "lab", argv0Init, argv0Agent:
		os.Exit(run(os.Args))
	}
	os.Exit(m.Run())
}

// needRoot skips what needs worlds where there can be none.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		gate.Skip(t, "worlds need root")
	}
	if os.Getenv("APEXD_LAB") != "" {
		gate.Skip(t, "in a world already")
	}
	if testing.Short() {
		gate.Skip(t, "worlds take seconds")
	}
}

// lab is a command that runs this test binary as lab.
func lab(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Args = append([]string{"lab"}, args...)
	cmd.WaitDelay = time.Second
	return cmd
}

// inWorld runs script in a world and returns its exit status and output.
func inWorld(t *testing.T, script string, args ...string) (int, string) {
	t.Helper()
	cmd := lab(t, append(args, "--", "sh", "-c", script)...)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), strings.TrimSpace(string(out))
}

func TestWorlds(t *testing.T) {
	needRoot(t)
	const first = `read -r name </proc/1/comm; echo "$name"; `
	for _, row := range []struct{ world, script, want string }{
		{"noinit", first + "id -un; echo $$", "sh root 1"},
		{"noinit-plain", first + "id -un", "lab-init root"},
		{"noinit-reap", first + "id -un", "lab-init root"},
		{"-user noinit", first + "id -un; echo $$ $HOME; touch $HOME/x", "sh lab 1 /home/lab"},
		{"-user noinit-reap", first + "id -un; cat go.mod >/dev/null || pwd", "lab-init lab"},
		{"systemd", first + "systemctl is-system-running; systemctl show -P NFailedUnits; id -un", "systemd running 0 root"},
		{"systemd-user", first + "systemctl --user is-system-running; id -un; busctl --user list >/dev/null || echo no bus", "systemd running lab"},
		{"wine", "wine cmd /c ver | tr -d '\\r' | cut -c 1-17", "Microsoft Windows"},
	} {
		t.Run(row.world, func(t *testing.T) {
			if file := map[string]string{"systemd": systemdPath, "systemd-user": systemdPath, "wine": "/usr/bin/wine"}[row.world]; file != "" {
				if _, err := os.Stat(file); err != nil {
					gate.Skip(t, err.Error())
				}
			}
			t.Parallel()
			dir := project(t)
			cmd := lab(t, append(strings.Fields(row.world), "sh", "-c", row.script+"; exit 42")...)
			cmd.Dir = dir
			var errs strings.Builder // where the lab says what it fetches and makes, once
			cmd.Stderr = &errs
			out, _ := cmd.Output()
			if got := strings.Join(strings.Fields(string(out)), " "); got != row.want || cmd.ProcessState.ExitCode() != 42 {
				t.Errorf("exit status %d, output %q\nwant 42, %q\n%s", cmd.ProcessState.ExitCode(), got, row.want, &errs)
			}
		})
	}
}

// needLayer skips what needs packages where there are none.
func needLayer(t *testing.T, k initKind) {
	t.Helper()
	if _, err := layer(k); err != nil {
		gate.Skip(t, err.Error())
	}
}

// TestInits has each init of a layer start a service that was there before it booted, and nothing of the host's.
func TestInits(t *testing.T) {
	needRoot(t)
	const first, told = `read -r name </proc/1/comm; echo "$name"; `, "/run/told"
	const tell = `parent=$(cat /proc/$PPID/comm); (echo "started by $parent" >` + told + `) &` // in the background: it waits for a reader
	for _, row := range []struct {
		world         initKind
		before        string // makes a service of /etc/run
		script, wants string
	}{
		{
			initOpenRC, `printf '#!/sbin/openrc-run\nstart() { . /etc/run; }\n' >/etc/init.d/told; chmod +x /etc/init.d/told; rc-update add told default >/dev/null`,
			"cat /run/openrc/softlevel; echo; rc-service told status", "init default * status: started started by openrc-run",
		},
		{
			initSysV, `printf '#!/bin/sh\n### BEGIN INIT INFO\n# Provides: told\n# Required-Start:\n# Required-Stop:\n# Default-Start: 2\n# Default-Stop: 0\n### END INIT INFO\n` +
				`[ "$1" != start ] || . /etc/run\n' >/etc/init.d/told; chmod +x /etc/init.d/told; update-rc.d told defaults`,
			"runlevel; ls /etc/rc2.d", "init N 2 S01told started by startpar",
		},
		{
			initRunit, `mkdir /etc/service/told; printf '#!/bin/sh\n. /etc/run\nexec sleep 1000\n' >/etc/service/told/run; chmod +x /etc/service/told/run`,
			"", "runit started by runsv",
		},
		{
			initS6, `mkdir /run/service/told; printf '#!/bin/sh\n. /etc/run\nexec sleep 1000\n' >/run/service/told/run; chmod +x /run/service/told/run`,
			"", "s6-svscan started by s6-supervise",
		},
		{
			initBusyBox, `printf '#!/bin/sh\n. /etc/run\n' >/etc/init.d/S50told; chmod +x /etc/init.d/S50told`,
			"readlink /bin/sh", "init /bin/busybox started by rcS",
		},
	} {
		t.Run(string(row.world), func(t *testing.T) {
			needLayer(t, row.world)
			t.Parallel()
			before := "echo '" + tell + "' >/etc/run; mkfifo " + told + "; " + row.before
			status, out := inWorld(t, first+row.script+"\nread -r line <"+told+"; echo $line", "-timeout", "30s", "-before", before, string(row.world))
			if got := strings.Join(strings.Fields(out), " "); status != 0 || got != row.wants {
				t.Errorf("exit status %d, output %q\nwant %q", status, got, row.wants)
			}
		})
	}
}

// project is a work tree below a directory that only root may search.
func project(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "private", "tree")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module x\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestExitStatus(t *testing.T) {
	needRoot(t)
	for _, row := range []struct {
		name, script string
		args         string
		want         int
	}{
		{"success", "exit 0", "noinit", 0},
		{"its own 125", "exit 125", "noinit-reap", 125},
		{"a signal", "kill -KILL $$", "noinit-reap", 128 + 9},
		{"PID 1 has no default actions", "kill -TERM $$; exit 7", "noinit", 7},
		{"the time limit, PID 1", "sleep 1000", "-timeout 100ms noinit", exitTimeout},
		{"the time limit", "trap '' TERM; sleep 1000", "-timeout 100ms noinit-plain", exitTimeout},
		{"everything inside killed", "kill -KILL -1", "noinit-reap", exitLab},
		{"a failed preparation", "exit 0", "-before false noinit", exitLab},
		{"a world that cannot be", "exit 0", "upstart", exitUsage},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got, out := inWorld(t, row.script, strings.Fields(row.args)...); got != row.want {
				t.Errorf("exit status %d, want %d; output %q", got, row.want, out)
			}
		})
	}
	for _, world := range []string{"noinit", "noinit-reap"} {
		cmd := lab(t, world, "--", "/no/such/command")
		out, _ := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != exitLab || !strings.Contains(string(out), "/no/such/command") {
			t.Errorf("%s, no such command: exit status %d, output %q", world, cmd.ProcessState.ExitCode(), out)
		}
	}
}

// TestIsolation writes in every place a test may write and looks for it on the host.
func TestIsolation(t *testing.T) {
	needRoot(t)
	temp, bound := t.TempDir(), t.TempDir()
	mark := fmt.Sprintf("lab-mark-%d", os.Getpid())
	fresh := filepath.Join("/dev/shm", mark)
	if err := errors.Join(os.Mkdir(fresh, 0o755), os.WriteFile(fresh+"/seen", nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(fresh)
	cmd := lab(t, "-bind", bound, "-env", "MARK="+mark, "noinit-reap", "sh", "-ec", `
		for d in /etc /tmp /usr/local/bin /root /run . "$@"; do echo "$MARK" >"$d/$MARK"; done
		ls seen; mv seen gone; hostname changed
		cut -d: -f1 /proc/net/dev | grep -c '[a-z]'
		! echo 1 2>/dev/null >/proc/sys/vm/swappiness`, "sh", temp, bound)
	cmd.Dir = fresh
	host, _ := os.Hostname()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := strings.Fields(string(out)); len(got) < 2 || got[0] != "seen" {
		t.Errorf("the work tree in /dev/shm is not inside: %q", out)
	}
	for _, dir := range []string{"/etc", "/tmp", "/usr/local/bin", "/root", "/run", fresh, temp} {
		if _, err := os.Stat(filepath.Join(dir, mark)); err == nil {
			t.Errorf("a file made inside is in %s of the host", dir)
		}
	}
	if _, err := os.Stat(filepath.Join(fresh, "seen")); err != nil {
		t.Errorf("a file removed inside is gone from the host: %v", err)
	}
	if text, err := os.ReadFile(filepath.Join(bound, mark)); err != nil || string(text) != mark+"\n" {
		t.Errorf("in the bound directory: %q, %v", text, err)
	}
	if now, _ := os.Hostname(); now != host {
		t.Errorf("the host is now called %q", now)
	}
}

// TestOrphans tells the two kinds of PID 1 apart by what becomes of an orphan.
func TestOrphans(t *testing.T) {
	needRoot(t)
	const script = `
		sh -c 'sleep 0.1 & echo $! >/run/orphan'; read -r orphan </run/orphan
		dead=0 # seen dead so often: one that is reaped is for a moment, too
		for i in $(seq 200); do
			case $(cut -d' ' -f3 /proc/$orphan/stat 2>/dev/null) in
			Z) dead=$((dead + 1)); [ $dead -lt 40 ] || { echo zombie; exit; } ;;
			'') echo reaped; exit ;;
			esac
			sleep 0.05
		done; echo alive`
	for world, want := range map[string]string{"noinit-plain": "zombie", "noinit-reap": "reaped"} {
		if _, got := inWorld(t, script, world); got != want {
			t.Errorf("%s: the orphan is %s, want %s", world, got, want)
		}
	}
}

// TestSignals checks that a signal to lab ends everything, whatever the command does about it.
func TestSignals(t *testing.T) {
	needRoot(t)
	for _, row := range []struct {
		name   string
		world  string
		signal unix.Signal
		want   int
	}{
		{"interrupt", "noinit", unix.SIGINT, 130},
		{"terminate", "noinit-plain", unix.SIGTERM, 143},
		{"hang up", "noinit-reap", unix.SIGHUP, 129},
		{"terminate systemd", "systemd", unix.SIGTERM, 143},
		{"kill", "noinit-plain", unix.SIGKILL, -1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if row.signal == unix.SIGHUP && signal.Ignored(row.signal) {
				t.Skip("nohup(1) has these tests ignore it, and so what they start")
			}
			cmd := lab(t, row.world, "--", "sh", "-c", "trap '' INT TERM HUP; setsid sleep 7654321 & echo up; wait; sleep 7654321")
			signalled(t, cmd, row.signal)
			if got := cmd.ProcessState.ExitCode(); got != row.want {
				t.Errorf("exit status %d, want %d", got, row.want)
			}
			groups, _ := filepath.Glob(fmt.Sprintf("/sys/fs/cgroup/*/%s%d", cgroupPrefix, cmd.Process.Pid))
			if len(groups) > 0 {
				t.Errorf("left behind: %v", groups)
			}
		})
	}
}

// TestGoRun terminates `go run`, which passes nothing on.
func TestGoRun(t *testing.T) {
	needRoot(t)
	cmd := exec.CommandContext(t.Context(), "go", "run", ".", "noinit", "--", "sh", "-c", "echo up; sleep 7654321")
	signalled(t, cmd, unix.SIGTERM)
}

// signalled starts cmd, signals it when the command in its world is up, and waits until every process below it is gone.
func signalled(t *testing.T, cmd *exec.Cmd, sig os.Signal) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 3)); err != nil {
		t.Fatal(err)
	}
	inside := descendants(t, cmd.Process.Pid)
	if len(inside) < 2 {
		t.Fatalf("only %v below %s", inside, cmd.Args[0])
	}
	if err := cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	allGone(t, inside)
}

// descendants returns a pidfd of every process below pid, which is thereby safe from reuse.
func descendants(t *testing.T, pid int) []int {
	t.Helper()
	var all []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for _, word := range bytes.Fields(text) {
			var child int
			if _, err := fmt.Sscan(string(word), &child); err != nil {
				t.Fatal(err)
			}
			fd, err := unix.PidfdOpen(child, 0)
			if err != nil {
				continue // it has just ended
			}
			t.Cleanup(func() { unix.Close(fd) })
			all = append(append(all, fd), descendants(t, child)...)
		}
	}
	return all
}

// allGone waits until every process behind pidfds has ended.
func allGone(t *testing.T, pidfds []int) {
	t.Helper()
	for _, fd := range pidfds {
		n, err := -1, error(unix.EINTR)
		for errors.Is(err, unix.EINTR) { // the runtime's signals interrupt it (poll(2))
			n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 60_000)
		}
		if n != 1 || err != nil {
			t.Errorf("a process of the world is still there (%d, %v)", n, err)
		}
	}
}

func TestConcurrent(t *testing.T) {
	needRoot(t)
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			cmd := lab(t, "noinit-reap", "--", "sh", "-c", fmt.Sprintf("echo %d >/etc/motd; sleep 0.1; read -r n </etc/motd; exit $n", i))
			if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != i {
				t.Errorf("world %d: exit status %d, %s", i, cmd.ProcessState.ExitCode(), out)
			}
		})
	}
	wg.Wait()
}

// TestCleanStart checks what a command finds: default signals and nothing of the caller's session.
func TestCleanStart(t *testing.T) {
	needRoot(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, world := range []string{"noinit", "noinit-reap"} {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", `trap '' INT QUIT HUP; exec -a lab "$0" "$@"`, exe, world, "grep", "SigIgn", "/proc/self/status")
		cmd.Path = "/bin/bash" // exec -a
		cmd.Env = append(os.Environ(), "NOTIFY_SOCKET=/run/none")
		out, err := cmd.CombinedOutput()
		if got := strings.Fields(string(out)); err != nil || len(got) != 2 || strings.Trim(got[1], "0") != "" {
			t.Errorf("%s: ignored signals %q, %v", world, out, err)
		}
	}
	if _, out := inWorld(t, `cat /run/made /proc/self/cgroup; echo ${NOTIFY_SOCKET-unset} $APEXD_LAB`, "-before", "echo before >/run/made", "noinit"); !strings.HasPrefix(out, "before\n") ||
		!strings.HasSuffix(out, "unset 1") || strings.Contains(out, "::/.") {
		t.Errorf("found %q", out)
	}
}

// TestNothingLeft compares what the host has before and after a world of each costly kind.
// othersLab reports whether path is the control group of a lab that is at work: other packages' tests have theirs at the same time.
func othersLab(path string) bool {
	_, pid, ok := strings.Cut(filepath.Base(path), cgroupPrefix)
	if !ok {
		return false
	}
	_, err := os.Stat("/proc/" + pid)
	return err == nil
}

func TestNothingLeft(t *testing.T) {
	needRoot(t)
	state := func() string {
		mounts, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, pattern := range []string{"/sys/fs/cgroup/" + cgroupPrefix + "*", "/sys/fs/cgroup/*/" + cgroupPrefix + "*", "/run/lab*", "/etc/systemd/system/*", "/etc/init.d/*", "/etc/rc?.d/*"} {
			found, _ := filepath.Glob(pattern)
			names = append(names, slices.DeleteFunc(found, othersLab)...)
		}
		return string(mounts) + strings.Join(names, "\n")
	}
	before := state()
	for _, world := range []string{"systemd", "systemd-user"} {
		if status, out := inWorld(t, "systemd-run --wait true || systemd-run --user --wait true", world); status != 0 {
			t.Errorf("%s: exit status %d: %s", world, status, out)
		}
	}
	for _, k := range []initKind{initOpenRC, initSysV, initRunit, initS6, initBusyBox} {
		needLayer(t, k)
		if status, out := inWorld(t, "setsid sleep 1000 & test ! -e /run/systemd", string(k)); status != 0 {
			t.Errorf("%s: exit status %d: %s", k, status, out)
		}
	}
	if after := state(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}
