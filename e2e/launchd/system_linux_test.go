package launchd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

const nobody = 65534

// newSharedMac is a machine whose user is nobody, while root is at the keyboard. Its project is that user's.
func newSharedMac(t *testing.T, config string, args ...string) *mac {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, which sudo makes one")
	}
	m := newMac(t, config, append([]string{"-uid", fmt.Sprint(nobody)}, args...)...)
	m.gui = fmt.Sprintf("gui/%d", nobody)
	if err := os.Chmod(m.root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{m.home, m.shop} {
		err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			return errors.Join(err, os.Chown(path, nobody, nobody))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// TestSudo: what would be made would be root's, and is refused; what is a user's already is asked of his own session.
func TestSudo(t *testing.T) {
	t.Parallel()
	m := newSharedMac(t, sleeps)
	user, sudo := m.as(nobody), m.as(0, "SUDO_UID="+fmt.Sprint(nobody), "SUDO_USER=nobody") // sudo of macOS leaves HOME as it is
	sudo.want(77, "install --user")
	sudo.says("under sudo it is root's")
	user.want(0, "install --now")
	sudo.want(0, "status")
	sudo.says("(user): running, enabled")
	sudo.want(0, "stop")
	user.want(3, "status")
	sudo.want(0, "start")
	if out := m.launchctl("print", m.gui+"/"+m.label); !strings.Contains(out, "state = running") {
		t.Errorf("in the user's session: %s", out)
	}
	sudo.want(0, "restart")
	sudo.want(77, "uninstall --user")
	sudo.want(1, "install --system")
	sudo.says("user scope")
	if st := user.status(); !st.Running || st.Scope == nil || *st.Scope != string(service.ScopeUser) {
		t.Errorf("%+v", st)
	}
	if fi, err := os.Stat(filepath.Join(m.shop, ".apex/daemon.pid")); err != nil || ownerOf(t, fi) != nobody {
		t.Errorf("the record: %v", err)
	}
	user.want(0, "uninstall")
}

// TestSystem: a launch daemon runs as the project's owner, is root's to start and stop and anybody's to look at, and comes up at the next boot.
func TestSystem(t *testing.T) {
	t.Parallel()
	m := newSharedMac(t, "daemon:\n  command: [sh, -c, 'id -un; id -Gn; exec sleep 1000']\n")
	user, path := m.as(nobody), filepath.Join(m.root, "Library/LaunchDaemons", m.label+".plist")
	m.want(0, "install --system --print")
	m.says("<key>UserName</key>\n\t\t<string>nobody</string>")
	if strings.Contains(m.last, "LimitLoadToSessionType") {
		t.Errorf("a daemon of the system's is for one session: %s", m.last)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("--print has written: %v", err)
	}
	user.want(77, "install --system")
	m.want(0, "install --system --now")
	if st := user.status(); !st.Running || st.Ready == nil || !*st.Ready || st.Scope == nil || *st.Scope != string(service.ScopeSystem) || st.Enabled == nil || !*st.Enabled {
		t.Errorf("%+v", st)
	}
	m.want(0, "logs")
	m.says("nobody\nnogroup\n")
	for _, verb := range []string{"stop", "restart", "uninstall --system"} {
		user.want(77, verb)
	}
	m.want(0, "stop")
	user.want(77, "start")
	if out := m.launchctl("print", m.gui+"/"+m.label); !strings.Contains(out, "Could not find service") {
		t.Errorf("a daemon of the system's in a user's session: %s", out)
	}
	m.shutdown()
	m.boot("-uid", fmt.Sprint(nobody))
	if out := m.launchctl("bootstrap", "system", path); out != "" { // what a boot does
		t.Fatal(out)
	}
	m.until("it runs after the boot", func() bool { st := m.status(); return st.Running && st.Ready != nil && *st.Ready })
	m.want(0, "uninstall --system")
	if out := m.launchctl("print", "system/"+m.label); !strings.Contains(out, "Could not find service") {
		t.Errorf("left behind: %s", out)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("left behind: %v", err)
	}
}

// TestSystemAsRoot: only when somebody says so, and not with what others could replace.
func TestSystemAsRoot(t *testing.T) {
	t.Parallel()
	m := newSharedMac(t, sleeps)
	m.want(1, "install --system --run-as root")
	m.says("who could then become root")
}

// TestDoctor: a definition that is as it would be written today is left alone, for whomever it was and whichever PATH; a change of the configuration is found, and mended by --fix.
func TestDoctor(t *testing.T) {
	t.Parallel()
	m := newSharedMac(t, sleeps)
	user := m.as(nobody)
	m.want(0, "install --system --run-as daemon")
	for _, path := range []string{"/bin", "/usr/bin:/bin:/nowhere"} {
		m.apexd("PATH=" + path + " doctor")
		if strings.Contains(m.last, "written today") || strings.Contains(m.last, "cannot be asked") {
			t.Errorf("as it was installed: %s", m.last)
		}
	}
	m.configure(sleeps + "  stopTimeout: 33s\n")
	m.apexd("doctor")
	m.says("+ \t\t<integer>38</integer>")
	user.apexd("doctor --fix") // who may not
	m.apexd("doctor --fix")
	m.says("mended    drift")
	m.apexd("doctor")
	if strings.Contains(m.last, "written today") {
		t.Errorf("mended: %s", m.last)
	}
	m.want(0, "install --system --run-as daemon")
	m.says("up to date")
	m.want(0, "uninstall --system")
}

// ownerOf is whose the file is.
func ownerOf(t *testing.T, fi os.FileInfo) int {
	t.Helper()
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		t.Fatal("a file without an owner")
	}
	return int(st.Uid)
}
