package doctor

import (
	"errors"
	"slices"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

func ptr[T any](v T) *T { return &v }

// Each fact has its finding, and without it there is none.
func TestExamine(t *testing.T) {
	user := func(f *Facts) {
		f.Backend, f.Scope, f.UserManager, f.Linger = service.KindSystemd, service.ScopeUser, true, true
	}
	tests := []struct {
		name string
		set  func(*Facts)
		id   string
		how  Severity
		safe bool
	}{
		{"configuration", func(f *Facts) { f.ConfigErr = errors.New("line 3") }, "config-invalid", Problem, false},
		{"warning of the configuration", func(f *Facts) { f.Warnings = []string{"x"} }, "config", Warning, false},
		{"failed", func(f *Facts) { f.Status.State = service.StateFailed }, "failed", Problem, false},
		{"unknown", func(f *Facts) { f.Status.State = service.StateUnknown }, "unknown", Problem, false},
		{"warning of the status", func(f *Facts) { f.Status.Warnings = []string{"x"} }, "status", Warning, false},
		{"another version", func(f *Facts) { f.Status.Running, f.Status.Version, f.Version = true, ptr("1.0.0"), "1.1.0" }, "version", Warning, false},
		{"program gone", func(f *Facts) { f.Definition, f.Runs, f.RunsGone = "/u", "/gone", true }, "program-gone", Problem, true},
		{"drift", func(f *Facts) { f.Definition, f.Drift = "/u", "-a\n+b\n" }, "drift", Warning, true},
		{"not enabled", func(f *Facts) { f.Definition, f.Status.Enabled = "/u", ptr(false) }, "not-enabled", Note, false},
		{"refused", func(f *Facts) { f.Definition, f.Refused = "/etc/init.d/x", "others could replace apexd" }, "refused", Warning, false},
		{"drift that takes a password", func(f *Facts) {
			f.Definition, f.Drift, f.DriftFix = "/u", "- a\n+ b\n", "apexd install --password-stdin"
		}, "drift", Warning, false},
		{"orphan", func(f *Facts) { f.Orphans = []service.Orphan{{Definition: "/u", Project: "/gone", Name: "daemon"}} }, "orphan", Warning, false},
		{"no user manager", func(f *Facts) { user(f); f.UserManager = false }, "user-manager", Warning, false},
		{"no linger", func(f *Facts) { user(f); f.Linger = false }, "linger", Warning, true},
		{"manager does not answer", func(f *Facts) { user(f); f.ManagerErr = errors.New("x") }, "manager", Problem, false},
		{"fleeting program", func(f *Facts) { f.Fleeting = "x" }, "program-fleeting", Warning, false},
		{"program of others", func(f *Facts) { f.Replace = "x" }, "program-writable", Problem, false},
		{"read-only", func(f *Facts) { f.Disk = Disk{Known: true, ReadOnly: true} }, "read-only", Problem, false},
		{"network", func(f *Facts) { f.Disk = Disk{Known: true, Network: true, Type: "nfs"} }, "network", Warning, false},
		{"memory", func(f *Facts) { f.Disk = Disk{Known: true, Memory: true, Type: "tmpfs"} }, "memory", Note, false},
		{"little room", func(f *Facts) { f.Disk, f.LogRoom = Disk{Known: true, Free: 99}, 100 }, "disk-room", Warning, false},
		{"no manager, but one could be had", func(f *Facts) { f.Backend, f.Reason, f.Hint = service.KindDirect, "y", "x" }, "no-manager", Note, false},
		{"not writable", func(f *Facts) { f.Locked = errors.New("x") }, "not-writable", Problem, false},
		{"foreign", func(f *Facts) { f.Definition, f.Foreign, f.Drift = "/u", true, "x" }, "foreign", Problem, false},
		{"WSL", func(f *Facts) { f.WSL = true }, "wsl", Note, false},
		{"switched off", func(f *Facts) { f.Definition, f.Job.SwitchedOff = "/a.plist", true }, "switched-off", Problem, false},
		{"for the screen, and nobody there", func(f *Facts) { f.Definition, f.Job = "/a.plist", Job{Session: "Aqua", NoScreen: true} }, "session", Warning, false},
		{"the same, and install moves it", func(f *Facts) {
			f.Definition, f.Drift, f.Job = "/a.plist", "  Limit\n- \t<string>Aqua</string>\n+ \t<string>Background</string>\n", Job{Session: "Aqua", NoScreen: true}
		}, "session", Warning, true},
		{"the session, of one that is at the screen", func(f *Facts) {
			f.Definition, f.Drift, f.Job.Session = "/a.plist", "- <string>Background</string>\n+ <string>Aqua</string>\n", "Background"
		}, "drift", Warning, true},
		{"an agent", func(f *Facts) { f.Backend, f.Scope = service.KindLaunchd, service.ScopeUser }, "agent", Note, false},
		{"well: an agent of the background", func(f *Facts) {
			f.Backend, f.Scope, f.Definition, f.Job = service.KindLaunchd, service.ScopeUser, "/a.plist", Job{Session: "Background", NoScreen: true}
		}, "", "", false},
		{"well: a daemon of launchd's", func(f *Facts) {
			f.Backend, f.Scope, f.Definition = service.KindLaunchd, service.ScopeSystem, "/a.plist"
		}, "", "", false},
		{"container", func(f *Facts) { f.Container = "podman" }, "container", Note, false},
		{"well: same version", func(f *Facts) { f.Status.Running, f.Status.Version, f.Version = true, ptr("1.0.0"), "1.0.0" }, "", "", false},
		{"well: a fleeting program that no manager runs", func(f *Facts) { f.Backend, f.Fleeting = service.KindDirect, "x" }, "", "", false},
		{"a fleeting program that is registered", func(f *Facts) { f.Backend, f.Definition, f.Fleeting = service.KindDirect, "/u", "x" }, "program-fleeting", Warning, false},
		{"well: room", func(f *Facts) { f.Disk, f.LogRoom = Disk{Known: true, Free: 100}, 100 }, "", "", false},
		{"well: a disk that cannot be looked at", func(f *Facts) { f.LogRoom = 100 }, "", "", false},
		{"well: lingers", user, "", "", false},
		{"well: enabled", func(f *Facts) { f.Definition, f.Status.Enabled = "/u", ptr(true) }, "", "", false},
		{"well", func(*Facts) {}, "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var f Facts
			tt.set(&f)
			all := Examine(f)
			if tt.id == "" {
				if len(all) > 0 || !Healthy(all) {
					t.Errorf("%+v", all)
				}
				return
			}
			if len(all) != 1 || all[0].ID != tt.id || all[0].Severity != tt.how || all[0].Safe != tt.safe || all[0].Message == "" || all[0].Reason == "" {
				t.Fatalf("%+v", all)
			}
			if Healthy(all) != (tt.how == Note) {
				t.Errorf("healthy %v with %s", Healthy(all), tt.how)
			}
		})
	}
}

func TestExamineSorts(t *testing.T) {
	all := Examine(Facts{
		Container: "docker", Warnings: []string{"a", "b"}, ConfigErr: errors.New("x"), Disk: Disk{Known: true, ReadOnly: true},
	})
	var ids []string
	for _, f := range all {
		ids = append(ids, f.ID)
	}
	if want := []string{"config-invalid", "read-only", "config", "config", "container"}; !slices.Equal(ids, want) {
		t.Errorf("%q, want %q", ids, want)
	}
}

func TestDiskOf(t *testing.T) {
	d := DiskOf(t.TempDir())
	if !d.Known || d.Type == "" || d.ReadOnly || d.Free == 0 {
		t.Errorf("%+v", d)
	}
	if d := DiskOf("/nonexistent/at/all"); d.Known && d.Type == "" {
		t.Errorf("%+v", d)
	}
}

// TestSessionAndMore: a session that is wrong hides no other difference.
func TestSessionAndMore(t *testing.T) {
	all := Examine(Facts{Definition: "/a.plist", Drift: "- <string>Aqua</string>\n+ <string>Background</string>\n- <integer>15</integer>\n", Job: Job{Session: "Aqua", NoScreen: true}})
	if len(all) != 2 || all[0].ID != "drift" || all[1].ID != "session" {
		t.Errorf("%+v", all)
	}
}
