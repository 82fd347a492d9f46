package sysv_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
	"github.com/joshuaaferguson/apexd/service"
)

// What a machine runs before and after a reboot. D is a directory that outlives it, BIN has apexd. The worlds share one kernel, and so one boot id: that of the old record is
// changed to another. The first world ends as in a power cut.
const (
	firstBoot = `
set -e
mkdir $D/shop && chown games $D/shop && cd $D/shop
setpriv --reuid games --regid games --clear-groups $BIN/apexd init -- sh -c 'echo "$(id -un):$HOME:$PATH" >>told; exec sleep 1000'
PATH=/opt/own:$PATH $BIN/apexd install --now
$BIN/apexd status --json >$D/first.json
tar -C / -cf $D/disk.tar $DISK
`
	nextBoot = `
tar -C / -xpf $D/disk.tar
sed -i 's/"bootId": *"[^"]*"/"bootId": "00000000-0000-4000-8000-000000000000"/g' $D/shop/.apex/daemon.pid
`
	disabled  = nextBoot + "rm -f /etc/rc?.d/S*apex* /etc/init.d/S*apex*\n"
	afterBoot = `cd $D/shop && $BIN/apexd status --json >$D/$OUT; true`
)

// TestBoot: what is enabled is started by the boot, as its user, with the environment that was captured, and an old record is not believed; what is disabled is not.
func TestBoot(t *testing.T) {
	needWorlds(t)
	for _, row := range []struct{ world, backend, disk string }{
		{"sysv", "sysv", "etc/init.d etc/rc0.d etc/rc1.d etc/rc2.d etc/rc3.d etc/rc4.d etc/rc5.d etc/rc6.d"},
		{"busybox", "rcs", "etc/init.d"},
	} {
		t.Run(row.world, func(t *testing.T) { reboot(t, row.world, row.backend, row.disk) })
	}
}

// reboot is TestBoot in one world, of whose files those of disk outlive it.
func reboot(t *testing.T, init, backend, disk string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "apexd-reboot-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	boot := func(before, script, out string) service.Status {
		t.Helper()
		said, err := inworld.Lab(t.Context(), "-timeout", "2m", "-bind", dir, "-before", before, "-env", "D="+dir, "-env", "BIN="+inworld.Bin(), "-env", "OUT="+out, "-env", "DISK="+disk, init, "--", "sh", "-c", script)
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		var s service.Status
		b, err := os.ReadFile(filepath.Join(dir, out))
		if err == nil {
			err = json.Unmarshal(b, &s)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		return s
	}
	first := boot(":", firstBoot, "first.json")
	second := boot(nextBoot, afterBoot, "second.json")
	if !second.Running || second.State != service.StateRunning || second.Backend != backend || second.LastExit != nil || !second.Since.After(*first.Since) || len(second.Warnings) > 0 {
		t.Errorf("after a reboot: %+v", second)
	}
	told, err := os.ReadFile(filepath.Join(dir, "shop/told"))
	if lines := strings.Split(strings.TrimSpace(string(told)), "\n"); err != nil || len(lines) != 2 || lines[0] != lines[1] || !strings.HasPrefix(lines[1], "games:/usr/games:/opt/own:") {
		t.Errorf("started by hand and by the boot: %q, %v", told, err)
	}
	if third := boot(disabled, afterBoot, "third.json"); third.Running || third.State != service.StateFailed || third.Enabled == nil || *third.Enabled {
		t.Errorf("disabled, after a reboot: %+v", third)
	}
}

// supervisor is runit or s6, as a person operates it.
type supervisor struct {
	kind, init, scan      string
	look, up, down, again string // commands; "" does nothing
}

func supervisors() []supervisor {
	return []supervisor{
		{"runit", "runit", "/etc/service", "", "sv -w 30 start $DIR", "sv -w 30 stop $DIR", "sv -w 30 restart $DIR"},
		{"s6", "s6-svscan", "/run/service", "s6-svscanctl -a /run/service", "s6-svc -wU -T 30000 -u $DIR", "s6-svc -wD -T 30000 -d $DIR", "s6-svc -wR -T 30000 -r $DIR && s6-svwait -U -t 30000 $DIR"},
	}
}

// TestServiceDirectory: the printed directory, put where the supervisor looks, runs; its tools and apexd agree, and each end of the daemon leads to what it should.
func TestServiceDirectory(t *testing.T) {
	for _, s := range supervisors() {
		t.Run(s.kind, func(t *testing.T) {
			needWorld(t, s.init)
			dir := newProject(t, "it's a shop", `echo "$(id -un)" >>told; [ ! -e end ] || exit "$(cat end)"; exec sleep 1000`)
			at := s.scan + "/shop"
			native := func(command string) {
				t.Helper()
				if r := run(t, "/", "", "env", "DIR="+at, "sh", "-c", command); command != "" && r.Code != 0 {
					t.Errorf("%s: %s", command, r)
				}
			}
			if r := inworld.Apexd(t, dir, 1, "install"); !strings.Contains(r.Err, "--for "+s.kind+" --output "+s.scan) {
				t.Errorf("install: %s", r)
			}
			inworld.Apexd(t, dir, 0, "install", "--for", s.kind, "--output", at)
			if r := inworld.Apexd(t, dir, 0, "install", "--for", s.kind, "--output", at); !strings.Contains(r.Out, "up to date") {
				t.Errorf("again: %s", r)
			}
			native(s.look)
			inworld.Eventually(t, "the supervisor has started it", func() bool { st := inworld.Status(t, dir); return st.Ready != nil && *st.Ready })
			st := inworld.Status(t, dir)
			if st.Backend != s.kind || st.Service == nil || *st.Service != at || !st.Registered || st.Enabled == nil || !*st.Enabled {
				t.Errorf("%+v", st)
			}
			native(s.down)
			s.stays(t, dir, service.StateStopped)
			native(s.up)
			s.runs(t, dir, 0)
			first := *inworld.Status(t, dir).PID
			native(s.again)
			s.runs(t, dir, first)
			inworld.Apexd(t, dir, 0, "stop")
			s.stays(t, dir, service.StateStopped)
			inworld.Apexd(t, dir, 0, "start")
			second := *inworld.Status(t, dir).PID
			if r := run(t, "/", "", "kill", "-KILL", fmt.Sprint(second)); r.Code != 0 {
				t.Fatal(r)
			}
			inworld.Eventually(t, "it is brought back", func() bool {
				st := inworld.Status(t, dir)
				return st.PID != nil && *st.PID != second && st.State == service.StateRunning
			})
			inworld.Apexd(t, dir, 0, "kill")
			s.stays(t, dir, service.StateStopped)
			s.ends(t, dir)
			told, err := os.ReadFile(filepath.Join(dir, "told"))
			if err != nil || strings.Trim(strings.ReplaceAll(string(told), owner, ""), "\n") != "" {
				t.Errorf("it ran as %q, %v", told, err)
			}
		})
	}
}

// runs waits until another daemon than the one with this PID runs and is ready.
func (supervisor) runs(t *testing.T, dir string, old int) {
	t.Helper()
	inworld.Eventually(t, "it runs", func() bool {
		st := inworld.Status(t, dir)
		return st.State == service.StateRunning && *st.PID != old && *st.Ready
	})
}

// stays fails where the supervisor starts the daemon again, which it would within a second.
func (supervisor) stays(t *testing.T, dir string, want service.State) {
	t.Helper()
	<-time.After(1500 * time.Millisecond) // nothing tells that nothing happens
	if st := inworld.Status(t, dir); st.State != want || st.Running {
		t.Errorf("%+v, want it to stay %s", st, want)
	}
}

// ends has the workload end by itself, well and badly: a start says so, and the supervisor leaves it down.
func (s supervisor) ends(t *testing.T, dir string) {
	t.Helper()
	end := filepath.Join(dir, "end")
	if err := os.WriteFile(end, []byte("3"), 0o644); err != nil {
		t.Fatal(err)
	}
	if r := inworld.Apexd(t, dir, 1, "start", "--json"); !strings.Contains(r.Out, "START_FAILED") || !strings.Contains(r.Out, `"code":3`) {
		t.Errorf("start of what fails: %s", r)
	}
	s.stays(t, dir, service.StateFailed)
	if err := os.Remove(end); err != nil {
		t.Fatal(err)
	}
	inworld.Apexd(t, dir, 0, "start")
	if err := os.WriteFile(end, []byte("0"), 0o644); err != nil {
		t.Fatal(err)
	}
	st := inworld.Status(t, dir)
	if r := run(t, "/", "", "kill", "-TERM", fmt.Sprint(st.Workload.PID)); r.Code != 0 { // by policy it is tried again, and then is done
		t.Fatal(r)
	}
	inworld.Eventually(t, "it has ended", func() bool { return !inworld.Status(t, dir).Running })
	s.stays(t, dir, service.StateStopped)
}
