package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"

	"golang.org/x/sys/unix"
)

// systemdPath is where every distribution has it.
const systemdPath = "/lib/systemd/systemd"

// readySocket is where systemd says that it is up, as it does for any manager above it.
const readySocket = "/run/lab-ready"

// initMain is PID 1 of a world. It builds the world, starts the agent, and becomes what PID 1 shall be.
func initMain() int {
	reports := os.NewFile(3, "reports")
	unix.CloseOnExec(3)
	c, err := handedDown()
	if err == nil {
		err = first(c, reports)
	}
	if err != nil {
		fmt.Fprintln(reports, "error cannot make the world:", oneLine(err))
	}
	return exitLab
}

// oneLine is err on one line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// first does the work of initMain. It returns only an error.
func first(c config, reports *os.File) error {
	defaultSignals()
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil { // only now: systemd's hierarchy shall begin at the group we were put into
		return err
	}
	if err := disk(c); err != nil {
		return err
	}
	if err := os.WriteFile("/proc/self/comm", []byte(argv0Init), 0); err != nil { // else "exe"
		return err
	}
	if err := machine(); err != nil {
		return err
	}
	if c.World.User {
		if err := addUser(c); err != nil {
			return fmt.Errorf("add user %s: %w", labUser, err)
		}
	}
	if c.World.Init == initSystemd {
		if err := prepareSystemd(); err != nil {
			return fmt.Errorf("prepare systemd: %w", err)
		}
	}
	if c.Layer != "" {
		if err := prepareInit(c.World.Init); err != nil {
			return fmt.Errorf("prepare %s: %w", c.World.Init, err)
		}
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	if c.Before != "" {
		before := exec.Command("/bin/sh", "-c", c.Before)
		before.Dir, before.Env, before.Stdout, before.Stderr = c.Dir, c.Env, os.Stderr, os.Stderr
		if err := before.Run(); err != nil {
			return fmt.Errorf("-before: %w", err)
		}
	}
	return become(c, reports)
}

// become turns this process into the world's PID 1.
func become(c config, reports *os.File) error {
	switch c.World.Init {
	case initCommand:
		return execute(c, reports)
	case initSystemd:
		return bootSystemd(c, reports)
	case initOpenRC, initSysV, initRunit, initS6, initBusyBox:
		return bootInit(c, reports)
	}
	if err := startAgent(c, nil, reports); err != nil {
		return err
	}
	// PID 1 of a container ignores what it does not handle; the Go runtime would exit. SIGCHLD stays: ignoring it would reap.
	signal.Ignore(unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGPIPE)
	for c.World.Init == initPlain {
		_ = unix.Pause()
	}
	for {
		if _, err := unix.Wait4(-1, nil, 0, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return err // no children: the agent has ended and said what there is to say
		}
	}
}

// defaultSignals undoes what the caller ignores: a handler does not survive exec, but SIG_IGN does, and a shell's background jobs ignore SIGINT.
func defaultSignals() {
	signal.Notify(make(chan os.Signal, 1), unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGTERM, unix.SIGPIPE, unix.SIGUSR1, unix.SIGUSR2, unix.SIGCHLD)
}

// startAgent starts the agent as a child of PID 1 and hands it the reports. sys may put it somewhere special; extra follow the reports.
func startAgent(c config, sys *unix.SysProcAttr, reports *os.File, extra ...*os.File) error {
	env, err := c.handDown()
	if err != nil {
		return err
	}
	agent := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{argv0Agent}, Env: env, SysProcAttr: sys,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, ExtraFiles: append([]*os.File{reports}, extra...),
	}
	if err := agent.Start(); err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	return reports.Close()
}

// execute becomes the command.
func execute(c config, reports *os.File) error {
	if c.World.User {
		if err := errors.Join(unix.Setgroups(nil), unix.Setresgid(labUID, labUID, labUID), unix.Setresuid(labUID, labUID, labUID)); err != nil {
			return err
		}
	}
	if err := unix.Chdir(c.Dir); err != nil {
		return err
	}
	path, err := lookPath(c)
	if err != nil {
		return err
	}
	fmt.Fprintln(reports, "up")
	return fmt.Errorf("exec %s: %w", path, unix.Exec(path, c.Args, c.Env))
}

// lookPath finds the command as the command's own environment would.
func lookPath(c config) (string, error) {
	for _, kv := range c.Env {
		if path, ok := strings.CutPrefix(kv, "PATH="); ok {
			if err := os.Setenv("PATH", path); err != nil {
				return "", err
			}
		}
	}
	return exec.LookPath(c.Args[0])
}

// bootSystemd becomes systemd. The agent sits in a group of its own, or systemd would take it for a part of itself.
func bootSystemd(c config, reports *os.File) error {
	const groups = "/sys/fs/cgroup"
	if err := unix.Mount("cgroup2", groups, "cgroup2", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount %s: %w", groups, err)
	}
	if err := os.Mkdir(groups+"/lab", 0o755); err != nil {
		return err
	}
	group, err := os.Open(groups + "/lab")
	if err != nil {
		return err
	}
	defer group.Close()
	ready, err := listenReady()
	if err != nil {
		return err
	}
	if err := startAgent(c, &unix.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}, reports, ready); err != nil {
		return err
	}
	if err := silence(); err != nil {
		return err
	}
	env := []string{"PATH=" + initPath, "container=lab", "NOTIFY_SOCKET=" + readySocket}
	return unix.Exec(systemdPath, []string{systemdPath, "--system", "--log-target=journal", "--show-status=0", "--crash-reboot=0"}, env)
}

// listenReady makes readySocket and returns its descriptor.
func listenReady() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), readySocket)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: readySocket}); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// dropCapabilities takes away, for good, what would let root inside reach the kernel that it shares with the host. capabilities(7)
func dropCapabilities() error {
	for _, c := range []uintptr{
		unix.CAP_SYS_TIME, unix.CAP_SYS_MODULE, unix.CAP_SYS_RAWIO, unix.CAP_SYSLOG, unix.CAP_WAKE_ALARM, unix.CAP_BLOCK_SUSPEND,
	} {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	return nil
}
