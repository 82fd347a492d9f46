package backends

import (
	"fmt"

	"github.com/joshuaaferguson/apexd/service"
)

// Host is what there is to know of a machine before it is decided who keeps a daemon there. Probe fills it in.
type Host struct {
	GOOS      string
	UID       int    // effective; -1 where there is none
	Init      string // name of the process that is PID 1 (proc(5), comm), "" when it may not be seen
	Container string // "docker", "podman", "lxc", "systemd-nspawn", …, or ""
	WSL       bool   // the Windows Subsystem for Linux
	Chroot    bool   // the root directory is not the one of PID 1

	Systemd      bool // /run/systemd/system is a directory (sd_booted(3))
	SystemctlBin bool // systemctl is in PATH, which says nothing about what runs
	UserManager  bool // this user's systemd has a socket
	Linger       bool // and is started at boot (/var/lib/systemd/linger)
	OpenRC       bool // /run/openrc/softlevel: OpenRC has booted this machine
	SysV         bool // /etc/inittab and /etc/init.d
	RCS          bool // /etc/inittab is BusyBox's, and runs rcS
	Upstart      bool // upstart's /sbin/initctl, and its job that runs System V's scripts
	RC           bool // rc(8) of FreeBSD: /etc/rc.subr
	Runit        bool // /run/runit or /etc/runit
	S6           bool // /run/s6
}

// Choice is who keeps a daemon on a machine, and why.
type Choice struct {
	Backend service.Kind
	Scope   service.Scope // "" with KindDirect
	Reason  string        // one clause: "systemd is PID 1"
	Hint    string        // what would change it or is missing, or ""
}

// Detect decides who keeps a daemon on h: the manager that runs there, in the scope of this user, or nobody but apexd (KindDirect). It asks what runs and not what
// is installed, and it never guesses: a manager that cannot be reached is named in the reason.
func Detect(h Host) Choice {
	switch h.GOOS {
	case "linux":
		return detectLinux(h)
	case "darwin":
		return scoped(h, service.KindLaunchd, "macOS has launchd")
	case "windows":
		return Choice{service.KindWindows, service.ScopeSystem, "Windows has the Service Control Manager", ""}
	}
	return detectOther(h)
}

// detectOther is about systems on which apexd was never run.
func detectOther(h Host) Choice {
	const apart = ", with which apexd registers nothing: it cannot tell processes apart on this system, so that no daemon can run"
	switch h.GOOS {
	case "freebsd":
		if h.RC {
			return rootOnly(h, service.KindFreeBSD, "FreeBSD has rc(8)")
		}
		return direct("/etc/rc.subr is missing: rc(8) of FreeBSD does not start anything here", "")
	case "solaris", "illumos":
		return direct("the manager here is SMF"+apart, "")
	case "aix":
		return direct("the manager here is the System Resource Controller of AIX"+apart, "")
	}
	return direct("apexd knows no service manager of "+h.GOOS, "")
}

func direct(reason, hint string) Choice {
	return Choice{Backend: service.KindDirect, Reason: reason, Hint: hint}
}

func scoped(h Host, k service.Kind, reason string) Choice {
	if h.UID == 0 {
		return Choice{k, service.ScopeSystem, reason + ", and this is root", ""}
	}
	return Choice{k, service.ScopeUser, reason + ", and this is an ordinary user", ""}
}

func detectLinux(h Host) Choice {
	switch {
	case h.Chroot:
		return direct("this is a chroot: the manager outside of it does not see these files", "")
	case h.Systemd && (h.Init == "systemd" || h.Init == ""):
		return detectSystemd(h)
	case h.Systemd && h.Init != "init": // systemd is /sbin/init on many systems, and called so
		return direct(fmt.Sprintf("/run/systemd/system is there, but PID 1 is %s: systemd is outside of this container", h.Init), "")
	case h.Systemd:
		return detectSystemd(h)
	case h.OpenRC:
		return rootOnly(h, service.KindOpenRC, "OpenRC has booted this machine")
	case h.Runit && !h.sysvinit() || h.Init == "runit" || h.Init == "runsvdir":
		return direct("runit is the init here, whose services are directories that a person puts where it looks", forDir("runit", "/etc/service"))
	case h.S6 && !h.sysvinit() || h.Init == "s6-svscan":
		return direct("s6 is the init here, whose services are directories that a person puts where it looks", forDir("s6", "/run/service"))
	case h.WSL:
		return direct("WSL runs without systemd", "[boot] systemd=true in /etc/wsl.conf, then wsl --shutdown, gives it one")
	case h.Container != "":
		return direct(fmt.Sprintf("this is a container (%s) whose PID 1 is %s, no service manager", h.Container, named(h.Init)), "")
	case h.Init == "procd":
		return rootOnly(h, service.KindProcd, "PID 1 is procd, which runs scripts through /etc/rc.common")
	case h.RCS && h.Init == "init":
		return rootOnly(h, service.KindRCS, "PID 1 is BusyBox's init, which runs /etc/init.d/rcS")
	case h.Upstart && h.Init == "init":
		return rootOnly(h, service.KindSysV, "PID 1 is upstart, which runs System V's scripts (/etc/init/rc.conf)")
	case h.sysvinit():
		return rootOnly(h, service.KindSysV, "PID 1 is a System V init")
	case h.SystemctlBin:
		return direct(fmt.Sprintf("systemd is installed, but PID 1 is %s", named(h.Init)), "")
	}
	return direct(fmt.Sprintf("PID 1 is %s, no service manager that apexd knows", named(h.Init)), "")
}

// sysvinit reports whether a System V init is PID 1, whatever else is installed.
func (h Host) sysvinit() bool { return h.SysV && h.Init == "init" }

// forDir is how a service directory is had.
func forDir(kind, scanned string) string {
	return "apexd install --for " + kind + " --output " + scanned + "/NAME writes it; without --output it is printed"
}

func named(comm string) string {
	if comm == "" {
		return "not to be seen"
	}
	return comm
}

func detectSystemd(h Host) Choice {
	c := scoped(h, service.KindSystemd, "systemd is PID 1")
	switch {
	case c.Scope == service.ScopeSystem:
	case !h.UserManager:
		c.Reason += ", whose user manager does not run"
		c.Hint = "log in as that user (sudo and su start none), or let it run always: sudo loginctl enable-linger"
	case !h.Linger:
		c.Hint = "without linger, user services end at log-out and start at log-in: loginctl enable-linger"
	}
	return c
}

func rootOnly(h Host, k service.Kind, reason string) Choice {
	if h.UID != 0 {
		return direct(reason+", which has no services of ordinary users", "as root, the daemon can be registered")
	}
	return Choice{k, service.ScopeSystem, reason, ""}
}
