package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// SCM is the Installer of the Service Control Manager of Windows. There is one, the system's.
type SCM struct {
	manager serviceManager
	running func(pidfile.Ref) pidfile.Finding // Ref.Look
}

// ServiceOptions are what only a Windows service has.
type ServiceOptions struct {
	Start    winsvc.StartType // "" is Automatic
	Depends  []string         // services that must run before
	Password string           // of Request.User, if it is a user's account; it is handed to the SCM and kept nowhere else
}

// serviceManager is the SCM and what it has in the registry. Its methods wait for the end of what they ask for, and no longer than ctx.
type serviceManager interface {
	// Find says what there is of a service.
	Find(name string) (serviceFound, error)
	// Create registers a service that is not there, and its event source. After an error anything may be left.
	Create(d winsvc.Definition, password string) error
	// Configure makes a registered service be what d says. told is false where the system does not say what recovery it has.
	Configure(d winsvc.Definition, r winsvc.Recovery, password string) (told bool, err error)
	AddSource(name string) error
	RemoveSource(name string) error
	Start(ctx context.Context, name string) error
	Stop(ctx context.Context, name string) error
	// Delete returns when the service is gone. It must be stopped.
	Delete(ctx context.Context, name string) error
	// RemoveKey removes a key without a service.
	RemoveKey(name string) error

	// Security is winsvc.Security, Grant and Revoke are those of winsvc.
	Security(path string) (sddl string, kept bool, err error)
	Grant(dir, sid string) error
	Revoke(dir, sid string) error
}

// serviceFound is what there is of a service. After an uninstall that was interrupted, or somebody's tidying, any part may be missing.
type serviceFound struct {
	Registered bool // the SCM knows it
	Key        bool // it has a key in the registry
	Source     bool // it is a source of the Application log
	Definition winsvc.Definition
	Status     winsvc.Status

	outside pidfile.Finding // a daemon that runs, and not as this service
}

func (f serviceFound) active() bool { return f.Registered && f.Status.State != winsvc.Stopped }

// Close implements Installer.
func (*SCM) Close() {}

// Definition is the service that r asks for, and what the SCM cannot express of its restart policy.
func (r Request) definition() (winsvc.Definition, winsvc.Recovery, []string) {
	reg := r.registration(service.KindWindows, service.ScopeSystem)
	recovery, missing := winsvc.RecoveryOf(r.Spec.Restart)
	d := winsvc.Definition{
		Name: reg.Service, DisplayName: displayName(r.Spec), Description: "The APEX daemon " + r.Spec.Name + " of " + r.Spec.Project + ", kept by apexd.",
		ImagePath: winsvc.CommandLine(r.argv(reg)), Start: r.Service.Start, Account: winsvc.Account(r.User, reg.Service), Depends: r.Service.Depends, Recovery: recovery.String(),
	}
	d.OwnSID, d.Preshutdown = winsvc.Shared(d.Account), r.Spec.StopTimeout+preshutdownMargin
	if d.Start == "" {
		d.Start = winsvc.Automatic
	}
	if r.Path != "" {
		d.Environment = append(d.Environment, "PATH="+r.Path)
	}
	d.Environment = append(d.Environment, r.Env...)
	return d, recovery, missing
}

// preshutdownMargin is the time, beside the workload's, that the daemon itself has for its end.
const preshutdownMargin = 10 * time.Second

// displayName is what the Services console lists. It must differ from every other service's, display names and names alike.
func displayName(s service.Spec) string {
	name := "apexd " + s.Name + " (" + s.Project + ")"
	if r := []rune(name); len(r) > maxDisplayName {
		keep := maxDisplayName - 1
		name = string(r[:keep/2]) + "…" + string(r[len(r)-keep/2:])
	}
	return name
}

// maxDisplayName is Microsoft's limit (CreateService, "lpDisplayName").
const maxDisplayName = 256

// Install implements Installer. The SCM is asked, and nothing touched, before it is certain that the service is nobody else's.
func (s *SCM) Install(_ context.Context, r Request) (*Plan, error) {
	d, recovery, missing := r.definition()
	if err := checkDefinition(d, r); err != nil {
		return nil, err
	}
	f, err := s.manager.Find(d.Name)
	if err != nil {
		return nil, failed("install "+d.Name, service.CodeInstallFailed, err)
	}
	if !f.active() && r.Ref.Path != "" {
		f.outside = s.running(r.Ref)
	}
	if err := admitService(r, f, d.Name); err != nil {
		return nil, err
	}
	p := s.plan("install", d.Name)
	p.User, p.Path, p.wholly = d.Account, r.Path, true
	if len(missing) > 0 {
		p.Warnings = append(p.Warnings, fmt.Sprintf("Windows restarts by its own rules and has none for: %s", join(missing)))
	}
	if f.Registered && f.Definition.Recovery == "" { // Wine: what cannot be read is no difference
		f.Definition.Recovery = d.Recovery
		p.Warnings = append(p.Warnings, "this system does not tell a service's recovery actions, so that they are not compared")
	}
	file := File{Path: `HKLM\` + winsvc.Root + d.Name, Mode: "key", New: d.String(), exists: f.Registered}
	if f.Registered {
		file.Old = f.Definition.String()
		file.Diff = Diff(file.Old, file.New)
	}
	p.Files = []File{file}
	a, warnings, err := s.accessOf(r, d)
	if err != nil {
		return nil, failed("install "+d.Name, service.CodeInstallFailed, err)
	}
	p.Warnings = append(p.Warnings, warnings...)
	s.installSteps(p, r, f, d, recovery, a)
	return p, nil
}

func join(list []string) string {
	var s string
	for i, t := range list {
		if i > 0 {
			s += "; "
		}
		s += t
	}
	return s
}

func (s *SCM) plan(op, name string) *Plan {
	return &Plan{
		Op: op, Service: name, Backend: string(service.KindWindows), Scope: string(service.ScopeSystem),
		Files: []File{}, Kept: []string{}, Commands: []string{}, Checks: []string{}, Warnings: []string{},
	}
}

// checkDefinition refuses what the SCM would take and misunderstand.
func checkDefinition(d winsvc.Definition, r Request) error {
	fault := func(format string, args ...any) error {
		return &service.Error{Op: "install " + d.Name, Code: service.CodeGenerationFailed, Err: fmt.Errorf(format, args...)}
	}
	for _, text := range append([]string{d.ImagePath, d.Account, d.Description}, append(d.Environment, d.Depends...)...) {
		for _, c := range text {
			if c == 0 {
				return fault("%q has a NUL character", text)
			}
		}
	}
	switch {
	case slices.Contains(d.Depends, d.Name):
		return fault("%s cannot depend on itself", d.Name)
	case winsvc.NeedsPassword(d.Account) && r.Service.Password == "":
		return &service.Error{
			Op: "install " + d.Name, Code: service.CodeInstallFailed, Err: fmt.Errorf("Windows starts a service as %s only with that user's password", d.Account),
			Hint: "--password-stdin reads it from standard input; the account that is used without --run-as needs none",
		}
	case !winsvc.NeedsPassword(d.Account) && r.Service.Password != "":
		return fault("%s has no password", d.Account)
	}
	return nil
}

// admitService reports why r must not be installed over what was found.
func admitService(r Request, f serviceFound, name string) error {
	if f.Registered || f.Key && f.Definition.ImagePath != "" {
		if err := oursOrError("install", f.Definition, r.Spec.Project, r.Spec.Name); err != nil {
			return err
		}
	}
	return vacantFor(r, f.outside, name, "its service")
}

// oursOrError refuses a service that another project, or nobody we know, has made.
func oursOrError(op string, d winsvc.Definition, project, name string) error {
	p, n, ours := d.Owner()
	if ours && p == project && n == name {
		return nil
	}
	path := `HKLM\` + winsvc.Root + d.Name
	e := &service.Error{Op: op + " " + d.Name, Code: service.CodeServiceExists, Path: path, Hint: "look at it with: sc.exe qc " + d.Name}
	if ours {
		e.Err = fmt.Errorf("%q is the service of the daemon %s of %q", path, n, p)
		e.Hint = "apexd uninstall --project " + p + " --name " + n + " removes it"
	} else {
		e.Err = fmt.Errorf("%q was not made by apexd: it runs %s", path, d.ImagePath)
	}
	return e
}

// Enable implements Installer.
func (s *SCM) Enable(_ context.Context, project, name string, on bool) (service.Registration, error) {
	reg := service.NewRegistration(service.KindWindows, service.ScopeSystem, project, name)
	op := "disable"
	if on {
		op = "enable"
	}
	f, err := s.manager.Find(reg.Service)
	if err != nil {
		return reg, failed(op+" "+reg.Service, service.CodeInstallFailed, err)
	}
	if !f.Registered {
		return reg, &service.Error{
			Op: op + " " + reg.Service, Code: service.CodeServiceNotFound, Err: errors.New("it is not registered with Windows"), Hint: "apexd install registers it",
		}
	}
	if err := oursOrError(op, f.Definition, project, name); err != nil {
		return reg, err
	}
	if f.Definition.Start.Enabled() == on {
		return reg, nil
	}
	want := winsvc.Manual
	if on {
		want = winsvc.Automatic
	}
	if err := s.setStart(f.Definition, want); err != nil {
		return reg, failed(op+" "+reg.Service, service.CodeInstallFailed, err)
	}
	return reg, nil
}
