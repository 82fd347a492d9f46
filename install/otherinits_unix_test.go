//go:build unix

package install

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// otherInits are the machines that are like System V's.
func otherInits() map[string]func(t *testing.T) *fakeSysV {
	rcS := func(glob string) func(t *testing.T, m *fakeSysV) {
		return func(t *testing.T, m *fakeSysV) {
			t.Helper()
			if err := os.WriteFile(m.layout.Dir()+"/rcS", []byte("#!/bin/sh\nfor i in "+glob+"; do $i start; done\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	none := func(*testing.T, *fakeSysV) {}
	all := map[string]func(t *testing.T) *fakeSysV{}
	for name, row := range map[string]struct {
		kind service.Kind
		dirs []string
		make func(t *testing.T, m *fakeSysV)
	}{
		"procd":                          {service.KindProcd, []string{"/etc/init.d", "/etc/rc.d"}, none},
		"rcs, as Buildroot":              {service.KindRCS, []string{"/etc/init.d"}, rcS("/etc/init.d/S??*")},
		"rcs, with both directories":     {service.KindRCS, []string{"/etc/init.d", "/etc/rc.d"}, rcS("/etc/init.d/S??*")},
		"rcs, with links in a directory": {service.KindRCS, []string{"/etc/init.d", "/etc/rc.d"}, rcS("/etc/rc.d/S*")},
		"freebsd":                        {service.KindFreeBSD, []string{"/etc/init.d"}, none}, // where it is on this system: sysv.Scripts,
	} {
		all[name] = func(t *testing.T) *fakeSysV {
			t.Helper()
			m := &fakeSysV{SysV: &SysV{kind: row.kind, layout: sysv.Layout{Root: t.TempDir()}, self: "apexd"}}
			for _, dir := range row.dirs {
				if err := os.MkdirAll(m.layout.Root+dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			row.make(t, m)
			m.running = func(pidfile.Ref) pidfile.Finding { return m.daemon }
			m.run, m.register = m.runsOther, m.registersOther
			return m
		}
	}
	return all
}

// registersOther is what the library does.
func (m *fakeSysV) registersOther(name, _, text string) error {
	err := os.WriteFile(m.layout.Script(name), []byte(text), 0o700)
	rc := m.layout.Root + "/etc/rc.d/"
	switch m.kind {
	case service.KindProcd:
		return errors.Join(err, os.Symlink(m.layout.Script(name), rc+"S50"+name), os.Symlink(m.layout.Script(name), rc+"K02"+name))
	case service.KindRCS:
		return errors.Join(err, os.Symlink(m.layout.Script(name), rc+"S50"+name)) // which fails without the directory
	}
	return err
}

// runsOther is sysrc(8), sh -n, and the script.
func (m *fakeSysV) runsOther(ctx context.Context, argv ...string) error {
	m.asked = append(m.asked, strings.ReplaceAll(strings.Join(argv, " "), m.layout.Root, ""))
	verb := argv[len(argv)-1]
	switch {
	case argv[0] == "sh":
		return runTool(ctx, argv...)
	case argv[0] == "sysrc":
		return m.sysrc(argv[1:])
	case (m.kind == service.KindFreeBSD) != strings.HasPrefix(verb, "one") && !strings.HasPrefix(verb, "-"):
		return errors.New("it is not enabled, or there is no such verb: " + verb)
	case strings.HasSuffix(verb, "start"):
		m.daemon = kept(filepath.Base(argv[0]))
		m.daemon.Record.Backend = string(m.kind)
	case strings.HasSuffix(verb, "stop"):
		m.daemon = pidfile.Finding{}
	}
	return m.status
}

func (m *fakeSysV) sysrc(args []string) error {
	path := m.layout.Root + "/etc/rc.conf"
	text, _ := os.ReadFile(path) // there may be none
	variable, value, set := strings.Cut(args[len(args)-1], "=")
	var keep []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, variable+"=") {
			keep = append(keep, line)
		}
	}
	if set {
		keep = append(keep, variable+"=\""+value+"\"\n")
	}
	if len(keep) == 0 {
		return os.Remove(path)
	}
	return os.WriteFile(path, []byte(strings.Join(keep, "")), 0o644)
}

// TestOtherInits: registered, the same again, disabled, enabled, and gone, from whatever is left; what fails on the way is taken back.
func TestOtherInits(t *testing.T) {
	r := scriptRequest()
	r.Now = true
	for name, fresh := range otherInits() {
		t.Run(name, func(t *testing.T) {
			m := fresh(t)
			empty := m.snapshot(t)
			p := m.installs(t, r)
			if untested := strings.Contains(p.String(), "system, untested)"); untested != m.kind.Untested() {
				t.Errorf("the plan says untested: %v\n%s", untested, p)
			}
			apply(t, p)
			if !m.daemon.Running || !m.layout.Starts(m.kind, r.name()) {
				t.Errorf("after install --now: %+v; %q", m.daemon, m.snapshot(t))
			}
			if p = m.installs(t, r); !p.UpToDate || len(p.Commands) > 0 {
				t.Errorf("again: %s", p)
			}
			for _, on := range []bool{false, true, true, false} {
				if _, err := m.Enable(t.Context(), r.Spec.Project, r.Spec.Name, on); err != nil || m.layout.Starts(m.kind, r.name()) != on {
					t.Errorf("enable %v: %v; %q", on, err, m.snapshot(t))
				}
			}
			m.uninstalls(t, r)
			if d := differences(empty, m.snapshot(t)); len(d) > 0 {
				t.Errorf("left: %q\nasked %q", d, m.asked)
			}
			faults(t, fresh, r)
		})
	}
}

func (m *fakeSysV) uninstalls(t *testing.T, r Request) {
	t.Helper()
	p, err := m.Uninstall(t.Context(), r.Spec.Project, r.Spec.Name)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, p)
	if p, err = m.Uninstall(t.Context(), r.Spec.Project, r.Spec.Name); err != nil || !p.UpToDate {
		t.Errorf("again: %v, %s", err, p)
	}
}

// faults has every step of an installation fail on a new machine, after it has done its work; and uninstalls what has lost its script.
func faults(t *testing.T, on func(*testing.T) *fakeSysV, r Request) {
	t.Helper()
	takesBack(t, func() (machine, *Plan) { m := on(t); return m, m.installs(t, r) })
	wrecked := on(t)
	empty := wrecked.snapshot(t)
	apply(t, wrecked.installs(t, r))
	wrecked.daemon = pidfile.Finding{}
	if err := os.Remove(wrecked.layout.Script(r.name())); err != nil {
		t.Fatal(err)
	}
	wrecked.uninstalls(t, r)
	if d := differences(empty, wrecked.snapshot(t)); len(d) > 0 {
		t.Errorf("left of one without its script: %q", d)
	}
}

// TestRCSThatLooksNowhere: a machine's own rcS may start things by name, and then nothing of ours.
func TestRCSThatLooksNowhere(t *testing.T) {
	m := otherInits()["rcs, as Buildroot"](t)
	if err := os.WriteFile(m.layout.Dir()+"/rcS", []byte("#!/bin/sh\n/usr/sbin/dropbear\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	before := m.snapshot(t)
	if _, err := m.Install(t.Context(), scriptRequest()); !errors.Is(err, service.ErrInstallFailed) || !strings.Contains(err.Error(), "nothing would start the script at boot") {
		t.Errorf("%v", err)
	}
	if d := differences(before, m.snapshot(t)); len(d) > 0 {
		t.Errorf("left: %q", d)
	}
}
