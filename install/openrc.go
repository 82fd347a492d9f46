package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/joshuaaferguson/apexd/internal/openrc"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// OpenRC is the Installer of a machine that OpenRC has booted. There is one, the system's.
type OpenRC struct {
	manager  rcManager
	tree     openrc.Tree
	register func(name, exec, text string) error // the library's, for a script that is not there yet; nil writes it all the same
	running  func(pidfile.Ref) pidfile.Finding   // Ref.Look
}

// rcManager is what is asked of OpenRC; see openrc.Tree.
type rcManager interface {
	Look(name string) openrc.Service
	Service(ctx context.Context, name, verb string) error
	Update(ctx context.Context, verb, name, level string) error
	StopSupervisor(ctx context.Context, name string) error
}

// bootLevel is the runlevel that a machine boots to (rc-update(8)).
const bootLevel = "default"

// openOpenRC is the Installer of this machine.
func openOpenRC(scope service.Scope) (Installer, error) {
	e := &service.Error{Op: "find a service manager", Code: service.CodeUnsupported}
	switch {
	case !openrc.IsBooted():
		e.Err, e.Hint = errors.New("OpenRC has not booted this machine"), "apexd start keeps the daemon without one, apexd run in a container"
	case scope == service.ScopeUser:
		e.Err, e.Hint = errors.New("OpenRC has no services of ordinary users"), "sudo apexd install; or apexd start, which needs no service manager"
	case os.Geteuid() != 0:
		e.Op, e.Code, e.Err, e.Hint = "register with OpenRC", service.CodePermissionDenied, fs.ErrPermission, "the same with sudo"
	default:
		return &OpenRC{manager: openrc.System(), tree: openrc.System(), register: registerOpenRC, running: pidfile.Ref.Look}, nil
	}
	return nil, e
}

// Close implements Installer.
func (*OpenRC) Close() {}

// rcFound is what planning has found on the machine.
type rcFound struct {
	service openrc.Service
	what    standing
	text    string
	links   []string
	left    []string

	outside pidfile.Finding // a daemon that runs, and not as this service
}

func (f rcFound) active() bool { return f.service.Word != openrc.Stopped }

func (f rcFound) enabled() bool { return len(f.links) > 0 }

// find looks for the service called name.
func (o *OpenRC) find(name string) (f rcFound, err error) {
	f.service, f.links = o.manager.Look(name), o.tree.Links(name)
	f.left = o.tree.Left(name)
	f.what, f.text, err = look(o.tree.Script(name))
	return f, err
}

func (o *OpenRC) plan(op, name string) *Plan {
	return &Plan{
		Op: op, Service: name, Backend: string(service.KindOpenRC), Scope: string(service.ScopeSystem),
		Files: []File{}, Kept: append([]string{}, o.tree.Settings(name)...), Commands: []string{}, Checks: []string{}, Warnings: []string{},
	}
}

// Install implements Installer.
func (o *OpenRC) Install(_ context.Context, r Request) (*Plan, error) {
	name := r.registration(service.KindOpenRC, service.ScopeSystem).Service
	out, err := RenderOpenRC(r)
	if err != nil {
		return nil, &service.Error{Op: "write " + name, Code: service.CodeGenerationFailed, Err: err}
	}
	f, err := o.find(name)
	if err != nil {
		return nil, failed("install "+name, service.CodeInstallFailed, err)
	}
	if !f.active() && r.Ref.Path != "" {
		f.outside = o.running(r.Ref)
	}
	if err := o.ours("install", name, f, owner{r.Spec.Project, r.Spec.Name}); err != nil {
		return nil, err
	}
	if err := vacantFor(r, f.outside, name, "OpenRC"); err != nil {
		return nil, err
	}
	p := o.plan("install", name)
	p.User, p.Path, p.wholly, p.Warnings = r.User, r.Path, true, append(p.Warnings, out.Warnings...)
	file := File{Path: o.tree.Script(name), Mode: "0755", Old: f.text, New: out.Text, perm: scriptMode, exists: f.what == standsFile}
	if file.exists {
		file.Diff = Diff(file.Old, file.New)
	}
	p.Files = []File{file}
	o.installSteps(p, r, f)
	return p, nil
}

// ours reports why the script called name, which was found, is not to be replaced or removed as that of want.
func (o *OpenRC) ours(op, name string, f rcFound, want owner) error {
	path := o.tree.Script(name)
	e := &service.Error{Op: op + " " + name, Code: service.CodeServiceExists, Path: path, Hint: "look at it, and remove it if nothing needs it"}
	switch f.what {
	case standsMask, standsOther:
		e.Err = fmt.Errorf("%q is no script of apexd's, but a link or a directory", path)
		return e
	case standsFile:
		got, ours := ownerOfMark(f.text)
		switch {
		case f.text == "" || ours && got == want: // an installation that was interrupted leaves an empty one
		case ours:
			e.Err = fmt.Errorf("%q is the script of the daemon %s of %q", path, got.name, got.project)
			e.Hint = "apexd uninstall --project " + got.project + " --name " + got.name + " removes it"
			return e
		default:
			e.Err = fmt.Errorf("%q was not made by apexd", path)
			return e
		}
	}
	return nil
}

// Enable implements Installer.
func (o *OpenRC) Enable(ctx context.Context, project, name string, on bool) (service.Registration, error) {
	reg := service.NewRegistration(service.KindOpenRC, service.ScopeSystem, project, name)
	op := "disable"
	if on {
		op = "enable"
	}
	f, err := o.find(reg.Service)
	if err != nil {
		return reg, failed(op+" "+reg.Service, service.CodeInstallFailed, err)
	}
	if f.what == standsNothing {
		return reg, &service.Error{
			Op: op + " " + reg.Service, Code: service.CodeServiceNotFound, Err: errors.New("it is not registered with OpenRC"), Hint: "apexd install registers it",
		}
	}
	if err := o.ours(op, reg.Service, f, owner{project, name}); err != nil {
		return reg, err
	}
	switch {
	case on && !f.enabled():
		err = o.manager.Update(ctx, "add", reg.Service, bootLevel)
	case !on && f.enabled():
		err = o.disable(ctx, reg.Service)
	}
	if err != nil {
		return reg, failed(op+" "+reg.Service, service.CodeInstallFailed, err)
	}
	return reg, nil
}

// disable takes the service out of every runlevel, also one whose script is gone, which rc-update does not know.
func (o *OpenRC) disable(ctx context.Context, name string) error {
	var errs []error
	for _, link := range o.tree.Links(name) {
		err := o.manager.Update(ctx, "delete", name, filepath.Base(filepath.Dir(link)))
		if _, e := os.Lstat(link); e == nil {
			err = os.Remove(link)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Uninstall implements Installer. What OpenRC knows under the name of a script that is somebody else's is left alone too.
func (o *OpenRC) Uninstall(_ context.Context, project, name string) (*Plan, error) {
	svc := service.NewRegistration(service.KindOpenRC, service.ScopeSystem, project, name).Service
	f, err := o.find(svc)
	if err != nil {
		return nil, failed("uninstall "+svc, service.CodeUninstallFailed, err)
	}
	p := o.plan("uninstall", svc)
	path := o.tree.Script(svc)
	ours := true
	switch f.what {
	case standsFile:
		if err := o.ours("uninstall", svc, f, owner{project, name}); err != nil {
			return nil, err
		}
		p.Files = append(p.Files, File{Path: path, Mode: "0755", Old: f.text, exists: true, perm: scriptMode})
	case standsMask, standsOther:
		ours = false
		p.Kept = append(p.Kept, path)
		p.Warnings = append(p.Warnings, fmt.Sprintf("%q is not a script that apexd has made, and stays", path))
	}
	o.uninstallSteps(p, f, ours)
	return p, nil
}
