package storm

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/e2e/inject"
)

// roles are what the test binary does when its first argument names one of them.
func roles() map[string]func(args []string) int {
	return map[string]func([]string) int{"workload": workload, "grandchild": grandchild, "stranger": stranger, "init": initRole, "inject": inject.Launch, "attacker": attacker, "churner": churner, "flood": flood}
}

// lifetime bounds every helper process, should the test be killed itself.
const lifetime = 10 * time.Minute

// notAlone is the exit status of a workload that finds another one alive.
const notAlone = 3

// workload DIR [chatty] is what the daemons run. It holds a kernel lock as long as it lives: the witness that there are never two. It tells the ledger in
// DIR of each main(), and "families" of its PID and its daemon's, starts a grandchild in a session of its own, says "ready", and with chatty writes a lot. SIGTERM ends it well, SIGUSR1 badly.
func workload(args []string) int {
	dir := args[0]
	sigs := make(chan os.Signal, 2) // one of each kind
	signal.Notify(sigs, syscall.SIGTERM, syscall.SIGUSR1)
	only, err := os.OpenFile(filepath.Join(dir, "only"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return 1
	}
	defer only.Close()
	if err := syscall.Flock(int(only.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		enter(dir, "twice")
		return notAlone
	}
	enter(dir, "main")
	record(dir, "families", fmt.Sprintf("%d %d", os.Getpid(), os.Getppid()))
	child := exec.Command(os.Args[0], "grandchild", dir)
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	up, err := child.StdoutPipe()
	if err != nil || child.Start() != nil {
		return 1
	}
	if _, err := up.Read(make([]byte, 1)); err != nil { // a process that was only just executed has no command line yet
		return 1
	}
	fmt.Println("ready")
	var chat <-chan time.Time
	if len(args) > 1 {
		chat = time.Tick(5 * time.Millisecond)
	}
	burst := bytes.Repeat([]byte("a line of the workload, to fill the log until it is rotated\n"), 8)
	end := time.After(lifetime)
	for {
		select {
		case <-chat:
			_, _ = os.Stdout.Write(burst) // a daemon that is gone takes us with it
		case s := <-sigs:
			if s == syscall.SIGUSR1 {
				return 1
			}
			return 0
		case <-end:
			return 1
		}
	}
}

// enter adds "WHAT PID" to the ledger.
func enter(dir, what string) { record(dir, "ledger", fmt.Sprintf("%s %d", what, os.Getpid())) }

// record adds a line to a file of DIR in one write.
func record(dir, name, line string) {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return // the file then lacks a main(), which the test sees
	}
	defer f.Close()
	fmt.Fprintln(f, line)
}

// grandchild DIR says on its standard output that it is there, and waits for its end.
func grandchild([]string) int {
	fmt.Println()
	<-time.After(lifetime)
	return 0
}

// stranger DIR tells the ledger of each signal that it is sent, and does not end by those it can catch. Its standard output says its PID when it listens.
func stranger(args []string) int {
	sigs := make(chan os.Signal, 64) // more than anybody sends
	signal.Notify(sigs)
	fmt.Println(os.Getpid())
	end := time.After(lifetime)
	for {
		select {
		case s := <-sigs:
			if s != syscall.SIGURG { // the Go runtime's own
				enter(args[0], "signalled with "+s.String())
			}
		case <-end:
			return 0
		}
	}
}

// initRole PROGRAM ARG… is PID 1 of new PID and mount namespaces: it mounts their /proc, runs PROGRAM and reaps. Its exit status is PROGRAM's.
func initRole(args []string) int {
	if err := errors.Join(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""), unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")); err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
		return 1
	}
	p, err := os.StartProcess(args[0], args, &os.ProcAttr{Files: []*os.File{nil, os.Stdout, os.Stderr}})
	if err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
		return 1
	}
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 1
		case pid == p.Pid && ws.Exited():
			return ws.ExitStatus()
		case pid == p.Pid:
			return 1
		}
	}
}
