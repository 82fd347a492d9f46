package install

import (
	"context"
	"errors"
	"fmt"

	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// Launchd is the Installer of launchd, for the system or for one user.
type Launchd struct {
	ctl   launchctl
	scope service.Scope
	owner int    // the user, with ScopeUser
	home  string // where he keeps his Library

	encode func(v any) (string, error)
	decode func(text string, v any) error

	// register is the library's, for a property list that is not there yet; nil where the library would write elsewhere.
	register func(label, exec, text string) error
	lint     func(ctx context.Context, path string) error // plutil -lint; nil without
	running  func(pidfile.Ref) pidfile.Finding            // Ref.Look
}

// launchctl is what is asked of launchd; see launchd.Launchctl.
type launchctl interface {
	Find(ctx context.Context, domains []launchd.Domain, label string) (launchd.Job, error)
	Disabled(ctx context.Context, d launchd.Domain, label string) (bool, error)
	Enable(ctx context.Context, d launchd.Domain, label string) error
	Disable(ctx context.Context, d launchd.Domain, label string) error
	Load(ctx context.Context, d launchd.Domain, label, path string) error
	Unload(ctx context.Context, d launchd.Domain, label, path string) error
}

// jobFound is what planning has found on the machine.
type jobFound struct {
	path     string
	what     standing
	text     string
	list     launchd.PropertyList // of text; zero where that is no property list
	job      launchd.Job
	loaded   bool
	disabled bool // an override says that launchd must not load it

	daemon pidfile.Finding // whoever runs
}

// active reports whether launchd runs it, or is about to.
func (f jobFound) active() bool {
	return f.loaded && (f.job.PID != 0 || f.job.State == launchd.StateScheduled)
}

// outside reports whether the daemon runs, and not as this job.
func (f jobFound) outside() bool {
	return f.daemon.Running && (!f.loaded || f.job.PID == 0 || f.daemon.PID != 0 && f.daemon.PID != f.job.PID)
}

// old reports whether the daemon runs since before its property list was written.
func (f jobFound) old() bool {
	return f.active() && f.daemon.Running && f.daemon.Record != nil && newer(f.path, f.daemon.Record.StartedAt.Time)
}

// Close implements Installer.
func (*Launchd) Close() {}

// find looks for the job called label. ref may be zero.
func (l *Launchd) find(ctx context.Context, label string, ref pidfile.Ref) (jobFound, error) {
	f := jobFound{path: launchd.File(l.scope, l.home, label)}
	var err error
	if f.what, f.text, err = look(f.path); err != nil {
		return f, err
	}
	if f.text != "" && l.decode(f.text, &f.list) != nil {
		f.list = launchd.PropertyList{} // somebody's own, or torn
	}
	f.job, err = l.ctl.Find(ctx, launchd.Domains(l.scope, l.owner), label)
	f.loaded = err == nil
	if err != nil && !errors.Is(err, launchd.ErrNotLoaded) {
		return f, err
	}
	if f.disabled, err = l.ctl.Disabled(ctx, f.job.Domain, label); err != nil && !errors.Is(err, launchd.ErrUnknownVerb) {
		return f, err
	}
	if ref.Path != "" {
		f.daemon = l.running(ref)
	}
	return f, nil
}

// Install implements Installer.
func (l *Launchd) Install(ctx context.Context, r Request) (*Plan, error) {
	reg := r.registration(service.KindLaunchd, l.scope)
	f, err := l.find(ctx, reg.Service, r.Ref)
	if err != nil {
		return nil, l.failed("install", service.CodeInstallFailed, reg.Service, err)
	}
	list, missing := property(r, l.scope, f.job.Domain.Session())
	text, err := l.encode(list)
	if err != nil {
		return nil, &service.Error{Op: "write " + f.path, Code: service.CodeGenerationFailed, Err: err, Hint: "rename what has such a name"}
	}
	if err := l.admit(r, f, reg.Service); err != nil {
		return nil, err
	}
	p := l.plan("install", reg.Service)
	p.User, p.Path, p.wholly = r.User, r.Path, true
	if said := unexpressed(missing, r.Configured); said != "" {
		p.Warnings = append(p.Warnings, "launchd restarts by its own rules and has none for: "+said)
	}
	if len(r.Spec.Sockets) > 0 {
		p.Warnings = append(p.Warnings, "the sockets close when launchd restarts the daemon: it opens them anew each time")
	}
	if f.what == standsFile && f.text == "" {
		p.Warnings = append(p.Warnings, "an installation that was interrupted has left an empty property list, which is replaced")
	}
	file := File{Path: f.path, Mode: "0644", Old: f.text, New: text, perm: unitMode, exists: f.what == standsFile}
	if file.exists {
		file.Diff = Diff(file.Old, file.New)
	}
	p.Files = []File{file}
	l.installSteps(p, r, f)
	return p, nil
}

func (l *Launchd) plan(op, label string) *Plan {
	return &Plan{
		Op: op, Service: label, Backend: string(service.KindLaunchd), Scope: string(l.scope),
		Files: []File{}, Kept: []string{}, Commands: []string{}, Checks: []string{}, Warnings: []string{},
	}
}

// admit reports why r must not be installed over what was found.
func (l *Launchd) admit(r Request, f jobFound, label string) error {
	if err := l.ours("install", f, label, owner{r.Spec.Project, r.Spec.Name}); err != nil {
		return err
	}
	if r.Takeover != nil || !f.outside() {
		return nil
	}
	return &service.Error{
		Op: "install " + label, Code: service.CodeAlreadyRunning, PID: f.daemon.PID, Err: errors.New("the daemon runs already, outside of launchd"),
		Hint: "apexd install --takeover stops it first; or apexd stop",
	}
}

// ours reports that the label, or the place of its property list, is somebody else's. An empty file is what an interrupted installation leaves.
func (l *Launchd) ours(op string, f jobFound, label string, o owner) error {
	e := &service.Error{Op: op + " " + label, Code: service.CodeServiceExists, Path: f.path, Hint: "look at it, and remove it if nothing needs it"}
	got, made := ownerOfJob(f.list)
	switch {
	case f.what == standsOther || f.what == standsMask:
		e.Err = fmt.Errorf("%q is no property list, but a link or a directory", f.path)
	case f.what == standsFile && f.text != "" && !made:
		e.Err = fmt.Errorf("%q was not made by apexd", f.path)
	case f.what == standsFile && f.text != "" && got != o:
		e.Err = fmt.Errorf("%q is that of the daemon %s of %q", f.path, got.name, got.project)
		e.Hint = "apexd uninstall --project " + got.project + " --name " + got.name + " removes it"
	case f.loaded && f.job.Path != "" && f.job.Path != f.path:
		e.Path, e.Err = "", fmt.Errorf("launchd has a job of that label from %q", f.job.Path)
		e.Hint = "if nothing needs it: launchctl bootout " + f.job.Domain.Target(label)
	default:
		return nil
	}
	return e
}

func (l *Launchd) failed(op string, code service.Code, label string, err error) error {
	var known *service.Error
	if errors.As(err, &known) {
		return err
	}
	e := &service.Error{Op: op + " " + label, Code: code, Err: err}
	if errors.Is(err, launchd.ErrNoDomain) {
		e.Hint = "log in as " + userName(l.owner) + ", at the screen or over ssh: su and sudo are no login"
	}
	return e
}

// Enable implements Installer.
func (l *Launchd) Enable(ctx context.Context, project, name string, on bool) (service.Registration, error) {
	reg := service.NewRegistration(service.KindLaunchd, l.scope, project, name)
	op, do := "disable", l.ctl.Disable
	if on {
		op, do = "enable", l.ctl.Enable
	}
	f, err := l.find(ctx, reg.Service, pidfile.Ref{})
	if err != nil {
		return reg, l.failed(op, service.CodeInstallFailed, reg.Service, err)
	}
	if f.what == standsNothing {
		return reg, &service.Error{
			Op: op + " " + reg.Service, Code: service.CodeServiceNotFound,
			Err: fmt.Errorf("it is not registered with launchd in %s scope", l.scope), Hint: "apexd install registers it" + otherScope(l.scope),
		}
	}
	if err := l.ours(op, f, reg.Service, owner{project, name}); err != nil {
		return reg, err
	}
	if f.disabled != on { // an override that says what is so would stay behind
		return reg, nil
	}
	if err := do(ctx, f.job.Domain, reg.Service); err != nil {
		return reg, l.failed(op, service.CodeInstallFailed, reg.Service, err)
	}
	return reg, nil
}
