package openrc

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// fake is a Tree in a directory of the test's, with files by path and text.
func fake(t *testing.T, files map[string]string) Tree {
	t.Helper()
	dir := t.TempDir()
	tree := Tree{State: dir + "/state", Levels: dir + "/levels", Init: dir + "/init.d", Conf: dir + "/conf.d", Run: dir + "/run"}
	for path, text := range files {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

func TestLook(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	for _, row := range []struct {
		name  string
		files map[string]string
		want  Service
	}{
		{"nothing is known", nil, Service{Word: Stopped}},
		{"enabled", map[string]string{"levels/default/x": "", "levels/boot/x": "", "levels/default/xy": ""}, Service{Word: Stopped, Levels: []string{"boot", "default"}}},
		{"failed", map[string]string{"state/failed/x": ""}, Service{Word: Stopped, Failed: true}},
		{"starting", map[string]string{"state/starting/x": "", "state/options/x/child_pid": self}, Service{Word: Starting, Child: os.Getpid(), ChildAlive: true}},
		{"stopping although started", map[string]string{"state/started/x": "", "state/stopping/x": ""}, Service{Word: Stopping}},
		{"inactive", map[string]string{"state/inactive/x": ""}, Service{Word: Inactive}},
		{"crashed", map[string]string{"state/started/x": ""}, Service{Word: Crashed}},
		{"the PID file names a stranger", map[string]string{"state/started/x": "", "run/supervise-x.pid": self}, Service{Word: Crashed}},
		{"unsupervised", map[string]string{"state/started/x": "", "state/options/x/child_pid": self, "state/options/x/start_count": "2"}, Service{Word: Unsupervised, Child: os.Getpid(), ChildAlive: true, Respawns: 2}},
		{"never", map[string]string{"state/options/x/respawn_max": "1", "state/options/x/respawn_period": "0"}, Service{Word: Stopped, Never: true}},
		{"once within a period", map[string]string{"state/options/x/respawn_max": "1", "state/options/x/respawn_period": "60"}, Service{Word: Stopped}},
		{"values that are none", map[string]string{"state/options/x/child_pid": "-1", "state/options/x/start_count": "many"}, Service{Word: Stopped}},
		{"another service", map[string]string{"state/started/y": ""}, Service{Word: Stopped}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := fake(t, row.files).Look("x")
			want := row.want
			if got.Word != want.Word || got.Failed != want.Failed || got.Supervisor != 0 || got.Child != want.Child || got.ChildAlive != want.ChildAlive ||
				got.Respawns != want.Respawns || got.Never != want.Never || !slices.Equal(got.Levels, want.Levels) {
				t.Errorf("%+v\nwant %+v", got, want)
			}
		})
	}
}

func TestLeft(t *testing.T) {
	tree := fake(t, map[string]string{
		"state/started/x": "", "state/options/x/pidfile": "", "state/daemons/x/001": "", "state/supervise-x.ctl": "", "run/supervise-x.pid": "1", "state/started/xy": "",
		"conf.d/x": "", "conf.d/x.boot": "", "conf.d/xy": "", "levels/default/x": "",
	})
	if got := tree.Left("x"); len(got) != 5 || slices.Contains(got, filepath.Join(tree.State, "started/xy")) {
		t.Errorf("left is %q", got)
	}
	if got := tree.Settings("x"); len(got) != 2 {
		t.Errorf("settings are %q", got)
	}
	if got := tree.Links("x"); len(got) != 1 || got[0] != filepath.Join(tree.Levels, "default/x") {
		t.Errorf("links are %q", got)
	}
}

// TestRespawned: this process is as old as its parent's child, and no supervisor is its parent.
func TestRespawned(t *testing.T) {
	if fake(t, nil).Respawned("x") || fake(t, map[string]string{"state/options/x/start_count": "0"}).Respawned("x") {
		t.Error("a first start is taken for another")
	}
	if !fake(t, map[string]string{"state/options/x/start_count": "1"}).Respawned("x") {
		t.Error("a second start is taken for the first")
	}
}

func TestIsSupervisor(t *testing.T) {
	for name, want := range map[string]bool{"supervise-daemo": true, "supervise-daemon": true, "": false, "supervise": false, "supervise-daemons": false, "sh": false} {
		if isSupervisor(name) != want {
			t.Errorf("%q: %t", name, !want)
		}
	}
}

func TestOfService(t *testing.T) {
	for kv, want := range map[string]bool{"RC_SVCNAME=x": true, "SVCNAME=x": true, "EINFO_QUIET=yes": true, "PATH=/bin": false, "ARC_X=1": false, "SVCNAMES=": false} {
		if ofService(kv) != want {
			t.Errorf("%s: %t", kv, !want)
		}
	}
}
