package backends

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// TestRegisteredDir: a service directory is this daemon's when it says so, or when a daemon that runs says so, whatever it is called.
func TestRegisteredDir(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no supervisor of this kind runs on Windows")
	}
	d := &Direct{Ref: pidfile.Ref{Project: "/srv/shop", Path: filepath.Join(t.TempDir(), "daemon.pid")}, Spec: service.Spec{Name: service.DefaultName}}
	ours := sysv.Mark{Kind: "runit", Project: "/srv/shop", Name: service.DefaultName}
	web, theirs, script := ours, ours, ours
	web.Name, theirs.Project, script.Kind = "web", "/srv/other", "sysv"
	for _, tt := range []struct {
		name    string
		marks   map[string]sysv.Mark
		running pidfile.Finding
		want    string
	}{
		{"none", nil, pidfile.Finding{}, ""},
		{"ours, among others", map[string]sysv.Mark{"a": web, "b": theirs, "c": ours, "d": script}, pidfile.Finding{}, "c"},
		{"others only", map[string]sysv.Mark{"a": web, "b": theirs, "d": script}, pidfile.Finding{}, ""},
		{"running elsewhere", nil, pidfile.Finding{Running: true, Record: &pidfile.Record{Backend: "s6", Service: "/home/u/sv/x"}}, "/home/u/sv/x"},
		{"running directly", map[string]sysv.Mark{"c": ours}, pidfile.Finding{Running: true, Record: &pidfile.Record{Backend: "direct"}}, "c"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			scan, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			for name, m := range tt.marks {
				if err := os.Mkdir(filepath.Join(scan, name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(scan, name, "run"), []byte("#!/bin/sh\n"+m.String()), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			m, ok := dirIn([]string{scan, filepath.Join(scan, "missing")}, d, tt.running)
			if ok != (tt.want != "") {
				t.Fatalf("%v, %+v", ok, m)
			}
			if ok && m.Registered().Service != tt.want && m.Registered().Service != filepath.Join(scan, tt.want) {
				t.Errorf("%+v", m.Registered())
			}
		})
	}
}

// TestNobodySupervises: a wish that nobody reads is an error that says what to do, and a stop needs no supervisor.
func TestNobodySupervises(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no supervisor of this kind runs on Windows")
	}
	project := t.TempDir()
	s := &ServiceDir{
		Direct:       &Direct{Ref: pidfile.Ref{Project: project, Path: filepath.Join(project, "daemon.pid")}, Spec: service.Spec{Name: service.DefaultName}},
		Registration: service.Registration{Backend: service.KindRunit, Scope: service.ScopeSystem, Service: t.TempDir()},
	}
	if _, err := s.Start(t.Context()); service.CodeOf(err) != service.CodeStartFailed || err.Error() == "" {
		t.Errorf("start: %v", err)
	}
	if _, err := s.Stop(t.Context(), service.StopOptions{}); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// TestRefusalOfServiceDir: why a process could not become the daemon is in its history, if that was since it was started.
func TestRefusalOfServiceDir(t *testing.T) {
	dir := testenv.TempDir(t)
	s := &ServiceDir{Direct: &Direct{Ref: pidfile.Ref{Path: filepath.Join(dir, "daemon.pid"), Project: dir}}, Registration: service.Registration{Backend: service.KindRunit}}
	refuse := func(why string) {
		t.Helper()
		if err := supervise.NoteRefusal(s.Direct.Ref, s.Registration, 1, "", errors.New(why)); err != nil {
			t.Fatal(err)
		}
	}
	refuse("of another time")
	since := time.Now()
	if why := s.refusal(since); why != "" {
		t.Error(why)
	}
	refuse("the disk is full")
	if why := s.refusal(since); why != "the disk is full" {
		t.Error(why)
	}
}
