package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
)

// TestWithoutSession: su, sudo and cron leave neither XDG_RUNTIME_DIR nor a bus address.
func TestWithoutSession(t *testing.T) {
	needWorld(t, "user")
	t.Setenv("XDG_RUNTIME_DIR", "")
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	dir := newProject(t, "shop", "sleep", "1000")
	inworld.Apexd(t, dir, 0, "install", "--now")
	if s := status(t, dir); !s.Running || s.Backend != "systemd" {
		t.Errorf("%+v", s)
	}
}

// TestNoUserManager: nobody to ask is said, and not that the daemon is not installed.
func TestNoUserManager(t *testing.T) {
	needWorld(t, "system")
	dir := inworld.TempDir(t)
	cmd := exec.CommandContext(t.Context(), inworld.Tool("apexd"), "install", "--project", dir)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "XDG_") })
	cmd.Env = append(cmd.Env, "HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4711, Gid: 4711}}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "enable-linger") || strings.Contains(string(out), "not installed") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestLinger: the world's user lingers, so that nothing is warned of.
func TestLinger(t *testing.T) {
	needWorld(t, "user")
	dir := newProject(t, "shop", "sleep", "1000")
	if r := inworld.Apexd(t, dir, 0, "install", "--linger", "--dry-run"); strings.Contains(r.Out+r.Err, "linger") {
		t.Errorf("%s", r)
	}
}

// TestNoSystemd: D1, D2. Without systemd the library writes an init script that nobody reads; what runs decides, and not a directory or a program of systemd's.
func TestNoSystemd(t *testing.T) {
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		t.Skip("systemd runs here")
	}
	dir := inworld.TempDir(t)
	before, _ := filepath.Glob("/etc/init.d/*")
	r := inworld.Command(t, dir, nil, inworld.Tool("apexd"), "install", "--project", dir, "--system")
	if r.Code == 0 || !strings.Contains(r.Err, "cannot find a service manager") && os.Geteuid() == 0 {
		t.Errorf("%s", r)
	}
	if after, _ := filepath.Glob("/etc/init.d/*"); !slices.Equal(before, after) {
		t.Errorf("init scripts: %q", after)
	}
}
