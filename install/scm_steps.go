package install

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/service"
)

// installSteps fills in what p does. Each step leaves out what is so already.
func (s *SCM) installSteps(p *Plan, r Request, f serviceFound, d winsvc.Definition, recovery winsvc.Recovery, a access) {
	file := p.Files[0]
	p.UpToDate = !file.changes() && f.Source
	add := func(do step, command string) {
		p.steps = append(p.steps, do)
		if command != "" {
			p.Commands = append(p.Commands, command)
		}
	}
	if r.Takeover != nil && f.outside.Running {
		p.UpToDate = false
		add(step{"stop the daemon that runs outside of its service", r.Takeover.Do, r.Takeover.Undo}, "apexd stop")
	}
	switch {
	case !f.Registered:
		s.createSteps(add, r, f, d, recovery)
	case file.changes():
		add(step{
			"configure",
			func(context.Context) error { return s.configure(d, recovery, r.Service.Password) },
			func(context.Context) error { return s.configureBack(f.Definition, r.Service.Password) },
		}, "sc.exe config "+d.Name+" …")
	}
	if f.Registered && !f.Source {
		add(step{
			"add the event source",
			func(context.Context) error { return s.manager.AddSource(d.Name) },
			func(context.Context) error { return s.manager.RemoveSource(d.Name) },
		}, `reg.exe add HKLM\`+winsvc.SourceRoot+d.Name)
	}
	p.Checks = []string{"the SCM has " + d.Name, "its key says what is written above", "it is a source of the Application log"}
	s.accessSteps(p, add, d, a)
	add(step{name: "verify", do: func(context.Context) error { return errors.Join(s.verified(d), s.verifiedAccess(a)) }}, "")
	switch {
	case r.Now && (!f.active() || file.changes()):
		p.UpToDate = false
		s.startStep(add, r, f, d.Name)
	case f.active() && file.changes():
		p.Restart = true
	}
	if p.UpToDate {
		p.Commands = []string{}
	}
}

// createSteps registers a service that is not there, after what is left of an earlier one is gone.
func (s *SCM) createSteps(add func(step, string), r Request, f serviceFound, d winsvc.Definition, recovery winsvc.Recovery) {
	if f.Key {
		add(step{name: "remove what is left of an earlier registration", do: func(context.Context) error { return s.manager.RemoveKey(d.Name) }},
			`reg.exe delete HKLM\`+winsvc.Root+d.Name)
	}
	undo := func(ctx context.Context) error { return s.gone(ctx, d.Name) }
	add(step{"register", func(context.Context) error { return s.manager.Create(d, r.Service.Password) }, undo}, "sc.exe create "+d.Name+" …")
	add(step{name: "configure", do: func(context.Context) error { return s.configure(d, recovery, r.Service.Password) }}, "sc.exe failure "+d.Name+" …")
}

func (s *SCM) configure(d winsvc.Definition, r winsvc.Recovery, password string) error {
	_, err := s.manager.Configure(d, r, password)
	return err
}

// configureBack restores a definition. The recovery actions, which are known only as text, stay those of the configuration.
func (s *SCM) configureBack(old winsvc.Definition, password string) error {
	r, err := winsvc.ParseRecovery(old.Recovery)
	if err != nil {
		return err
	}
	return s.configure(old, r, password)
}

// setStart changes only when the service starts.
func (s *SCM) setStart(d winsvc.Definition, t winsvc.StartType) error {
	d.Start = t
	return s.configureBack(d, "")
}

// verified asks again for what was written.
func (s *SCM) verified(want winsvc.Definition) error {
	f, err := s.manager.Find(want.Name)
	if err != nil {
		return err
	}
	if f.Definition.Recovery == "" {
		f.Definition.Recovery = want.Recovery
	}
	switch {
	case !f.Registered:
		return errors.New("the Service Control Manager does not know it")
	case !f.Source:
		return errors.New("it is no source of the Application log")
	case f.Definition.String() != want.String():
		return fmt.Errorf("the registry has something else:\n%s", strings.TrimSuffix(Diff(want.String(), f.Definition.String()), "\n"))
	}
	return nil
}

// startStep starts the daemon, or starts it again where it runs with an older definition.
func (s *SCM) startStep(add func(step, string), r Request, f serviceFound, name string) {
	verb := "start"
	if f.active() {
		verb = "restart"
	}
	do := func(ctx context.Context) error {
		if verb == "restart" {
			if err := s.stop(ctx, name); err != nil {
				return err
			}
		}
		if r.Start != nil {
			return r.Start(ctx)
		}
		return s.manager.Start(ctx, name)
	}
	undo := func(ctx context.Context) error { return s.stop(ctx, name) }
	add(step{verb + " and wait until it is ready", do, undo}, "net.exe start "+name)
}

// serviceStopLimit bounds a stop whose daemon's own limit is not known; the daemon kills its workload after stopTimeout.
const serviceStopLimit = 2 * time.Minute

func (s *SCM) stop(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, serviceStopLimit)
	defer cancel()
	return s.manager.Stop(ctx, name)
}

// deleteLimit bounds the wait for a deleted service to be gone: whoever has it open keeps it.
const deleteLimit = 15 * time.Second

// gone removes whatever there is of a service: each part is tried, also where another cannot be removed.
func (s *SCM) gone(ctx context.Context, name string) error {
	f, err := s.manager.Find(name)
	if err != nil {
		return err
	}
	var errs []error
	if f.Registered {
		bounded, cancel := context.WithTimeout(ctx, deleteLimit)
		defer cancel()
		errs = append(errs, s.manager.Delete(bounded, name))
	}
	if errors.Join(errs...) == nil { // while the service is there, its key is the SCM's
		errs = append(errs, s.manager.RemoveKey(name))
	}
	return errors.Join(append(errs, s.manager.RemoveSource(name))...)
}

// Uninstall implements Installer.
func (s *SCM) Uninstall(_ context.Context, project, name string) (*Plan, error) {
	svc := service.RegistrationName(project, name)
	f, err := s.manager.Find(svc)
	if err != nil {
		return nil, failed("uninstall "+svc, service.CodeUninstallFailed, err)
	}
	if f.Definition.ImagePath != "" { // a key without a command line is nobody's service
		if err := oursOrError("uninstall", f.Definition, project, name); err != nil {
			return nil, err
		}
	}
	p := s.plan("uninstall", svc)
	add := func(what, command string, do func(context.Context) error) {
		p.steps = append(p.steps, step{name: what, do: do})
		p.Commands = append(p.Commands, command)
	}
	if f.Key || f.Registered {
		p.Files = append(p.Files, File{Path: `HKLM\` + winsvc.Root + svc, Mode: "key", Old: f.Definition.String(), exists: true})
	}
	if f.active() {
		add("stop", "net.exe stop "+svc, func(ctx context.Context) error { return s.stop(ctx, svc) })
	}
	if f.Key || f.Registered || f.Source {
		add("remove", "sc.exe delete "+svc, func(ctx context.Context) error { return s.gone(ctx, svc) })
		p.Checks = append(p.Checks, "the SCM has no "+svc, `HKLM\`+winsvc.Root+svc+" is gone", `HKLM\`+winsvc.SourceRoot+svc+" is gone")
	}
	s.revokeSteps(p, add, svc, project)
	p.UpToDate = len(p.steps) == 0
	return p, nil
}
