package sysv_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
	"github.com/joshuaaferguson/apexd/service"
)

// TestInsservAlone: a machine that has insserv(8) and no update-rc.d, as SUSE had. It reads the headers of the script, makes the links in its own order, and forgets them.
func TestInsservAlone(t *testing.T) {
	needWorld(t, "init")
	insserv, err := exec.LookPath("insserv")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(insserv, filepath.Join(bin, "insserv")); err != nil {
		t.Fatal(err)
	}
	dir := newProject(t, "shop", "exec sleep 1000")
	name := service.RegistrationName(dir, service.DefaultName)
	before := residue(t)
	t.Setenv("PATH", bin+":/usr/bin:/bin") // which is where update-rc.d is not
	starts := func() bool {
		links, _ := filepath.Glob("/etc/rc[2-5].d/S[0-9][0-9]" + name)
		return len(links) == 4
	}
	if r := inworld.Apexd(t, dir, 0, "install", "--dry-run"); !strings.Contains(r.Out, "insserv "+name) {
		t.Fatalf("the plan: %s", r)
	}
	inworld.Apexd(t, dir, 0, "install", "--now")
	if st := inworld.Status(t, dir); !starts() || !st.Running || st.Enabled == nil || !*st.Enabled {
		t.Errorf("installed: %+v", st)
	}
	inworld.Apexd(t, dir, 0, "install")
	inworld.Apexd(t, dir, 0, "disable")
	if st := inworld.Status(t, dir); starts() || st.Enabled == nil || *st.Enabled {
		t.Errorf("disabled: %+v", st)
	}
	inworld.Apexd(t, dir, 0, "enable")
	if !starts() {
		t.Error("enabled again, and nothing starts it")
	}
	inworld.Apexd(t, dir, 0, "uninstall")
	if after := residue(t); len(after) != len(before) {
		t.Errorf("left behind: %q, before: %q", after, before)
	}
}
