package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// agentMain waits until the world is up, runs the command and reports its end. It is a child of PID 1, as a login would be.
func agentMain() int {
	reports := os.NewFile(3, "reports")
	unix.CloseOnExec(3)
	status, err := agent(reports)
	if err != nil {
		fmt.Fprintln(reports, "error", oneLine(err))
	} else {
		fmt.Fprintln(reports, "exit", status)
	}
	return 0
}

func agent(reports io.Writer) (int, error) {
	c, err := handedDown()
	if err != nil {
		return 0, err
	}
	if c.World.Init == initSystemd {
		if err := awaitSystemd(c); err != nil {
			return 0, fmt.Errorf("cannot boot systemd: %w", err)
		}
	}
	if c.Layer != "" {
		if err := awaitInit(); err != nil {
			return 0, fmt.Errorf("cannot boot %s: %w", c.World.Init, err)
		}
	}
	if c.World.Wine {
		if err := startWine(c); err != nil {
			return 0, fmt.Errorf("cannot start Wine: %w", err)
		}
	}
	path, err := lookPath(c)
	if err != nil {
		return 0, err
	}
	cmd := &exec.Cmd{
		Path: path, Args: c.Args, Dir: c.Dir, Env: c.Env, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	if c.World.User {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: labUID, Gid: labUID}
	}
	fmt.Fprintln(reports, "up")
	if err := cmd.Run(); cmd.ProcessState == nil {
		return 0, err
	}
	return exitStatus(cmd.ProcessState), nil
}

// awaitSystemd waits for systemd's READY=1, which it sends when its default target is reached, and brings the user's manager up.
func awaitSystemd(c config) error {
	f := os.NewFile(4, readySocket)
	conn, err := net.FilePacketConn(f)
	if err != nil {
		return err
	}
	defer conn.Close()
	f.Close() // conn has a descriptor of its own
	buf := make([]byte, 4096)
	for {
		n, _, err := conn.ReadFrom(buf) // bounded by the host's bootLimit
		if err != nil {
			return err
		}
		if strings.Contains("\n"+string(buf[:n])+"\n", "\nREADY=1\n") {
			break
		}
	}
	if !c.World.Bus {
		return nil
	}
	// Lingering makes logind start user@4711.service by itself; the second command waits for that.
	return errors.Join(quietly(c, "loginctl", "enable-linger", labUser), quietly(c, "systemctl", "start", fmt.Sprintf("user@%d.service", labUID)))
}

// quietly runs a command of the lab's own; what it prints is part of the error only.
func quietly(c config, name string, args ...string) error {
	const path = "/run/lab-output" // not a pipe: what the command leaves running may keep it open
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = c.Env, "/", out, out
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(path)
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, said)
	}
	return nil
}
