package backends

import (
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

func TestDetect(t *testing.T) {
	const direct = service.KindDirect
	tests := []struct {
		name   string
		host   Host
		kind   service.Kind
		scope  service.Scope
		reason string
		hint   string
	}{
		{"server, root", Host{GOOS: "linux", Init: "systemd", Systemd: true, SystemctlBin: true}, service.KindSystemd, service.ScopeSystem, "systemd is PID 1", ""},
		{"desktop", Host{GOOS: "linux", UID: 1000, Init: "systemd", Systemd: true, UserManager: true, Linger: true}, service.KindSystemd, service.ScopeUser, "ordinary user", ""},
		{"desktop without linger", Host{GOOS: "linux", UID: 1000, Init: "systemd", Systemd: true, UserManager: true}, service.KindSystemd, service.ScopeUser, "ordinary user", "enable-linger"},
		{"user without a manager (cron, su)", Host{GOOS: "linux", UID: 1000, Init: "systemd", Systemd: true}, service.KindSystemd, service.ScopeUser, "user manager does not run", "enable-linger"},
		{"systemd called init", Host{GOOS: "linux", Init: "init", Systemd: true}, service.KindSystemd, service.ScopeSystem, "systemd is PID 1", ""},
		{"hidepid=2", Host{GOOS: "linux", UID: 1000, Systemd: true, UserManager: true, Linger: true}, service.KindSystemd, service.ScopeUser, "systemd is PID 1", ""},
		{"systemd in a container", Host{GOOS: "linux", Init: "systemd", Systemd: true, Container: "podman"}, service.KindSystemd, service.ScopeSystem, "systemd is PID 1", ""},
		{"OpenRC installed beside systemd", Host{GOOS: "linux", Init: "systemd", Systemd: true, SysV: true}, service.KindSystemd, service.ScopeSystem, "systemd is PID 1", ""},
		{"container with the host's /run", Host{GOOS: "linux", Init: "node", Systemd: true, Container: "docker"}, direct, "", "PID 1 is node", ""},
		{"container", Host{GOOS: "linux", Init: "sh", Container: "docker"}, direct, "", "container (docker) whose PID 1 is sh", ""},
		{"container with tini", Host{GOOS: "linux", Init: "tini", Container: "docker", SystemctlBin: true}, direct, "", "PID 1 is tini", ""},
		{"container with sysvinit's files", Host{GOOS: "linux", Init: "init", Container: "lxc", SysV: true}, direct, "", "container (lxc)", ""},
		{"systemd installed, not running", Host{GOOS: "linux", Init: "sh", SystemctlBin: true}, direct, "", "systemd is installed, but PID 1 is sh", ""},
		{"chroot", Host{GOOS: "linux", Init: "systemd", Systemd: true, Chroot: true}, direct, "", "chroot", ""},
		{"WSL", Host{GOOS: "linux", UID: 1000, Init: "init", WSL: true, SystemctlBin: true}, direct, "", "WSL", "systemd=true"},
		{"WSL with systemd", Host{GOOS: "linux", UID: 1000, Init: "systemd", WSL: true, Systemd: true, UserManager: true, Linger: true}, service.KindSystemd, service.ScopeUser, "systemd is PID 1", ""},
		{"Alpine", Host{GOOS: "linux", Init: "init", OpenRC: true}, service.KindOpenRC, service.ScopeSystem, "OpenRC", ""},
		{"Alpine, user", Host{GOOS: "linux", UID: 1000, Init: "init", OpenRC: true}, direct, "", "no services of ordinary users", "as root"},
		{"sysvinit", Host{GOOS: "linux", Init: "init", SysV: true}, service.KindSysV, service.ScopeSystem, "System V", ""},
		{"OpenWrt", Host{GOOS: "linux", Init: "procd"}, service.KindProcd, service.ScopeSystem, "procd", ""},
		{"OpenWrt, user", Host{GOOS: "linux", UID: 1000, Init: "procd"}, direct, "", "no services of ordinary users", "as root"},
		{"procd installed, another init", Host{GOOS: "linux", Init: "init", SysV: true}, service.KindSysV, service.ScopeSystem, "System V", ""},
		{"Buildroot", Host{GOOS: "linux", Init: "init", SysV: true, RCS: true}, service.KindRCS, service.ScopeSystem, "rcS", ""},
		{"BusyBox's files, other init", Host{GOOS: "linux", Init: "sh", SysV: true, RCS: true}, direct, "", "PID 1 is sh", ""},
		{"BusyBox's files in a container", Host{GOOS: "linux", Init: "init", SysV: true, RCS: true, Container: "docker"}, direct, "", "container (docker)", ""},
		{"Ubuntu 14.04", Host{GOOS: "linux", Init: "init", Upstart: true}, service.KindSysV, service.ScopeSystem, "upstart, which runs System V's scripts", ""},
		{"CentOS 6", Host{GOOS: "linux", Init: "init", SysV: true, Upstart: true}, service.KindSysV, service.ScopeSystem, "upstart", ""},
		{"upstart's files under systemd", Host{GOOS: "linux", Init: "systemd", Systemd: true, Upstart: true}, service.KindSystemd, service.ScopeSystem, "systemd is PID 1", ""},
		{"FreeBSD", Host{GOOS: "freebsd", RC: true}, service.KindFreeBSD, service.ScopeSystem, "rc(8)", ""},
		{"FreeBSD, user", Host{GOOS: "freebsd", UID: 1001, RC: true}, direct, "", "no services of ordinary users", "as root"},
		{"FreeBSD without its base system", Host{GOOS: "freebsd"}, direct, "", "rc.subr", ""},
		{"illumos", Host{GOOS: "illumos"}, direct, "", "SMF, with which apexd registers nothing", ""},
		{"AIX", Host{GOOS: "aix"}, direct, "", "System Resource Controller", ""},
		{"sysvinit's files, other init", Host{GOOS: "linux", Init: "dumb-init", SysV: true}, direct, "", "PID 1 is dumb-init", ""},
		{"runit", Host{GOOS: "linux", Init: "runit", Runit: true, SysV: true}, direct, "", "runit", "--for runit --output /etc/service/"},
		{"s6", Host{GOOS: "linux", Init: "s6-svscan", S6: true}, direct, "", "s6", "--for s6 --output /run/service/"},
		{"runit beside a System V init", Host{GOOS: "linux", Init: "init", Runit: true, SysV: true}, service.KindSysV, service.ScopeSystem, "System V", ""},
		{"s6 beside a System V init", Host{GOOS: "linux", Init: "init", S6: true, SysV: true}, service.KindSysV, service.ScopeSystem, "System V", ""},
		{"runit's files, another init that is called so", Host{GOOS: "linux", Init: "init", Runit: true}, direct, "", "runit", "--for runit"},
		{"sysvinit's files in a container", Host{GOOS: "linux", Init: "init", SysV: true, Container: "docker"}, direct, "", "container", ""},
		{"nothing to be seen", Host{GOOS: "linux", UID: 1000}, direct, "", "not to be seen", ""},
		{"macOS, root", Host{GOOS: "darwin"}, service.KindLaunchd, service.ScopeSystem, "launchd", ""},
		{"macOS", Host{GOOS: "darwin", UID: 501}, service.KindLaunchd, service.ScopeUser, "launchd", ""},
		{"Windows", Host{GOOS: "windows", UID: -1}, service.KindWindows, service.ScopeSystem, "Service Control Manager", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Detect(tt.host)
			if c.Backend != tt.kind || c.Scope != tt.scope {
				t.Errorf("%s %s, want %s %s", c.Backend, c.Scope, tt.kind, tt.scope)
			}
			if !strings.Contains(c.Reason, tt.reason) || c.Reason == "" {
				t.Errorf("reason %q, want %q", c.Reason, tt.reason)
			}
			if (c.Hint == "") != (tt.hint == "") || !strings.Contains(c.Hint, tt.hint) {
				t.Errorf("hint %q, want %q", c.Hint, tt.hint)
			}
		})
	}
}

// TestProbe: whatever this machine is, it is decided and explained.
func TestProbe(t *testing.T) {
	h := Probe()
	c := Detect(h)
	if c.Backend == "" || c.Reason == "" || (c.Scope == "") != (c.Backend == service.KindDirect) {
		t.Errorf("%+v of %+v", c, h)
	}
	t.Logf("%s %s: %s (%s)", c.Backend, c.Scope, c.Reason, c.Hint)
}
