package openrc_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
	"github.com/joshuaaferguson/apexd/service"
)

// What a machine runs before and after a reboot. D is a directory that outlives it, BIN has apexd. The worlds share one kernel, and so one boot id: that of the old record is
// changed to another. The first world ends as in a power cut.
const (
	firstBoot = `
set -e
mkdir $D/shop && cd $D/shop
$BIN/apexd init -- sleep 1000
$BIN/apexd install --now --run-as root
$BIN/apexd status --json >$D/first.json
tar -C / -cf $D/disk.tar $(cd / && ls -d etc/init.d/apex* etc/runlevels/*/apex* root/.local/state/apexd 2>/dev/null)
`
	before = `
tar -C / -xpf $D/disk.tar
sed -i 's/"bootId": *"[^"]*"/"bootId": "00000000-0000-4000-8000-000000000000"/g' $D/shop/.apex/daemon.pid
`
	secondBoot = `cd $D/shop && $BIN/apexd status --json >$D/second.json`
	thirdBoot  = `cd $D/shop && $BIN/apexd disable && { $BIN/apexd status --json >$D/third.json; :; }`
	disabled   = before + "rm -f /etc/runlevels/default/apex*\n"
)

// TestBoot: what is enabled comes back with the boot, ready before its runlevel is reached; what is not does not; and an old record is not believed.
func TestBoot(t *testing.T) {
	needWorlds(t)
	dir, err := os.MkdirTemp("", "apexd-reboot-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // a daemon of root's wants no directory that others write
		t.Fatal(err)
	}
	boot(t, dir, ":", firstBoot)
	first := statusIn(t, dir, "first.json")
	boot(t, dir, before, secondBoot)
	second := statusIn(t, dir, "second.json")
	if !running(second) || second.Ready == nil || !*second.Ready || second.Backend != "openrc" || second.LastExit != nil || !second.Since.After(*first.Since) || len(second.Warnings) > 0 {
		t.Errorf("after a reboot: %+v", second)
	}
	boot(t, dir, disabled, thirdBoot)
	if third := statusIn(t, dir, "third.json"); third.Running || third.Enabled == nil || *third.Enabled {
		t.Errorf("disabled: %+v", third)
	}
}

// boot runs script as a login would, after before has prepared the disk.
func boot(t *testing.T, dir, before, script string) {
	t.Helper()
	out, err := inworld.Lab(t.Context(), "-timeout", "2m", "-bind", dir, "-before", before, "-env", "D="+dir, "-env", "BIN="+inworld.Bin(), "openrc", "--", "sh", "-c", script)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func statusIn(t *testing.T, dir, name string) service.Status {
	t.Helper()
	var s service.Status
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		t.Fatalf("%s: %v", strings.TrimSuffix(name, ".json"), err)
	}
	return s
}
