//go:build unix

package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// fakeSysV is a machine with a System V init: real files below a root of the test's, its tools and scripts as functions.
type fakeSysV struct {
	*SysV
	asked  []string
	daemon pidfile.Finding // what runs
	status error           // of the script
}

func newFakeSysV(t *testing.T, tool rcTool) *fakeSysV {
	t.Helper()
	m := &fakeSysV{SysV: &SysV{layout: sysv.Layout{Root: t.TempDir()}, tool: tool, self: "apexd"}}
	for _, dir := range []string{"init.d", "rc0.d", "rc1.d", "rc2.d", "rc3.d", "rc4.d", "rc5.d", "rc6.d"} {
		if err := os.MkdirAll(filepath.Join(m.layout.Root, "etc", dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	m.run, m.running = m.runs, func(pidfile.Ref) pidfile.Finding { return m.daemon }
	m.register = func(name, _, text string) error { // as the library does, which sees only the real place
		if err := os.WriteFile(m.layout.Script(name), []byte(text), 0o700); err != nil {
			return err
		}
		return m.linkAll(name, "S50", "K02")
	}
	return m
}

func (m *fakeSysV) linkAll(name, start, stop string) error {
	var errs []error
	for _, level := range []byte("0123456") {
		link := start
		if level < '2' || level > '5' {
			link = stop
		}
		errs = append(errs, os.Symlink(m.layout.Script(name), m.layout.Runlevels(level)[0]+"/"+link+name))
	}
	return errors.Join(errs...)
}

// runs is update-rc.d(8), sh -n, and the script.
func (m *fakeSysV) runs(ctx context.Context, argv ...string) error {
	m.asked = append(m.asked, strings.ReplaceAll(strings.Join(argv, " "), m.layout.Root, ""))
	all := func(sysv.Link) bool { return true }
	switch {
	case argv[0] == "sh":
		return runTool(ctx, argv...)
	case argv[0] == "update-rc.d" && argv[2] == "defaults":
		for _, l := range m.layout.Links(argv[1]) {
			if strings.HasPrefix(filepath.Base(l.Path), "K01") {
				return nil // known, whatever its links are
			}
		}
		return errors.Join(removeLinks(m.layout.Links(argv[1]), all), m.linkAll(argv[1], "S01", "K01"))
	case argv[0] == "update-rc.d" && argv[2] == "enable":
		return errors.Join(removeLinks(m.layout.Links(argv[1]), all), m.linkAll(argv[1], "S01", "K01"))
	case argv[0] == "update-rc.d" && argv[2] == "disable":
		return errors.Join(removeLinks(m.layout.Links(argv[1]), all), m.linkAll(argv[1], "K01", "K01"))
	case argv[0] == "update-rc.d":
		return removeLinks(m.layout.Links(argv[2]), all)
	case argv[len(argv)-1] == "start":
		m.daemon = kept(filepath.Base(argv[0]))
	case slices.Contains(argv, "stop"):
		m.daemon = pidfile.Finding{}
	case slices.Contains(argv, "status"):
		return m.status
	}
	return nil
}

// kept is a daemon that the script called name has started.
func kept(name string) pidfile.Finding {
	return pidfile.Finding{Running: true, PID: 42, Record: &pidfile.Record{PID: 42, Backend: "sysv", Service: name}}
}

func (m *fakeSysV) installs(t *testing.T, r Request) *Plan {
	t.Helper()
	p, err := m.Install(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// snapshot is all that a test can see of m's machine.
func (m *fakeSysV) snapshot(t *testing.T) map[string]string {
	all := tree(t, m.layout.Root)
	all["daemon"] = fmt.Sprint(m.daemon.Running)
	return all
}

func TestSysVIsIdempotent(t *testing.T) {
	for _, tool := range []rcTool{rcUpdate, ""} {
		t.Run("tool "+string(tool), func(t *testing.T) {
			m := newFakeSysV(t, tool)
			r := scriptRequest()
			r.Now = true
			if err := m.installs(t, r).Apply(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !m.daemon.Running || !sysv.Enabled(m.layout.Links(r.name())) {
				t.Errorf("after install --now: %+v, links %v", m.daemon, m.layout.Links(r.name()))
			}
			before := m.snapshot(t)
			p := m.installs(t, r)
			if !p.UpToDate || len(p.Commands) > 0 || p.Files[0].Diff != "" || !strings.Contains(p.String(), "up to date") {
				t.Errorf("again: %+v", p)
			}
			if err := p.Apply(t.Context()); err != nil {
				t.Error(err)
			}
			r.Path, r.Now = "/opt/bin", false
			if p = m.installs(t, r); p.UpToDate || !p.Restart || !strings.Contains(p.Files[0].Diff, "PATH=/opt/bin") {
				t.Errorf("with another PATH: %s", p)
			}
			if d := differences(before, m.snapshot(t)); len(d) > 0 {
				t.Errorf("changed: %q", d)
			}
		})
	}
}

// TestSysVFaults has every step of several installations fail, after it has done its work, and looks for what is left.
func TestSysVFaults(t *testing.T) {
	r := scriptRequest()
	r.Now = true
	changed := r
	changed.Path = "/opt/bin"
	for _, tt := range []struct {
		name   string
		tool   rcTool
		before func(t *testing.T, m *fakeSysV)
		r      Request
	}{
		{"first", rcUpdate, func(*testing.T, *fakeSysV) {}, r},
		{"first, without a tool", "", func(*testing.T, *fakeSysV) {}, r},
		{"a change", rcUpdate, func(t *testing.T, m *fakeSysV) { t.Helper(); apply(t, m.installs(t, r)) }, changed},
		{"a change of what is disabled and stopped", rcUpdate, func(t *testing.T, m *fakeSysV) {
			t.Helper()
			apply(t, m.installs(t, r))
			m.daemon = pidfile.Finding{}
			if _, err := m.Enable(t.Context(), r.Spec.Project, r.Spec.Name, false); err != nil {
				t.Fatal(err)
			}
		}, changed},
		{"over an empty script and a link", rcUpdate, func(t *testing.T, m *fakeSysV) {
			t.Helper()
			if err := errors.Join(os.WriteFile(m.layout.Script(r.name()), nil, 0o644), os.Symlink("/nowhere", m.layout.Runlevels('3')[0]+"/S20"+r.name())); err != nil {
				t.Fatal(err)
			}
		}, r},
	} {
		t.Run(tt.name, func(t *testing.T) {
			takesBack(t, func() (machine, *Plan) {
				m := newFakeSysV(t, tt.tool)
				tt.before(t, m)
				return m, m.installs(t, tt.r)
			})
		})
	}
}

func TestSysVRefuses(t *testing.T) {
	r := scriptRequest()
	put := func(text string) func(*testing.T, *fakeSysV) {
		return func(t *testing.T, m *fakeSysV) {
			t.Helper()
			if err := os.WriteFile(m.layout.Script(r.name()), []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	other := r
	other.Spec.Project = "/srv/other"
	theirs, err := RenderSysV(other)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		make func(*testing.T, *fakeSysV)
		code service.Code
		hint string
	}{
		{"a script of somebody's", put("#!/bin/sh\nexit 0\n"), service.CodeServiceExists, "look at it"},
		{"a script of another project's", put(theirs), service.CodeServiceExists, "--project /srv/other"},
		{"a script of ours for another manager", put(strings.Replace(theirs, "Kind: sysv", "Kind: openrc", 1)), service.CodeServiceExists, "look at it"},
		{"a link", func(t *testing.T, m *fakeSysV) {
			t.Helper()
			if err := os.Symlink("/bin/true", m.layout.Script(r.name())); err != nil {
				t.Fatal(err)
			}
		}, service.CodeServiceExists, "remove it"},
		{"a daemon outside", func(_ *testing.T, m *fakeSysV) {
			m.daemon = pidfile.Finding{Running: true, PID: 7, Record: &pidfile.Record{PID: 7, Backend: "direct"}}
		}, service.CodeAlreadyRunning, "--takeover"},
		{"nothing that starts scripts", func(t *testing.T, m *fakeSysV) {
			t.Helper()
			m.tool = ""
			for _, level := range []byte("0123456") {
				if err := os.Remove(m.layout.Runlevels(level)[0]); err != nil {
					t.Fatal(err)
				}
			}
		}, service.CodeInstallFailed, "without one"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newFakeSysV(t, rcUpdate)
			tt.make(t, m)
			before := m.snapshot(t)
			_, err := m.Install(t.Context(), r)
			var e *service.Error
			if !errors.As(err, &e) || e.Code != tt.code || !strings.Contains(e.Hint, tt.hint) {
				t.Errorf("%v, hint %q", err, e.Hint)
			}
			if d := differences(before, m.snapshot(t)); len(d) > 0 {
				t.Errorf("changed: %q", d)
			}
		})
	}
}

// TestSysVUninstall begins with every part of an installation missing in turn, and leaves nothing.
func TestSysVUninstall(t *testing.T) {
	r := scriptRequest()
	removeScript := func(m *fakeSysV) error { return os.Remove(m.layout.Script(r.name())) }
	for _, tt := range []struct {
		name  string
		tool  rcTool
		wreck func(*fakeSysV) error
	}{
		{"whole", rcUpdate, func(*fakeSysV) error { return nil }},
		{"whole, without a tool", "", func(*fakeSysV) error { return nil }},
		{"the script is gone", rcUpdate, removeScript},
		{"the script is gone, without a tool", "", removeScript},
		{"the script is empty", rcUpdate, func(m *fakeSysV) error { return os.WriteFile(m.layout.Script(r.name()), nil, 0o755) }},
		{"the links are gone", rcUpdate, func(m *fakeSysV) error {
			return removeLinks(m.layout.Links(r.name()), every)
		}},
		{"the daemon has ended", rcUpdate, func(m *fakeSysV) error { m.daemon = pidfile.Finding{}; return nil }},
		{"disabled", rcUpdate, func(m *fakeSysV) error {
			_, err := m.Enable(context.Background(), r.Spec.Project, r.Spec.Name, false)
			return err
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newFakeSysV(t, tt.tool)
			empty := m.snapshot(t)
			r := r
			r.Now = true
			apply(t, m.installs(t, r))
			if err := tt.wreck(m); err != nil {
				t.Fatal(err)
			}
			p, err := m.Uninstall(t.Context(), r.Spec.Project, r.Spec.Name)
			if err != nil {
				t.Fatal(err)
			}
			apply(t, p)
			if d := differences(empty, m.snapshot(t)); len(d) > 0 {
				t.Errorf("left: %q\nasked %q", d, m.asked)
			}
			if p, err = m.Uninstall(t.Context(), r.Spec.Project, r.Spec.Name); err != nil || !p.UpToDate {
				t.Errorf("again: %v, %s", err, p)
			}
		})
	}
}

// TestSysVVerifies: what does not come out as planned is taken back.
func TestSysVVerifies(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(*fakeSysV)
		want string
	}{
		{"the library writes another text", func(m *fakeSysV) {
			m.register = func(name, _, text string) error { return os.WriteFile(m.layout.Script(name), []byte(text+"#"), 0o755) }
		}, "not what was to be written"},
		{"the library leaves an empty file", func(m *fakeSysV) {
			m.register = func(name, _, _ string) error {
				return errors.Join(os.WriteFile(m.layout.Script(name), nil, 0o755), errors.New("no space"))
			}
		}, "no space"},
		{"the tool makes no links", func(m *fakeSysV) {
			m.register = nil
			m.run = func(context.Context, ...string) error { return nil }
		}, "has not made what starts"},
		{"the tool fails after the library has written", func(m *fakeSysV) {
			run := m.run
			m.run = func(ctx context.Context, argv ...string) error {
				if argv[len(argv)-1] == "defaults" {
					return errors.New("insserv rejected the script header")
				}
				return run(ctx, argv...)
			}
		}, "rejected"},
		{"the script does not answer", func(m *fakeSysV) { m.status = errors.New("exit status 5") }, "exit status 5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newFakeSysV(t, rcUpdate)
			tt.make(m)
			before := m.snapshot(t)
			err := m.installs(t, scriptRequest()).Apply(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v", err)
			}
			if d := differences(before, m.snapshot(t)); len(d) > 0 {
				t.Errorf("left: %q", d)
			}
		})
	}
}
