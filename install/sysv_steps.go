package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/service"
)

// scriptLimit bounds a script: a start or a stop may take what the configuration grants the workload.
const scriptLimit = time.Hour

// installSteps fills in what p does. Each step leaves out what is so already, so that a second installation does nothing.
func (s *SysV) installSteps(p *Plan, r Request, f foundScript, reg service.Registration) {
	file, name := p.Files[0], reg.Service
	changes := file.changes() || f.mode != scriptMode
	runs := f.keptBy(reg)
	old := runs && (changes || f.daemon.Record != nil && newer(file.Path, f.daemon.Record.StartedAt.Time))
	p.UpToDate = !changes && f.boot.enabled
	add := func(do step, command string) {
		p.steps = append(p.steps, do)
		if command != "" {
			p.Commands = append(p.Commands, command)
		}
	}
	add(s.ranBefore(f, reg), "")
	if r.Takeover != nil && f.daemon.Running && !runs {
		p.UpToDate = false
		add(step{"stop the daemon that runs outside of its script", r.Takeover.Do, r.Takeover.Undo}, "apexd stop")
	}
	if changes || !f.boot.enabled {
		add(s.registerStep(r, f, file, changes), s.boot().shown(rcAdd, name))
	}
	add(step{name: "verify", do: func(ctx context.Context) error { return s.verified(ctx, file, name) }}, "")
	p.Checks = []string{file.Path + " is what was written", "sh -n " + file.Path, s.boot().starts(), file.Path + " status answers"}
	switch {
	case r.Now && (!runs || old):
		p.UpToDate = false
		s.startStep(add, r, reg, runs)
	case old:
		p.Restart = true
	}
	if p.UpToDate {
		p.Commands = []string{}
	}
}

// ranBefore brings back a daemon that ran before and does not after everything else was taken back. It is first, so that its undo is last.
func (s *SysV) ranBefore(f foundScript, reg service.Registration) step {
	return step{name: "remember what runs", undo: func(ctx context.Context) error {
		if !f.keptBy(reg) {
			return nil
		}
		return s.script(ctx, reg, "start") // which is no error when it runs
	}}
}

// registerStep puts the script in place, by the library where there is none, and has the machine start it. It is one step, of which no other apexd sees the middle: insserv(8)
// fails where links or scripts come and go while it looks.
func (s *SysV) registerStep(r Request, f foundScript, file File, changes bool) step {
	name := filepath.Base(file.Path)
	do := func(ctx context.Context) error {
		if changes && !file.exists && s.register != nil {
			if err := s.registered(name, r, file); err != nil {
				return err
			}
		} else if changes {
			if err := file.write(); err != nil {
				return err
			}
		}
		return s.enabled(ctx, name)
	}
	undo := func(ctx context.Context) error {
		err := s.boot().restore(ctx, name, f.boot)
		if !changes {
			return err
		}
		if file.exists {
			file.perm = f.mode
		}
		return errors.Join(err, file.restore(nil))
	}
	return step{"register", s.alone(do), s.alone(undo)}
}

// alone is do while no other apexd changes scripts or links.
func (s *SysV) alone(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := os.MkdirAll(s.layout.Dir(), 0o755); err != nil { // on FreeBSD the first makes it
			return err
		}
		end, err := turn(ctx, s.layout.Dir())
		if err != nil {
			return err
		}
		defer end()
		return do(ctx)
	}
}

// enabled has the machine start the script at boot. One that somebody has disabled is known to the tools, and then enabled.
func (s *SysV) enabled(ctx context.Context, name string) error {
	if err := s.boot().do(ctx, rcAdd, name); err != nil || s.boot().look(name).enabled {
		return err
	}
	return s.boot().do(ctx, rcEnable, name)
}

// registered has the library write the script, and then makes sure of what it does not: that the file holds the whole text, with the right mode.
func (s *SysV) registered(name string, r Request, file File) error {
	err := s.register(name, r.Exec, file.New)
	what, text, e := look(file.Path)
	switch {
	case e != nil:
		return errors.Join(err, e)
	case what != standsFile || text != file.New:
		if err == nil {
			err = errors.New("it is not what was to be written")
		}
		return fmt.Errorf("%q: %w", file.Path, err)
	}
	return os.Chmod(file.Path, file.perm)
}

// verified looks at what was made, as init(8) will.
func (s *SysV) verified(ctx context.Context, file File, name string) error {
	what, text, err := look(file.Path)
	switch {
	case err != nil:
		return err
	case what != standsFile || text != file.New:
		return fmt.Errorf("%q is not what was written", file.Path)
	case !s.boot().look(name).enabled:
		return fmt.Errorf("%s has not made what starts %s at boot", s.boot().shown(rcAdd, name), name)
	}
	if err := s.ask(ctx, "sh", "-n", file.Path); err != nil {
		return err
	}
	return answers(s.ask(ctx, file.Path, sysv.Verb(s.kind, "status"), "--quiet"))
}

// exitCoder is an error that has an exit status: *exec.ExitError.
type exitCoder interface{ ExitCode() int }

// answers reports whether a script's status was one of LSB's that tell something.
func answers(err error) error {
	var ended exitCoder
	if errors.As(err, &ended) {
		switch ended.ExitCode() {
		case service.StatusExitRunning, service.StatusExitFailed, service.StatusExitStopped:
			return nil
		}
	}
	return err
}

// script runs the script with verb, for as long as that may take.
func (s *SysV) script(ctx context.Context, reg service.Registration, verb string) error {
	return s.wait(ctx, s.layout.Script(reg.Service), sysv.Verb(reg.Backend, verb))
}

// wait runs argv, which takes as long as a workload to start or stop.
func (s *SysV) wait(ctx context.Context, argv ...string) error {
	ctx, cancel := context.WithTimeout(ctx, scriptLimit)
	defer cancel()
	return s.run(ctx, argv...)
}

// ask runs argv, which answers at once.
func (s *SysV) ask(ctx context.Context, argv ...string) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	return s.run(ctx, argv...)
}

// startStep starts the daemon, or starts it again where it runs with an older definition.
func (s *SysV) startStep(add func(step, string), r Request, reg service.Registration, runs bool) {
	verb := "start"
	do := r.Start
	if runs || do == nil {
		do = func(ctx context.Context) error { return s.script(ctx, reg, verb) }
	}
	if runs {
		verb = "restart"
	}
	undo := func(ctx context.Context) error { return s.script(ctx, reg, "stop") }
	add(step{verb + " and wait until it is ready", do, undo}, s.layout.Script(reg.Service)+" "+verb)
}

// uninstallSteps fills in what p does: stop, remove links and script, each only where there is something to do.
func (s *SysV) uninstallSteps(p *Plan, f foundScript, reg service.Registration, project, name string) {
	path := s.layout.Script(reg.Service)
	if kept := f.keptBy(reg); kept || f.ours && f.text != "" && !f.daemon.Running && isDir(project) { // the record may be where only the script's apexd finds it
		stop := []string{path, sysv.Verb(reg.Backend, "stop")}
		if !f.ours || f.text == "" {
			stop = []string{s.self, "stop", "--project", project, "--name", name}
		}
		p.steps = append(p.steps, step{name: "stop the daemon", do: func(ctx context.Context) error { return s.wait(ctx, stop...) }})
		p.Commands = append(p.Commands, "apexd stop")
	}
	if f.boot.any() {
		p.Commands = append(p.Commands, s.boot().shown(rcRemove, reg.Service))
		p.Checks = append(p.Checks, "nothing starts it at boot")
	}
	if f.ours {
		p.Checks = append(p.Checks, path+" is gone")
	}
	if f.boot.any() || f.ours {
		p.steps = append(p.steps, step{name: "remove the script, and what starts it", do: s.alone(func(ctx context.Context) error { return s.remove(ctx, f, reg) })})
		if f.ours {
			p.Commands = append(p.Commands, "rm "+path)
		}
	}
	p.UpToDate = len(p.steps) == 0
}

// remove removes what there is of a registration. It goes on after an error: half gone is closer to gone.
func (s *SysV) remove(ctx context.Context, f foundScript, reg service.Registration) error {
	err := s.boot().forget(ctx, reg.Service, f.ours)
	if !f.ours {
		return err
	}
	if e := os.Remove(s.layout.Script(reg.Service)); e != nil && !errors.Is(e, fs.ErrNotExist) {
		return errors.Join(err, e)
	}
	return err
}

func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}
