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

	"github.com/joshuaaferguson/apexd/internal/openrc"
)

// installSteps fills in what p does. Each step leaves out what is so already, so that a second installation does nothing.
func (o *OpenRC) installSteps(p *Plan, r Request, f rcFound) {
	name, file := p.Service, p.Files[0]
	enabled := slices.Contains(f.service.Levels, bootLevel)
	p.UpToDate = !file.changes() && enabled
	add := func(do step, command string) {
		p.steps = append(p.steps, do)
		if command != "" {
			p.Commands = append(p.Commands, command)
		}
	}
	add(step{name: "remember what runs", undo: func(ctx context.Context) error {
		if !f.active() || o.manager.Look(name).Word != openrc.Stopped {
			return nil
		}
		return o.manager.Service(ctx, name, "start")
	}}, "")
	if r.Takeover != nil && f.outside.Running {
		p.UpToDate = false
		add(step{"stop the daemon that runs outside of OpenRC", r.Takeover.Do, r.Takeover.Undo}, "apexd stop")
	}
	byLibrary := !file.exists && o.register != nil
	if file.changes() {
		add(o.writeStep(p, r, f, byLibrary), "")
	}
	if !enabled {
		add(o.enableStep(name, f, byLibrary), "rc-update add "+name+" "+bootLevel)
	}
	add(step{name: "verify", do: func(context.Context) error { return o.verified(name, file) }}, "")
	p.Checks = []string{"the script is as written, and " + p.Files[0].Mode, "runlevel " + bootLevel + " has " + name}
	switch {
	case r.Now && (!f.active() || file.changes()):
		p.UpToDate = false
		o.startStep(add, r, f, name)
	case f.active() && file.changes():
		p.Restart = true
	}
	if p.UpToDate {
		p.Commands = []string{}
	}
}

// writeStep puts the script in place. A new one the library registers, which enables it too.
func (o *OpenRC) writeStep(p *Plan, r Request, f rcFound, byLibrary bool) step {
	name, file := p.Service, p.Files[0]
	made := missingDirs(file.Path)
	undo := func(ctx context.Context) error {
		var err error
		if !f.enabled() && len(o.tree.Links(name)) > 0 {
			err = o.disable(ctx, name)
		}
		return errors.Join(err, file.restore(made))
	}
	if !byLibrary {
		return step{"write " + file.Path, func(context.Context) error { return file.write() }, undo}
	}
	return step{"register", func(context.Context) error {
		err := o.register(name, r.Exec, file.New)
		if e := os.Chmod(file.Path, file.perm); e != nil {
			return errors.Join(err, e)
		}
		if e := o.written(file); e != nil { // what it says of a failure is "exit status 1"; a runlevel that is missing is the next step's
			return errors.Join(err, e)
		}
		return nil
	}, undo}
}

// written reports what is different in the script's place.
func (o *OpenRC) written(file File) error {
	what, text, err := look(file.Path)
	if err != nil {
		return err
	}
	if what != standsFile || text != file.New {
		return fmt.Errorf("%q is not what was to be written", file.Path)
	}
	return nil
}

func (o *OpenRC) enableStep(name string, f rcFound, byLibrary bool) step {
	return step{
		"enable",
		func(ctx context.Context) error {
			if byLibrary && slices.Contains(o.manager.Look(name).Levels, bootLevel) {
				return nil
			}
			return o.manager.Update(ctx, "add", name, bootLevel)
		},
		func(ctx context.Context) error {
			link := filepath.Join(o.tree.Levels, bootLevel, name)
			if slices.Contains(f.links, link) || !slices.Contains(o.tree.Links(name), link) {
				return nil
			}
			return o.manager.Update(ctx, "delete", name, bootLevel)
		},
	}
}

// verified looks again at what was written.
func (o *OpenRC) verified(name string, file File) error {
	if err := o.written(file); err != nil {
		return err
	}
	fi, err := os.Lstat(file.Path)
	switch {
	case err != nil:
		return err
	case fi.Mode().Perm() != file.perm:
		return fmt.Errorf("%q has mode %s", file.Path, fi.Mode())
	case !slices.Contains(o.manager.Look(name).Levels, bootLevel):
		return fmt.Errorf("runlevel %s has no %s", bootLevel, name)
	}
	return nil
}

// startStep starts the daemon, or starts it again where it runs with an older definition.
func (o *OpenRC) startStep(add func(step, string), r Request, f rcFound, name string) {
	verb := "start"
	if f.active() {
		verb = "restart"
	}
	do := func(ctx context.Context) error {
		if verb == "restart" {
			if err := o.stop(ctx, name, r.Spec.StopTimeout); err != nil {
				return err
			}
		}
		if r.Start != nil {
			return r.Start(ctx)
		}
		return o.manager.Service(ctx, name, "start")
	}
	undo := func(ctx context.Context) error { return o.stop(ctx, name, r.Spec.StopTimeout) }
	add(step{verb + " and wait until it is ready", do, undo}, "rc-service "+name+" "+verb)
}

// stop is bounded by more than the supervisor itself takes, which kills after the script's retry. Without a script, its supervisor is asked.
func (o *OpenRC) stop(ctx context.Context, name string, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, grace+4*stopMargin)
	defer cancel()
	switch s := o.manager.Look(name); {
	case o.scriptIsThere(name):
		if s.Word == openrc.Stopped {
			return nil
		}
		return o.manager.Service(ctx, name, "stop")
	case s.Supervisor != 0:
		return o.manager.StopSupervisor(ctx, name)
	}
	return nil
}

func (o *OpenRC) scriptIsThere(name string) bool {
	fi, err := os.Stat(o.tree.Script(name))
	return err == nil && fi.Size() > 0
}

// remove removes the script, and what OpenRC keeps of a service that is gone.
func (o *OpenRC) remove(paths ...string) error {
	var errs []error
	for _, path := range paths {
		if err := os.RemoveAll(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// uninstallSteps fills in what p does: stop, disable, remove, forget, each only where there is something to do.
func (o *OpenRC) uninstallSteps(p *Plan, f rcFound, ours bool) {
	name := p.Service
	add := func(what, command string, do func(context.Context) error) {
		p.steps = append(p.steps, step{name: what, do: do})
		p.Commands = append(p.Commands, command)
	}
	if ours && (f.active() || f.service.Supervisor != 0) {
		add("stop", "rc-service "+name+" stop", func(ctx context.Context) error { return o.stop(ctx, name, uninstallGrace) })
	}
	if ours && f.enabled() {
		p.Checks = append(p.Checks, f.links...)
		add("disable", "rc-update delete "+name+" "+strings.Join(f.service.Levels, " "), func(ctx context.Context) error { return o.disable(ctx, name) })
	}
	for _, file := range p.Files {
		p.Checks = append(p.Checks, file.Path)
		add("remove "+file.Path, "rm "+file.Path, func(context.Context) error { return o.remove(file.Path) })
	}
	if ours && (len(p.steps) > 0 || len(f.left) > 0) {
		add("forget", strings.Join(append([]string{"rm -rf"}, f.left...), " "), func(context.Context) error { return o.remove(o.tree.Left(name)...) })
	}
	p.UpToDate = len(p.steps) == 0
	for i, path := range p.Checks {
		p.Checks[i] = path + " is gone"
	}
}
