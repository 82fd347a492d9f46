package backends

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/internal/systemd"
	"github.com/joshuaaferguson/apexd/service"
)

// Probe looks at this machine. It reads a dozen small files and starts nothing.
func Probe() Host {
	if launchd.Here() { // in a build for tests, which brings one
		return Host{GOOS: "darwin", UID: os.Geteuid()}
	}
	uid := os.Geteuid()
	h := Host{
		GOOS: runtime.GOOS, UID: uid, Init: line("/proc/1/comm"), Container: container(), Chroot: chrooted(), Systemd: systemd.IsBooted(),
		WSL:    strings.Contains(strings.ToLower(line("/proc/sys/kernel/osrelease")), "microsoft"),
		OpenRC: exists("/run/openrc/softlevel"),
		SysV:   exists("/etc/inittab") && exists("/etc/init.d"),
		RCS:    busyBoxTab("/etc/inittab"),
		// kardianos/service asks `initctl --version`; what it says is whether upstart is installed.
		Upstart: exists("/sbin/initctl") && exists("/etc/init/rc.conf"),
		Runit:   exists("/run/runit") || exists("/etc/runit/1"),
		S6:      exists("/run/s6"),
	}
	_, err := exec.LookPath("systemctl")
	h.SystemctlBin = err == nil
	for _, s := range systemd.Sockets(service.ScopeUser, uid, uid, os.Getenv) {
		h.UserManager = h.UserManager || exists(s.Path)
	}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		h.Linger = exists(filepath.Join("/var/lib/systemd/linger", u.Username))
	}
	return h
}

// busyBoxTab reports whether an inittab(5) is of BusyBox's form, without the identifier and the runlevels that System V has, and runs rcS: "::sysinit:/etc/init.d/rcS" (BusyBox, init/init.c).
func busyBoxTab(path string) bool {
	b, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		if action, ok := strings.CutPrefix(strings.TrimSpace(line), "::sysinit:"); ok && strings.Contains(action, "rcS") {
			return true
		}
	}
	return false
}

// line is the first line of a small file, "" when it cannot be read.
func line(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	s, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimRight(s, "\x00")
}

// container names the container manager around us: by the file that systemd, podman and nspawn write for their payload (Container Interface of systemd.io), by
// docker's and podman's own marks, and by what PID 1 was told.
func container() string {
	if name := line("/run/systemd/container"); name != "" {
		return name
	}
	switch {
	case exists("/run/.containerenv"):
		return "podman"
	case exists("/.dockerenv"):
		return "docker"
	}
	b, err := os.ReadFile("/proc/1/environ")
	if err != nil {
		return ""
	}
	for kv := range strings.SplitSeq(string(b), "\x00") {
		if v, ok := strings.CutPrefix(kv, "container="); ok {
			return v
		}
	}
	return ""
}

// chrooted compares our root directory with that of PID 1, as systemd's running_in_chroot does. Who may not look is not in a chroot as far as we know.
func chrooted() bool {
	if os.Getpid() == 1 {
		return false
	}
	ours, err := os.Stat("/")
	if err != nil {
		return false
	}
	theirs, err := os.Stat("/proc/1/root/.")
	return err == nil && !os.SameFile(ours, theirs)
}
