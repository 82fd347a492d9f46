package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// installSteps fills in what p does. Each step leaves out what is so already, so that a second installation does nothing.
func (s *Systemd) installSteps(p *Plan, r Request, f found) {
	name, file := p.Service, p.Files[0]
	changes := slices.ContainsFunc(p.Files, File.changes)
	reload := f.unit.Stale() || slices.ContainsFunc(f.sides, func(d side) bool { return d.unit.Stale() })
	p.UpToDate = !changes && enabled(f.unit) && !reload
	add := func(do step, command string) {
		p.steps = append(p.steps, do)
		if command != "" {
			p.Commands = append(p.Commands, command)
		}
	}
	add(s.stillRunning(f, name), "")
	if r.Takeover != nil && f.outside.Running {
		p.UpToDate = false
		add(step{"stop the daemon that runs outside of systemd", r.Takeover.Do, r.Takeover.Undo}, "apexd stop")
	}
	if r.Linger {
		if do, ok := s.linger.step(); ok {
			p.UpToDate = false
			add(do, s.linger.command())
		}
	}
	if changes {
		s.writeSteps(add, p, r, f)
	} else if reload {
		add(step{name: "reload", do: s.manager.Reload}, s.systemctl("daemon-reload"))
	}
	if !enabled(f.unit) && !s.byLibrary(file) {
		add(s.enable(name, f), s.systemctl("enable "+name))
	}
	s.closeSteps(add, p, r, f)
	add(step{name: "verify", do: func(ctx context.Context) error { return s.verified(ctx, p.Files) }}, "")
	p.Checks = []string{"LoadState=loaded", "FragmentPath=" + file.Path, "UnitFileState=enabled", "NeedDaemonReload=no"}
	if s.verify != nil {
		p.Checks = append(p.Checks, "systemd-analyze verify says nothing of "+name)
	}
	old := active(f.unit) && (changes || newer(file.Path, f.unit.Since) || slices.ContainsFunc(f.sides, s.outdated))
	switch {
	case r.Now && (!active(f.unit) || old):
		p.UpToDate = false
		s.startStep(add, p, r, f)
	case old:
		p.Restart = true
	}
	if p.UpToDate {
		p.Commands = []string{}
	}
}

// stillRunning brings back what ran before and does not after everything else was taken back. It is first, so that its undo is last.
func (s *Systemd) stillRunning(f found, name string) step {
	var ran []string
	for _, d := range f.sides {
		if active(d.unit) {
			ran = append(ran, d.name)
		}
	}
	if active(f.unit) {
		ran = append(ran, name)
	}
	return step{name: "remember what runs", undo: func(ctx context.Context) error {
		for _, name := range ran {
			if u, err := s.manager.Unit(ctx, name); err != nil {
				return err
			} else if active(u) {
				continue
			}
			if err := s.job(ctx, "start", name); err != nil {
				return err
			}
		}
		return nil
	}}
}

// byLibrary reports whether file is registered by the library, which enables it too: it does so only where there is no file.
func (s *Systemd) byLibrary(file File) bool { return !file.exists && s.register != nil }

// writeSteps puts the units in place and has the manager read them. The sockets come first: the library has everything read when the service is there.
func (s *Systemd) writeSteps(add func(step, string), p *Plan, r Request, f found) {
	file := p.Files[0]
	made := missingDirs(file.Path)
	for _, side := range p.Files[1:] {
		if side.changes() && side.New != "" {
			undo := func(ctx context.Context) error { return errors.Join(side.restore(made), s.manager.Reload(ctx)) }
			add(step{"write " + side.Path, func(context.Context) error { return side.write() }, undo}, "")
		}
	}
	if !file.changes() {
		add(step{name: "reload", do: s.manager.Reload}, s.systemctl("daemon-reload"))
		return
	}
	undo := func(ctx context.Context) error {
		err := restoreLinks(s.dir, p.Service, f.links) // first, so that the directories can go
		return errors.Join(err, file.restore(made), s.manager.Reload(ctx))
	}
	if s.byLibrary(file) {
		add(step{"register", func(ctx context.Context) error { return s.registered(ctx, p.Service, r, file) }, undo}, s.systemctl("enable "+p.Service))
		p.Commands = append(p.Commands, s.systemctl("daemon-reload"))
		return
	}
	add(step{"write " + file.Path, func(context.Context) error { return file.write() }, undo}, "")
	add(step{name: "reload", do: s.manager.Reload}, s.systemctl("daemon-reload"))
}

// registered has the library register the unit, and then makes sure of what it does not: that the file holds the text, the whole of it, with the right mode. Where
// it fails, its words are "exit status 1"; the manager is asked again for the reason, and may turn out to have none.
func (s *Systemd) registered(ctx context.Context, name string, r Request, file File) error {
	err := s.register(strings.TrimSuffix(name, ".service"), r.Exec, file.New)
	what, text, e := look(file.Path)
	if e != nil {
		return errors.Join(err, e)
	}
	if what != standsFile || text != file.New {
		if err == nil {
			err = errors.New("it is not what was to be written")
		}
		return fmt.Errorf("%q: %w", file.Path, err)
	}
	if e := os.Chmod(file.Path, file.perm); e != nil { // it was made with the umask of whoever called
		return e
	}
	if err == nil {
		return nil
	}
	if err := s.manager.Enable(ctx, name); err != nil {
		return err
	}
	return s.manager.Reload(ctx)
}

func (s *Systemd) enable(name string, f found) step {
	return step{
		"enable",
		func(ctx context.Context) error { return s.manager.Enable(ctx, name) },
		func(ctx context.Context) error {
			return errors.Join(s.manager.Disable(ctx, name), restoreLinks(s.dir, name, f.links), s.manager.Reload(ctx))
		},
	}
}

// closeSteps stops the sockets that the configuration has no more, and removes their units: nothing requires them now, so that the daemon goes on. The files stay
// until then, since they say what a stop removes.
func (s *Systemd) closeSteps(add func(step, string), p *Plan, r Request, f found) {
	for _, d := range f.sides {
		if !d.wanted && active(d.unit) {
			add(step{name: "stop " + d.name, do: func(ctx context.Context) error { return s.stop(ctx, d.name, r.Spec.StopTimeout) }}, s.systemctl("stop "+d.name))
		}
	}
	gone := false
	for _, file := range p.Files[1:] {
		if file.New == "" {
			gone = true
			undo := func(ctx context.Context) error { return errors.Join(file.restore(nil), s.manager.Reload(ctx)) }
			add(step{"remove " + file.Path, func(context.Context) error { return file.write() }, undo}, "rm "+file.Path)
		}
	}
	if gone {
		add(step{name: "reload without them", do: s.manager.Reload}, s.systemctl("daemon-reload"))
	}
}

// outdated reports whether d was opened before its file was written.
func (s *Systemd) outdated(d side) bool {
	return d.wanted && active(d.unit) && newer(filepath.Join(s.dir, d.name), d.unit.Since)
}

// verified asks the running manager whether it sees what was written.
func (s *Systemd) verified(ctx context.Context, files []File) error {
	for i, file := range files {
		if file.New == "" {
			continue
		}
		u, err := s.manager.Unit(ctx, filepath.Base(file.Path))
		if err != nil {
			return err
		}
		enabled := "enabled"
		if i > 0 {
			enabled = u.UnitFileState // the service pulls its sockets in
		}
		for _, c := range []struct{ what, have, want string }{
			{"LoadState", u.LoadState, "loaded"},
			{"FragmentPath", u.FragmentPath, file.Path},
			{"UnitFileState", u.UnitFileState, enabled},
			{"NeedDaemonReload", yes(u.Stale()), "no"},
		} {
			if c.have != c.want {
				return fmt.Errorf("systemd says %s=%s of %s, not %s: %s", c.what, c.have, filepath.Base(file.Path), c.want, u.LoadError)
			}
		}
		if err := s.analyzed(ctx, file.Path); err != nil {
			return err
		}
	}
	return nil
}

func (s *Systemd) analyzed(ctx context.Context, path string) error {
	if s.verify != nil {
		return s.verify(ctx, path)
	}
	return nil
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// startStep starts the daemon, or starts it again where it runs with an older definition.
func (s *Systemd) startStep(add func(step, string), p *Plan, r Request, f found) {
	name, verb := p.Service, "start"
	if active(f.unit) {
		verb = "restart"
	}
	do := func(ctx context.Context) error {
		if verb == "restart" {
			changed := func(d side) bool {
				return active(d.unit) && (s.outdated(d) || slices.ContainsFunc(p.Files, func(file File) bool { return filepath.Base(file.Path) == d.name && file.changes() }))
			}
			if err := errors.Join(s.stopSockets(ctx, f, r, changed), s.stop(ctx, name, r.Spec.StopTimeout)); err != nil {
				return err
			}
		}
		if f.unit.ActiveState == "failed" { // else a limit that was reached would refuse the start
			if err := s.manager.ResetFailed(ctx, name); err != nil {
				return err
			}
		}
		if r.Start != nil {
			return r.Start(ctx)
		}
		if r.Spec.Readiness.Timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, startBound(r.Spec)+startMargin)
			defer cancel()
		}
		return s.job(ctx, "start", name)
	}
	undo := func(ctx context.Context) error {
		errs := []error{s.stopSockets(ctx, f, r, func(d side) bool { return d.wanted }), s.stop(ctx, name, r.Spec.StopTimeout), s.forget(ctx, name)}
		for _, d := range f.sides {
			errs = append(errs, s.forget(ctx, d.name))
		}
		return errors.Join(errs...)
	}
	add(step{verb + " and wait until it is ready", do, undo}, s.systemctl(verb+" "+name))
}

// stop is bounded by more than the manager itself takes, which kills after TimeoutStopSec.
func (s *Systemd) stop(ctx context.Context, name string, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, grace+4*stopMargin)
	defer cancel()
	return s.job(ctx, "stop", name)
}

// forget clears the failed state, if there is one.
func (s *Systemd) forget(ctx context.Context, name string) error {
	u, err := s.manager.Unit(ctx, name)
	if err != nil || u.ActiveState != "failed" {
		return err
	}
	return s.manager.ResetFailed(ctx, name)
}

// uninstallGrace is what a daemon may take to stop; its own unit says how much of it. TimeoutStopSec is not asked for: the unit may be gone.
const uninstallGrace = 10 * time.Minute

// uninstallSteps fills in what p does: stop, disable, remove, forget, each only where there is something to do.
func (s *Systemd) uninstallSteps(p *Plan, f found, name string) {
	add := func(what, command string, do func(context.Context) error) {
		p.steps = append(p.steps, step{name: what, do: do})
		p.Commands = append(p.Commands, command)
	}
	units := append(slices.Clone(f.sides), side{name: name, unit: f.unit}) // the sockets first, or a connection would start the service again
	for _, u := range units {
		if active(u.unit) {
			add("stop "+u.name, s.systemctl("stop "+u.name), func(ctx context.Context) error { return s.stop(ctx, u.name, uninstallGrace) })
		}
	}
	if len(f.links) > 0 {
		p.Checks = append(p.Checks, byPath(f.links)...)
		add("disable", s.systemctl("disable "+name), func(ctx context.Context) error {
			err := s.manager.Disable(ctx, name)
			return errors.Join(err, restoreLinks(s.dir, name, nil)) // of a unit whose file is gone, links may stay
		})
	}
	for _, file := range p.Files {
		add("remove "+file.Path, "rm "+file.Path, func(context.Context) error { return s.remove(file.Path) })
	}
	if len(p.steps) > 0 {
		if s.scope == service.ScopeUser {
			p.steps = append(p.steps, step{name: "remove empty directories", do: s.tidy})
		}
		add("reload", s.systemctl("daemon-reload"), s.manager.Reload)
	}
	again := len(p.steps) > 0
	for _, u := range units {
		if u.unit.ActiveState == "failed" {
			p.Commands = append(p.Commands, s.systemctl("reset-failed "+u.name))
		}
		if again || u.unit.ActiveState == "failed" {
			p.steps = append(p.steps, step{name: "forget that " + u.name + " failed", do: func(ctx context.Context) error { return s.forget(ctx, u.name) }})
		}
	}
	p.UpToDate = len(p.steps) == 0
	for i, path := range p.Checks {
		p.Checks[i] = path + " is gone"
	}
}

// remove removes a unit.
func (s *Systemd) remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// tidy removes a user's directories for units, ~/.config/systemd/user and the one above, when they are empty.
func (s *Systemd) tidy(context.Context) error {
	_ = os.Remove(s.dir)
	_ = os.Remove(filepath.Dir(s.dir))
	return nil
}
