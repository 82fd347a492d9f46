package sysv_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/joshuaaferguson/apexd/e2e/inworld"
	"github.com/joshuaaferguson/apexd/service"
)

// TestListBeforeItRan: a service directory that was written and never started is in the list of whom it runs as, and of root's for all users; when it is removed, it is in none.
func TestListBeforeItRan(t *testing.T) {
	kind, scan := "runit", "/etc/service"
	if needWorld(t, "runit", "s6-svscan") == "s6-svscan" {
		kind, scan = "s6", "/run/service"
	}
	dir := newProject(t, "a shop", "exec sleep 1000")
	to := filepath.Join(scan, "never-ran")
	inworld.Apexd(t, dir, 0, "install", "--for", kind, "--output", to, "--down")
	defer os.RemoveAll(to)
	listed := func(user string, args ...string) (found []service.Status) {
		t.Helper()
		r := run(t, "/", user, append([]string{inworld.Tool("apexd"), "list", "--all", "--json"}, args...)...)
		var all []service.Status
		var of struct{ Daemons []service.Status }
		if json.Unmarshal([]byte(r.Out), &all) != nil {
			if err := json.Unmarshal([]byte(r.Out), &of); err != nil {
				t.Fatalf("%v: %s", err, r)
			}
			all = of.Daemons
		}
		for _, s := range all {
			if s.Project == dir {
				found = append(found, s)
			}
		}
		return found
	}
	for user, args := range map[string][]string{owner: nil, "": {"--all-users"}} {
		got := listed(user, args...)
		if len(got) != 1 || got[0].State != service.StateStopped || got[0].Backend != kind || !got[0].Registered || got[0].Service == nil || *got[0].Service != to {
			t.Errorf("%q: %+v", user, got)
		}
	}
	if got := listed(""); len(got) != 0 {
		t.Errorf("root's own: %+v", got)
	}
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	if got := listed(owner); len(got) != 0 {
		t.Errorf("removed: %+v", got)
	}
}
