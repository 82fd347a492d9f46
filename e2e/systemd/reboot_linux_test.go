package systemd_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
	"github.com/joshuaaferguson/apexd/service"
)

// What a machine runs before and after a reboot. D is a directory that outlives it, BIN has apexd. The worlds share one kernel, and so one boot id: that of the
// old record is changed to another. The first world ends as in a power cut.
const (
	firstBoot = `
set -e
mkdir $D/shop && cd $D/shop
$BIN/apexd init -- sleep 1000
$BIN/apexd install --now $ROOT
$BIN/apexd status --json >$D/first.json
tar -C / -cf $D/disk.tar $(cd / && ls -d etc/systemd/system/apex* etc/systemd/system/*.wants/apex* ${HOME#/}/.config/systemd ${HOME#/}/.local/state/apexd 2>/dev/null)
`
	before = `
tar -C / -xpf $D/disk.tar
sed -i 's/"bootId": *"[^"]*"/"bootId": "00000000-0000-4000-8000-000000000000"/g' $D/shop/.apex/daemon.pid
`
	disabled = before + `rm -f /etc/systemd/system/*.wants/apex* ${HOME}/.config/systemd/user/*.wants/apex*
`
	secondBoot = `cd $D/shop && systemctl ${XDG_RUNTIME_DIR:+--user} start default.target && $BIN/apexd status --json >$D/second.json`

	// the PID of the old record is alive again, and nobody's business
	thirdBoot = `
cd $D/shop
sleep 500 &
sed -i "0,/\"pid\": *[0-9]*/s//\"pid\": $!/" .apex/daemon.pid
$BIN/apexd status --json >$D/third.json
echo $? >$D/third.code
$BIN/apexd stop || exit 1
kill -0 $! || exit 1
$BIN/apexd start && kill -0 $! && $BIN/apexd status --json >$D/fourth.json
`
)

// TestReboot: what is enabled comes back with the boot, for a user who lingers too, and an old record is not believed.
func TestReboot(t *testing.T) {
	needWorlds(t)
	for world, root := range map[string]string{"systemd": "--run-as root", "systemd-user": ""} {
		t.Run(world, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "apexd-reboot-")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			mode := os.FileMode(0o755) // a daemon of root's wants no directory that others write
			if root == "" {
				mode = 0o777
			}
			if err := os.Chmod(dir, mode); err != nil {
				t.Fatal(err)
			}
			m := machine{dir, world, root}
			m.boot(t, ":", firstBoot)
			first := m.status(t, "first.json")
			m.boot(t, before, secondBoot)
			second := m.status(t, "second.json")
			if !second.Running || second.State != service.StateRunning || second.Backend != "systemd" || second.LastExit != nil || !second.Since.After(*first.Since) || len(second.Warnings) > 0 {
				t.Errorf("after a reboot: %+v", second)
			}
			m.boot(t, disabled, thirdBoot)
			third := m.status(t, "third.json")
			if third.Running || third.PID != nil || third.State != service.StateFailed || third.Enabled == nil || *third.Enabled {
				t.Errorf("an old record: %+v", third)
			}
			if code, err := os.ReadFile(filepath.Join(dir, "third.code")); err != nil || string(code) != "1\n" {
				t.Errorf("exit status %q, %v", code, err)
			}
			if fourth := m.status(t, "fourth.json"); !fourth.Running {
				t.Errorf("started: %+v", fourth)
			}
		})
	}
}

// machine is what worlds make of one disk.
type machine struct{ dir, world, root string }

// boot runs script as a login would, after before has prepared the disk.
func (m machine) boot(t *testing.T, before, script string) {
	t.Helper()
	out, err := inworld.Lab(t.Context(), "-timeout", "2m", "-bind", m.dir, "-before", before, "-env", "D="+m.dir, "-env", "BIN="+inworld.Bin(), "-env", "ROOT="+m.root,
		m.world, "--", "sh", "-c", script)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func (m machine) status(t *testing.T, name string) service.Status {
	t.Helper()
	var s service.Status
	b, err := os.ReadFile(filepath.Join(m.dir, name))
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		t.Fatalf("%s: %v", strings.TrimSuffix(name, ".json"), err)
	}
	return s
}
