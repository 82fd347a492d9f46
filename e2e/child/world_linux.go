package main

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// contained gives this process, the first in its namespaces, the /proc of them (pid_namespaces(7)).
func contained(args []string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return err
	}
	return become(args)
}

// frozen makes dir read-only for this process (mount(2): a bind mount needs a second call for that).
func frozen(args []string) error {
	if len(args) < 2 {
		return errTooFew
	}
	runtime.LockOSThread() // it is this thread whose namespace changes, and which becomes the program
	dir := args[0]
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	if err := unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return err
	}
	return become(args[1:])
}
