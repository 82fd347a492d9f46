package install

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// installSteps fills in what p does. Each step leaves out what is so already. Without --now nothing is loaded, since that would start it: launchd does at the next login or boot.
func (l *Launchd) installSteps(p *Plan, r Request, f jobFound) {
	file := p.Files[0]
	p.UpToDate = !file.changes() && !f.disabled
	add := func(do step, command string) {
		p.steps = append(p.steps, do)
		if command != "" {
			p.Commands = append(p.Commands, command)
		}
	}
	add(l.stillLoaded(f, p.Service, r.Spec.StopTimeout), "")
	if r.Takeover != nil && f.outside() {
		p.UpToDate = false
		add(step{"stop the daemon that runs outside of launchd", r.Takeover.Do, r.Takeover.Undo}, "apexd stop")
	}
	if file.changes() {
		made := missingDirs(file.Path)
		undo := func(context.Context) error { return file.restore(made) }
		add(step{"write " + file.Path, func(context.Context) error { return l.write(file, p.Service, r) }, undo}, "")
	}
	if f.disabled {
		add(step{
			"enable",
			func(ctx context.Context) error { return l.ctl.Enable(ctx, f.job.Domain, p.Service) },
			func(ctx context.Context) error { return l.ctl.Disable(ctx, f.job.Domain, p.Service) },
		}, "launchctl enable "+f.job.Domain.Target(p.Service))
	}
	add(step{name: "verify", do: func(ctx context.Context) error { return l.verified(ctx, file, f.job.Domain, p.Service) }}, "")
	p.Checks = []string{file.Path + " holds what is written above, mode 0644", p.Service + " is not disabled"}
	if l.lint != nil {
		p.Checks = append(p.Checks, "plutil -lint finds no fault")
	}
	old := f.active() && file.changes() || f.old()
	switch {
	case r.Now && (!f.active() || old):
		p.UpToDate = false
		l.startStep(add, p, r, f)
	case old:
		p.Restart = true
	}
	if p.UpToDate {
		p.Commands = []string{}
	}
}

// write puts the property list in place: by the library, where there is none, and then it is looked at whether it has done that. The library makes it with the umask of whoever called.
func (l *Launchd) write(file File, label string, r Request) error {
	if file.exists || l.register == nil {
		return file.write()
	}
	if err := l.register(label, r.Exec, file.New); err != nil {
		return err
	}
	return os.Chmod(file.Path, file.perm)
}

// stillLoaded has launchd load again what it had before and has not after everything else was taken back. It is first, so that its undo is last.
func (l *Launchd) stillLoaded(f jobFound, label string, grace time.Duration) step {
	if !f.active() {
		return step{name: "remember what runs"}
	}
	return step{name: "remember what runs", undo: func(ctx context.Context) error {
		j, err := l.ctl.Find(ctx, []launchd.Domain{f.job.Domain}, label)
		switch {
		case err == nil && !j.Ending():
			return nil
		case err != nil && !errors.Is(err, launchd.ErrNotLoaded):
			return err
		}
		return errors.Join(l.unload(ctx, f.job.Domain, label, f.path, grace), l.ctl.Load(ctx, f.job.Domain, label, f.path))
	}}
}

// verified looks again at what was written. launchd itself says nothing of a property list before it loads it.
func (l *Launchd) verified(ctx context.Context, file File, d launchd.Domain, label string) error {
	what, text, err := look(file.Path)
	if err != nil {
		return err
	}
	fi, err := os.Lstat(file.Path)
	switch {
	case err != nil:
		return err
	case what != standsFile || text != file.New:
		return fmt.Errorf("%q does not hold what was written", file.Path)
	case fi.Mode().Perm() != file.perm:
		return fmt.Errorf("%q has mode %04o: launchd refuses what others can write", file.Path, fi.Mode().Perm())
	}
	if disabled, err := l.ctl.Disabled(ctx, d, label); err == nil && disabled {
		return errors.New("launchd says that it is disabled")
	}
	if l.lint != nil {
		return l.lint(ctx, file.Path)
	}
	return nil
}

// unload is bounded by more than launchd takes, which kills after ExitTimeOut.
func (l *Launchd) unload(ctx context.Context, d launchd.Domain, label, path string, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, grace+4*stopMargin+launchd.Settle)
	defer cancel()
	return l.ctl.Unload(ctx, d, label, path)
}

// startStep starts the daemon, or starts it again where it runs with an older definition.
func (l *Launchd) startStep(add func(step, string), p *Plan, r Request, f jobFound) {
	d, label, path := f.job.Domain, p.Service, p.Files[0].Path
	verb := "start"
	if f.active() {
		verb = "restart"
		p.Commands = append(p.Commands, "launchctl bootout "+d.Target(label))
	}
	do := func(ctx context.Context) error {
		if verb == "restart" {
			if err := l.unload(ctx, d, label, path, r.Spec.StopTimeout); err != nil {
				return err
			}
		}
		if r.Start != nil {
			return r.Start(ctx)
		}
		return l.ctl.Load(ctx, d, label, path)
	}
	undo := func(ctx context.Context) error { return l.unload(ctx, d, label, path, r.Spec.StopTimeout) }
	add(step{verb + " and wait until it is ready", do, undo}, "launchctl bootstrap "+string(d)+" "+path)
}

// Uninstall implements Installer: each part is removed where it is there, whatever else is missing.
func (l *Launchd) Uninstall(ctx context.Context, project, name string) (*Plan, error) {
	label := service.NewRegistration(service.KindLaunchd, l.scope, project, name).Service
	f, err := l.find(ctx, label, pidfile.Ref{})
	if err != nil {
		return nil, l.failed("uninstall", service.CodeUninstallFailed, label, err)
	}
	if err := l.ours("uninstall", f, label, owner{project, name}); err != nil {
		return nil, err
	}
	p := l.plan("uninstall", label)
	add := func(what, command, check string, do func(context.Context) error) {
		p.steps = append(p.steps, step{name: what, do: do})
		p.Commands = append(p.Commands, command)
		p.Checks = append(p.Checks, check)
	}
	target := f.job.Domain.Target(label)
	if f.loaded {
		add("boot it out", "launchctl bootout "+target, "launchd has no "+target, func(ctx context.Context) error {
			return l.unload(ctx, f.job.Domain, label, f.path, uninstallGrace)
		})
	}
	if f.disabled { // else the next installation of the same project would be disabled
		add("forget that it was disabled", "launchctl enable "+target, label+" is not disabled", func(ctx context.Context) error { return l.ctl.Enable(ctx, f.job.Domain, label) })
	}
	if f.what == standsFile {
		p.Files = append(p.Files, File{Path: f.path, Mode: "0644", Old: f.text, exists: true, perm: unitMode})
		add("remove "+f.path, "rm "+f.path, f.path+" is gone", func(context.Context) error { return l.remove(f.path) })
	}
	p.UpToDate = len(p.steps) == 0
	return p, nil
}

// remove removes a property list, and a user's directory for them when it is empty then.
func (l *Launchd) remove(path string) error {
	err := File{Path: path}.write()
	if l.scope == service.ScopeUser {
		_ = os.Remove(filepath.Dir(path))
	}
	return err
}
