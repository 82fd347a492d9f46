package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// lab is three processes, told apart by argv[0]: the one the user started, PID 1 of the world, and the agent that runs the command there.
const (
	argv0Init  = "lab-init"
	argv0Agent = "lab-agent"
)

// bootLimit bounds the making of a world; the slowest takes a second.
const bootLimit = time.Minute

// run is the program: it dispatches to the three roles and returns the exit status.
func run(args []string) int {
	runtime.LockOSThread() // namespaces, the bounding set and the parent-death signal belong to a thread; this one lives as long as we do
	switch args[0] {
	case argv0Init:
		return initMain()
	case argv0Agent:
		return agentMain()
	}
	c, err := parse(args[1:], os.Stderr)
	if errors.Is(err, errHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return exitUsage
	}
	status, err := host(c)
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
	}
	return status
}

// host makes the world c asks for, waits for its command and takes the world down. It returns the exit status.
func host(c config) (int, error) {
	if os.Geteuid() != 0 {
		return exitLab, errors.New("needs root: namespaces, overlayfs, mounts")
	}
	signals := make(chan os.Signal, 1) // one is enough: the first ends the world
	watched := []os.Signal{unix.SIGINT, unix.SIGTERM}
	if !signal.Ignored(unix.SIGHUP) { // else under nohup
		watched = append(watched, unix.SIGHUP)
	}
	signal.Notify(signals, watched...)
	defer signal.Stop(signals)
	if err := followGoRun(); err != nil {
		return exitLab, err
	}
	if err := c.fill(); err != nil {
		return exitLab, err
	}
	if len(c.World.Init.packages()) > 0 {
		var err error
		if c.Layer, err = layer(c.World.Init); err != nil {
			return exitLab, fmt.Errorf("cannot make the layer of %s: %w", c.World.Init, err)
		}
	}
	if c.World.Wine {
		prefix, err := winePrefix(c, signals)
		if err != nil {
			return exitLab, fmt.Errorf("cannot make the Wine prefix: %w", err)
		}
		c.Env = merge(wineEnv(prefix), c.Env)
		c.Shares = append(c.Shares, prefix)
	}
	return boot(c, signals)
}

// followGoRun has this process told when `go run`, its parent, is terminated: go passes no signal on.
func followGoRun() error {
	exe, err := os.Readlink("/proc/" + strconv.Itoa(os.Getppid()) + "/exe")
	if err != nil || filepath.Base(exe) != "go" {
		return nil
	}
	return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGTERM), 0, 0, 0)
}

// fill completes c from the caller's surroundings.
func (c *config) fill() error {
	var err error
	if c.Dir, err = os.Getwd(); err != nil {
		return err
	}
	for i, b := range c.Binds {
		if c.Binds[i], err = filepath.EvalSymlinks(b); err != nil {
			return err
		}
		if c.Binds[i], err = filepath.Abs(c.Binds[i]); err != nil {
			return err
		}
	}
	c.Shares = []string{c.Dir, os.TempDir()}
	set := []string{"GOPROXY=off", "GOTOOLCHAIN=local", "APEXD_LAB=1"} // there is no network inside: go must not try it
	if out, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE", "GOROOT", "GOFLAGS").Output(); err == nil {
		v := strings.Split(string(out), "\n")
		c.Shares = append(c.Shares, v[:3]...)
		c.GoCache = v[0]
		set = append(set, "GOCACHE="+v[0], "GOMODCACHE="+v[1], "GOFLAGS="+v[3]) // another home has other defaults
	}
	if u, err := user.LookupId(strconv.Itoa(os.Getuid())); err == nil { // what an init gives to what it starts, whatever the caller's is
		set = append(set, "HOME="+u.HomeDir)
	}
	if c.World.User {
		set = append(set, "HOME="+labHome, "USER="+labUser, "LOGNAME="+labUser, "TMPDIR=/tmp")
	}
	if c.World.Bus {
		runtimeDir := fmt.Sprintf("/run/user/%d", labUID)
		set = append(set, "XDG_RUNTIME_DIR="+runtimeDir, "DBUS_SESSION_BUS_ADDRESS=unix:path="+runtimeDir+"/bus")
	}
	c.Env = merge(inherited(os.Environ()), set, c.Env)
	return nil
}

// boot starts PID 1 of the world, which does the rest, and returns when nothing of the world is left.
func boot(c config, signals <-chan os.Signal) (status int, err error) {
	attr := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWNET,
		Pdeathsig:  unix.SIGKILL, // PID 1 takes its whole namespace with it: nothing survives even our SIGKILL
		Setsid:     true,         // a terminal's Ctrl-C is for us, not for what runs inside
	}
	if c.World.Init == initSystemd {
		g, gerr := newCgroup()
		if gerr != nil {
			return exitLab, gerr
		}
		defer func() { err = errors.Join(err, g.remove()) }()
		attr.UseCgroupFD, attr.CgroupFD = true, int(g.dir.Fd())
	}
	env, err := c.handDown()
	if err != nil {
		return exitLab, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return exitLab, err
	}
	defer r.Close()
	first := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{argv0Init}, Env: env, SysProcAttr: attr,
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, ExtraFiles: []*os.File{w},
	}
	err = first.Start()
	w.Close()
	if err != nil {
		return exitLab, fmt.Errorf("cannot make namespaces: %w", err)
	}
	return await(c, first, r, signals)
}

// await waits for the command's end, a signal or the time limit, and then ends the world. What the world has to say comes through reports:
// at most "up" and then "exit STATUS" or "error TEXT", each on a line; end of file means that nobody is left to say more.
func await(c config, first *exec.Cmd, reports io.Reader, signals <-chan os.Signal) (int, error) {
	began := time.Now()
	gone := make(chan struct{})
	go func() { _ = first.Wait(); close(gone) }()
	defer func() { _ = first.Process.Kill(); <-gone }() // PID 1 is only gone when its namespace is empty: pid_namespaces(7)
	lines := make(chan string, 2)                       // room for all it may say, so that the reader never blocks
	go func() {
		defer close(lines)
		for sc := bufio.NewScanner(reports); sc.Scan(); {
			lines <- sc.Text()
		}
	}()
	limit, late := time.After(bootLimit), errors.New("the world did not come up in time")
	var firstGone chan struct{} // gone, once the command has become PID 1
	for {
		select {
		case line, more := <-lines:
			word, rest, _ := strings.Cut(line, " ")
			switch {
			case !more && c.World.Init == initCommand:
				lines, firstGone = nil, gone
			case !more:
				return exitLab, errors.New("the world ended before the command")
			case word == "up":
				if c.Verbose {
					fmt.Fprintf(os.Stderr, "lab: up in %v\n", time.Since(began).Round(time.Millisecond))
				}
				limit, late = time.After(c.Timeout), fmt.Errorf("killed after %v", c.Timeout)
			case word == "exit":
				return strconv.Atoi(rest)
			default:
				return exitLab, errors.New(rest)
			}
		case <-firstGone:
			return exitStatus(first.ProcessState), nil
		case s := <-signals:
			return 128 + int(s.(unix.Signal)), nil
		case <-limit:
			return exitTimeout, late
		}
	}
}

// exitStatus is what a shell would make of s.
func exitStatus(s *os.ProcessState) int {
	if ws := s.Sys().(syscall.WaitStatus); ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return s.ExitCode()
}
