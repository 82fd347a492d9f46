//go:build linux && (amd64 || arm64)

package inject

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// launcherFD is the first of exec.Cmd's ExtraFiles.
const launcherFD = 3

// exitLauncher is Launch's exit status when it cannot do its part.
const exitLauncher = 125

// Launch is what the launcher of Supervisor.Start does: PROGRAM ARG… It has the kernel hold the steps of this process and of all that it will start, hands over
// where they are answered, and becomes PROGRAM. It returns only when it fails, with an exit status.
func Launch(args []string) int {
	runtime.LockOSThread() // the filter is the thread's, and the program is executed by it
	err := launch(args)
	fmt.Fprintln(os.Stderr, "inject:", err)
	return exitLauncher
}

func launch(args []string) error {
	if len(args) == 0 {
		return errors.New("want a program")
	}
	if os.Geteuid() != 0 {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return err
		}
	}
	listener, err := hold()
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	if err := unix.Sendmsg(launcherFD, []byte{0}, unix.UnixRights(listener), nil, 0); err != nil {
		return err
	}
	unix.CloseOnExec(listener)
	unix.CloseOnExec(launcherFD)
	return syscall.Exec(args[0], args, os.Environ())
}

// hold installs the filter on this thread and returns the descriptor at which its notifications come.
func hold() (int, error) {
	f := filter()
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	flags := uintptr(unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
	for {
		fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
		if errno == 0 {
			return int(fd), nil
		}
		if errno != unix.EINVAL || flags == unix.SECCOMP_FILTER_FLAG_NEW_LISTENER {
			return -1, errno
		}
		flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER // before 5.19: a signal may then interrupt a held call, which comes again
	}
}

// Start starts cmd under s: launcher is the command line of a program that calls Launch with the arguments after it. The steps of cmd and of all that it starts are
// answered until the last of them has ended; s must live as long.
func (s *Supervisor) Start(cmd *exec.Cmd, launcher ...string) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "listener"), os.NewFile(uintptr(pair[1]), "listener")
	defer ours.Close()
	cmd.Args = append(append(launcher[:len(launcher):len(launcher)], cmd.Path), cmd.Args[1:]...)
	cmd.Path, cmd.ExtraFiles = launcher[0], []*os.File{theirs}
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		return err
	}
	listener, err := receive(pair[0])
	if err != nil {
		return errors.Join(fmt.Errorf("no word of the launcher: %w", err), cmd.Process.Kill())
	}
	s.mu.Lock()
	s.processes[cmd.Process.Pid] = &process{executed: true}
	s.mu.Unlock()
	s.serving.Go(func() { s.serve(listener) })
	return nil
}

// receive takes one descriptor from a socket.
func receive(socket int) (int, error) {
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socket, make([]byte, 1), control, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) != 1 {
		return -1, errors.Join(errors.New("it handed over nothing"), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1, errors.Join(errors.New("it handed over something else"), err)
	}
	return fds[0], nil
}
