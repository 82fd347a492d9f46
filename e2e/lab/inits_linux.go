package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// upFIFO is where a world's init says that it is up: one line.
const upFIFO = "/run/lab-up"

// prepareInit leaves of the layer's init only what a test needs: no hardware, no file systems, no terminals.
func prepareInit(k initKind) error {
	levels, err := filepath.Glob("/etc/rc?.d/*")
	if err != nil {
		return err
	}
	if err := remove(levels...); err != nil {
		return err
	}
	switch k {
	case initOpenRC:
		return prepareOpenRC()
	case initSysV:
		return prepareSysV()
	case initRunit:
		return prepareRunit()
	case initBusyBox:
		return prepareBusyBox()
	}
	return os.MkdirAll("/run/service", 0o755)
}

// prepareOpenRC has sysvinit go through OpenRC's runlevels, as Gentoo does.
func prepareOpenRC() error {
	enabled, err := filepath.Glob("/etc/runlevels/*/*")
	if err != nil {
		return err
	}
	if err := remove(enabled...); err != nil {
		return err
	}
	if err := os.MkdirAll("/run/openrc", 0o755); err != nil {
		return err
	}
	// "": no container, whatever it looks like, or scripts with "-lxc" among their keywords would be left out
	return replaceAll(map[string]string{
		"/etc/rc.conf": "rc_sys=\"\"\nrc_cgroup_mode=\"none\"\n",
		"/etc/inittab": "id:2:initdefault:\nsi::sysinit:/sbin/openrc sysinit\nrc::bootwait:/sbin/openrc boot\nl2:2:wait:/sbin/openrc default\n" + inittabUp,
	})
}

// inittabUp runs when everything before it has ended. inittab(5)
const inittabUp = "up:2:once:echo up >" + upFIFO + "\n"

func prepareSysV() error {
	return replaceAll(map[string]string{
		"/etc/inittab": "id:2:initdefault:\nsi::sysinit:/etc/init.d/rcS\nl0:0:wait:/etc/init.d/rc 0\nl2:2:wait:/etc/init.d/rc 2\nl6:6:wait:/etc/init.d/rc 6\n" + inittabUp,
	})
}

// prepareRunit writes runit(8)'s three stages. Services are in /etc/service.
func prepareRunit() error {
	if err := remove("/etc/service"); err != nil {
		return err
	}
	if err := os.MkdirAll("/etc/service", 0o755); err != nil {
		return err
	}
	stages := map[string]string{
		"/etc/runit/1": "#!/bin/sh\nfor f in stopit reboot; do : >/run/runit.$f; chmod 0 /run/runit.$f; done\n",
		"/etc/runit/2": "#!/bin/sh\necho up >" + upFIFO + "\nexec env - PATH=" + initPath + " runsvdir -P /etc/service\n",
		"/etc/runit/3": "#!/bin/sh\nsv force-stop /etc/service/*\ntrue\n",
	}
	if err := replaceAll(stages); err != nil {
		return err
	}
	for path := range stages {
		if err := os.Chmod(path, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// prepareBusyBox has BusyBox be init and the shell, and boot as Buildroot does (package/initscripts/init.d/rcS, package/busybox/inittab).
func prepareBusyBox() error {
	for _, path := range []string{"/sbin/init", "/bin/sh"} {
		if err := remove(path); err != nil {
			return err
		}
		if err := os.Symlink("/bin/busybox", path); err != nil {
			return err
		}
	}
	err := replaceAll(map[string]string{
		"/etc/inittab":    "::sysinit:/etc/init.d/rcS\n::once:/bin/sh -c 'echo up >" + upFIFO + "'\n::shutdown:/etc/init.d/rcK\n",
		"/etc/init.d/rcS": "#!/bin/sh\nfor i in /etc/init.d/S??* ;do\n\t[ ! -f \"$i\" ] && continue\n\t$i start\ndone\n",
		"/etc/init.d/rcK": "#!/bin/sh\nfor i in $(ls -r /etc/init.d/S??*) ;do\n\t[ ! -f \"$i\" ] && continue\n\t$i stop\ndone\n",
	})
	return errors.Join(err, os.Chmod("/etc/init.d/rcS", 0o755), os.Chmod("/etc/init.d/rcK", 0o755))
}

func replaceAll(files map[string]string) error {
	for path, text := range files {
		if err := replace(path, text); err != nil {
			return err
		}
	}
	return nil
}

// initPath is what an init gives its services.
const initPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// bootInit becomes the layer's init.
func bootInit(c config, reports *os.File) error {
	if err := unix.Mkfifo(upFIFO, 0o600); err != nil {
		return fmt.Errorf("make %s: %w", upFIFO, err)
	}
	up, err := os.OpenFile(upFIFO, os.O_RDWR, 0) // to read or write only, it would wait for the other side
	if err != nil {
		return err
	}
	if err := startAgent(c, nil, reports, up); err != nil {
		return err
	}
	if err := silence(); err != nil {
		return err
	}
	argv := []string{"/sbin/init"}
	switch c.World.Init {
	case initRunit:
		argv = []string{"/sbin/runit"}
	case initS6:
		if _, err := unix.FcntlInt(up.Fd(), unix.F_SETFD, 0); err != nil {
			return err
		}
		argv = []string{"/usr/bin/s6-svscan", "-d", fmt.Sprint(up.Fd()), "/run/service"}
	}
	return fmt.Errorf("exec %s: %w", argv[0], unix.Exec(argv[0], argv, []string{"PATH=" + initPath}))
}

// awaitInit returns when the init has said that it is up.
func awaitInit() error {
	f := os.NewFile(4, upFIFO)
	defer f.Close()
	if _, err := f.Read(make([]byte, 1)); err != nil { // bounded by the host's bootLimit
		return err
	}
	return os.Remove(upFIFO)
}

// silence gives this process, and so PID 1, no terminal and no file of the host's.
func silence() error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	for fd := range 3 {
		if err := unix.Dup2(int(null.Fd()), fd); err != nil {
			return err
		}
	}
	return nil
}
