package install

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/joshuaaferguson/apexd/internal/systemd"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// Systemd is the Installer of a running systemd, of the system or of the calling user.
type Systemd struct {
	manager manager
	facts   systemd.Facts
	scope   service.Scope
	dir     string // where units go

	// register is the library's, for a unit that is not there yet; nil where the library would write elsewhere than the manager reads.
	register func(name, exec, text string) error
	verify   func(ctx context.Context, path string) error // systemd-analyze verify; nil without
	linger   linger
	running  func(pidfile.Ref) pidfile.Finding // Ref.Look
}

// open completes a Systemd whose manager, scope and linger are set.
func (s *Systemd) open(ctx context.Context) error {
	var err error
	if s.running == nil {
		s.running = pidfile.Ref.Look
	}
	if s.facts, err = s.manager.Facts(ctx); err != nil {
		return err
	}
	s.dir, err = unitDir(s.facts.UnitPath, s.scope)
	return err
}

// Close implements Installer.
func (s *Systemd) Close() { s.manager.Close() }

// systemctl is a command as one would type it.
func (s *Systemd) systemctl(args string) string {
	if s.scope == service.ScopeUser {
		return "systemctl --user " + args
	}
	return "systemctl " + args
}

// found is what planning has found on the machine.
type found struct {
	unit  systemd.Unit
	what  standing
	text  string
	links map[string]string
	sides []side // the .socket units

	outside pidfile.Finding // a daemon that runs, and not as this unit
}

// find looks for the unit called name of o, and for its sockets, of which it should have these.
func (s *Systemd) find(ctx context.Context, name string, o owner, sockets []Unit) (found, error) {
	var (
		f   found
		err error
	)
	if f.unit, err = s.manager.Unit(ctx, name); err != nil {
		return f, err
	}
	if f.what, f.text, err = look(filepath.Join(s.dir, name)); err != nil {
		return f, err
	}
	f.links = links(s.dir, name)
	var names []string
	for _, u := range sockets {
		names = append(names, u.Name)
	}
	f.sides, err = s.sides(ctx, f, name, o, names)
	return f, err
}

// Install implements Installer.
func (s *Systemd) Install(ctx context.Context, r Request) (*Plan, error) {
	name := r.registration(service.KindSystemd, s.scope).Service
	out, err := RenderUnit(r, s.scope, s.facts.Version)
	if err != nil {
		return nil, &service.Error{Op: "write " + name, Code: service.CodeGenerationFailed, Err: err}
	}
	f, err := s.find(ctx, name, owner{r.Spec.Project, r.Spec.Name}, out.Sockets)
	if err != nil {
		return nil, failed("install "+name, service.CodeInstallFailed, err)
	}
	if !active(f.unit) && r.Ref.Path != "" {
		f.outside = s.running(r.Ref)
	}
	if err := s.admit(r, f, name); err != nil {
		return nil, err
	}
	p := s.plan("install", name)
	p.User, p.Path, p.wholly = r.User, r.Path, true
	p.Warnings = append(p.Warnings, out.Warnings...)
	if f.what == standsFile && f.text == "" {
		p.Warnings = append(p.Warnings, "an installation that was interrupted has left an empty unit, which is replaced")
	}
	if w := s.linger.warning(); w != "" && !r.Linger {
		p.Warnings = append(p.Warnings, w)
	}
	p.Kept = append(p.Kept, dropIns(s.facts.UnitPath, name)...)
	file := File{Path: filepath.Join(s.dir, name), Mode: "0644", Old: f.text, New: out.Text, perm: unitMode, exists: f.what == standsFile}
	if file.exists {
		file.Diff = Diff(file.Old, file.New)
	}
	p.Files = append([]File{file}, s.socketFiles(f, out.Sockets)...)
	s.installSteps(p, r, f)
	return p, nil
}

func (s *Systemd) plan(op, name string) *Plan {
	return &Plan{
		Op: op, Service: name, Backend: string(service.KindSystemd), Scope: string(s.scope),
		Files: []File{}, Kept: []string{}, Commands: []string{}, Checks: []string{}, Warnings: []string{},
	}
}

// admit reports why r must not be installed over what was found.
func (s *Systemd) admit(r Request, f found, name string) error {
	if err := s.vacantPath(r, name, f.what, f.text); err != nil {
		return err
	}
	for _, d := range f.sides {
		if !d.wanted {
			continue
		}
		if err := s.vacantPath(r, d.name, d.what, d.text); err != nil {
			return err
		}
	}
	return vacantFor(r, f.outside, name, "systemd")
}

// vacantPath reports why the unit called name must not be written.
func (s *Systemd) vacantPath(r Request, name string, what standing, text string) error {
	path := filepath.Join(s.dir, name)
	switch what {
	case standsMask:
		return masked(name, path)
	case standsOther:
		return &service.Error{
			Op: "install " + name, Code: service.CodeServiceExists, Path: path,
			Err: fmt.Errorf("%q is no unit file of apexd's, but a link or a directory", path), Hint: "remove it, then run apexd install again",
		}
	case standsFile:
		if o, ours := ownerOf(text); text != "" && (!ours || o != (owner{r.Spec.Project, r.Spec.Name})) {
			return foreign(name, path, o, ours)
		}
	}
	return obstacle(s.facts.UnitPath, s.dir, name)
}

func foreign(name, path string, o owner, ours bool) error {
	e := &service.Error{Op: "install " + name, Code: service.CodeServiceExists, Path: path, Hint: "look at it, and remove it if nothing needs it"}
	if ours {
		e.Err = fmt.Errorf("%q is the unit of the daemon %s of %q", path, o.name, o.project)
		e.Hint = "apexd uninstall --project " + o.project + " --name " + o.name + " removes it"
	} else {
		e.Err = fmt.Errorf("%q was not made by apexd", path)
	}
	return e
}

// vacantFor reports a daemon of this project that runs outside of the manager that it is to be registered with.
func vacantFor(r Request, outside pidfile.Finding, name, manager string) error {
	if r.Takeover != nil || !outside.Running {
		return nil
	}
	return &service.Error{
		Op: "install " + name, Code: service.CodeAlreadyRunning, PID: outside.PID, Err: errors.New("the daemon runs already, outside of " + manager),
		Hint: "apexd install --takeover stops it first; or apexd stop",
	}
}

func failed(op string, code service.Code, err error) error {
	var known *service.Error
	if errors.As(err, &known) {
		return err
	}
	return &service.Error{Op: op, Code: code, Err: err}
}

// Enable implements Installer.
func (s *Systemd) Enable(ctx context.Context, project, name string, on bool) (service.Registration, error) {
	reg := service.NewRegistration(service.KindSystemd, s.scope, project, name)
	unit := reg.Service
	op := "disable"
	if on {
		op = "enable"
	}
	f, err := s.find(ctx, unit, owner{project, name}, nil)
	if err != nil {
		return reg, failed(op+" "+unit, service.CodeInstallFailed, err)
	}
	switch f.what {
	case standsMask:
		return reg, masked(unit, filepath.Join(s.dir, unit))
	case standsFile:
	default:
		return reg, &service.Error{
			Op: op + " " + unit, Code: service.CodeServiceNotFound,
			Err: fmt.Errorf("it is not registered with systemd in %s scope", s.scope), Hint: "apexd install registers it" + otherScope(s.scope),
		}
	}
	if o, ours := ownerOf(f.text); !ours || o != (owner{project, name}) {
		return reg, foreign(unit, filepath.Join(s.dir, unit), o, ours)
	}
	do := s.manager.Disable
	if on {
		do = s.manager.Enable
	}
	if err := do(ctx, unit); err != nil {
		return reg, failed(op+" "+unit, service.CodeInstallFailed, err)
	}
	return reg, nil
}

func otherScope(s service.Scope) string {
	if s == service.ScopeUser {
		return "; --system means the system's manager"
	}
	return "; --user means your own"
}

// Uninstall implements Installer.
func (s *Systemd) Uninstall(ctx context.Context, project, name string) (*Plan, error) {
	unit := service.NewRegistration(service.KindSystemd, s.scope, project, name).Service
	f, err := s.find(ctx, unit, owner{project, name}, nil)
	if err != nil {
		return nil, failed("uninstall "+unit, service.CodeUninstallFailed, err)
	}
	path := filepath.Join(s.dir, unit)
	p := s.plan("uninstall", unit)
	switch f.what {
	case standsFile:
		if o, ours := ownerOf(f.text); f.text != "" && (!ours || o != (owner{project, name})) {
			return nil, foreign(unit, path, o, ours)
		}
		p.Files = append(p.Files, File{Path: path, Mode: "0644", Old: f.text, exists: true, perm: unitMode})
	case standsMask, standsOther:
		p.Kept = append(p.Kept, path)
		p.Warnings = append(p.Warnings, fmt.Sprintf("%q is not a unit that apexd has made, and stays", path))
	}
	p.Files = append(p.Files, s.socketFiles(f, nil)...)
	if kept := dropIns(s.facts.UnitPath, unit); len(kept) > 0 {
		p.Kept = append(p.Kept, kept...)
		p.Warnings = append(p.Warnings, "the drop-ins are yours, and stay: "+s.systemctl("revert "+unit)+" removes them")
	}
	s.uninstallSteps(p, f, unit)
	return p, nil
}

// byPath are the keys of m in order.
func byPath(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, cmp.Compare)
	return out
}
