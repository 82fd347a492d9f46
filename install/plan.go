package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// Plan is what an installation or its opposite will do. It was made by looking and changes nothing until Apply. The JSON form is stable.
type Plan struct {
	Op       string   `json:"op"`      // "install" or "uninstall"
	Service  string   `json:"service"` // the manager's name for the daemon
	Backend  string   `json:"backend"` // "systemd"
	Scope    string   `json:"scope"`   // "user" or "system"
	User     string   `json:"user"`    // whom the daemon runs as
	Runs     []string `json:"runs"`    // the command that the configuration has the daemon run now; none is the built-in server. Who can write the configuration can change it
	Path     string   `json:"path"`    // PATH that it and its workload get
	UpToDate bool     `json:"upToDate"`
	Files    []File   `json:"files"`    // what will be written and removed
	Kept     []string `json:"kept"`     // drop-ins and masks: an administrator's, left alone
	Commands []string `json:"commands"` // what the manager is asked, in order, as one would type it
	Checks   []string `json:"checks"`   // what must hold afterwards, else everything is taken back
	Warnings []string `json:"warnings"` // what a person should know
	Restart  bool     `json:"restart"`  // the daemon runs with the old definition until it is restarted

	// OnStep, when not nil, is called by Apply before each step, from its own goroutine; n counts from 1.
	OnStep func(n, of int, name string) `json:"-"`

	steps  []step // carried out by Apply
	wholly bool   // a failed step takes everything back; else the rest is tried all the same
	fault  func(string) error
}

// File is one file of a plan.
type File struct {
	Path string `json:"path"`
	Mode string `json:"mode"` // "0644"
	Old  string `json:"old"`  // "" where there is none
	New  string `json:"new"`  // "" to remove it
	Diff string `json:"diff"` // unified, "" where nothing changes

	perm   fs.FileMode
	exists bool
}

// changes reports whether f will be written or removed.
func (f File) changes() bool { return !f.exists || f.Old != f.New }

// step is one thing that Apply does. undo takes back what do did, also when do has failed half-way; it may be asked when there is nothing to take back.
type step struct {
	name string
	do   func(context.Context) error
	undo func(context.Context) error
}

// undoLimit bounds taking everything back, which goes on when the caller's context has ended.
const undoLimit = 2 * time.Minute

// Apply carries the plan out. An installation is all or nothing: when a step fails, the ones before it are taken back in the opposite order, and the
// error says what could not be. An uninstallation goes on and returns all errors. Errors: *service.Error with INSTALL_FAILED, UNINSTALL_FAILED or what the step had.
func (p *Plan) Apply(ctx context.Context) error {
	var failed []error
	for i, s := range p.steps {
		if p.OnStep != nil {
			p.OnStep(i+1, len(p.steps), s.name)
		}
		err := p.run(ctx, s)
		if err == nil {
			continue
		}
		if !p.wholly {
			failed = append(failed, fmt.Errorf("%s: %w", s.name, err))
			continue
		}
		return p.failure(s.name, err, p.takeBack(ctx, i))
	}
	if len(failed) > 0 {
		return &service.Error{Op: p.Op + " " + p.Service, Code: service.CodeUninstallFailed, Err: errors.Join(failed...), Hint: "mend what it says and run apexd uninstall again"}
	}
	return nil
}

func (p *Plan) run(ctx context.Context, s step) error {
	if s.do == nil {
		return nil
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	err := s.do(ctx)
	if err == nil && p.fault != nil {
		err = p.fault(s.name)
	}
	return err
}

// takeBack undoes the steps up to and including the one that failed.
func (p *Plan) takeBack(ctx context.Context, last int) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	var errs []error
	for i := last; i >= 0; i-- {
		if s := p.steps[i]; s.undo != nil {
			if err := s.undo(ctx); err != nil {
				errs = append(errs, fmt.Errorf("taking back %q: %w", s.name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// failure is the error of a plan whose step failed. One that says what went wrong in the contract's words keeps its code, hint and log.
func (p *Plan) failure(name string, err, left error) error {
	e := &service.Error{Op: p.Op + " " + p.Service, Code: service.CodeInstallFailed, Err: fmt.Errorf("%s: %w", name, err), Hint: "nothing was changed"}
	var known *service.Error
	if errors.As(err, &known) {
		e.Code, e.Path, e.PID, e.Exit, e.Log = known.Code, known.Path, known.PID, known.Exit, known.Log
		if known.Hint != "" {
			e.Hint = known.Hint + "; nothing was changed"
		}
	}
	if left != nil {
		e.Err, e.Hint = errors.Join(e.Err, left), "not everything could be taken back: see above, then run apexd uninstall"
	}
	return e
}
