//go:build unix

package main

import (
	"net"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// watchSignals takes every signal that a daemon sends. SIGCHLD is left alone: ignoring it would reap, which some cases look at.
func watchSignals() <-chan string {
	sigs := make(chan os.Signal, 8) // none is lost while one is told of
	names := make(chan string)
	signal.Notify(sigs, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for s := range sigs {
			names <- unix.SignalName(s.(syscall.Signal))
		}
	}()
	return names
}

// raise ends this process by a signal, without a core. It returns when that does not work.
func raise(name string) {
	sig := unix.SignalNum(name)
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) // with a core, the same signal
	signal.Reset(sig)
	if unix.Kill(os.Getpid(), sig) == nil {
		select {} // it is on its way
	}
}

// Notify implements servicetest.Actor: sd_notify(3).
func (p *process) Notify(state string) error {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Net: "unixgram", Name: path})
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(state))
	return err
}

func spawnAttr(session bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: session} }

// become replaces this process, whose PID stays.
func become(argv []string) error {
	if len(argv) == 0 {
		return errTooFew
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	return syscall.Exec(path, argv, os.Environ())
}
