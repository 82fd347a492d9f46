package launchd

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestDoctorSession: doctor says when an agent is for a session that is not there, and --fix moves it; and when macOS was told not to start it, which root alone can ask. That apexd is in a
// temporary directory, one warning more, is this test's own.
func TestDoctorSession(t *testing.T) {
	t.Parallel()
	m := newMac(t, sleeps)
	m.want(0, "install --user")
	m.apexd("doctor --user")
	m.says("a launch agent runs from your login to your logout")
	m.says("apexd uninstall --user && sudo apexd install --system")

	m.shutdown()
	m.boot("-nogui")
	m.want(1, "doctor --user")
	m.says("nobody is logged in there")
	m.says("0 problems, 2 warnings") // what would be written there is no second one
	m.apexd("doctor --user --fix")
	m.says("mended    session")
	m.want(0, "start")
	m.apexd("doctor --user")
	m.says("0 problems, 1 warning\n")
	m.want(0, "stop")

	if os.Getuid() != 0 {
		t.Skip("only root asks for background items")
	}
	answer := "#1:\n Type: legacy agent (0x10008)\n Disposition: [enabled, disallowed, visible, notified] (9)\n URL: file://%s\n"
	script := fmt.Sprintf("#!/bin/sh\n[ \"$*\" = dumpbtm ] && cat <<'end'\n"+answer+"end\n", m.path)
	if err := os.WriteFile(filepath.Join(m.root, "sfltool"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	m.want(1, "doctor --user")
	m.says("is switched off under Login Items")
	m.says("1 problem, 1 warning\n")
	m.want(0, "uninstall --user")
}
