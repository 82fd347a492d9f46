package install

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/joshuaaferguson/apexd/internal/project"
	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// SysV is the Installer of a System V init: a script in /etc/init.d, and links to it in the directories of the runlevels. It is that of procd, BusyBox's rcS and FreeBSD's rc too, which differ in
// the script's form and in how they are told to start it. There is only the system's.
type SysV struct {
	kind   service.Kind // "" is KindSysV
	layout sysv.Layout
	tool   rcTool // of KindSysV
	self   string // the apexd that stops a daemon whose script is gone

	run      func(ctx context.Context, argv ...string) error // runTool
	register func(name, exec, text string) error             // the library's, for a script that is not there yet; nil does without
	running  func(pidfile.Ref) pidfile.Finding               // Ref.Look
}

// openSysV is the Installer of this machine.
func openSysV(k service.Kind, scope service.Scope) (Installer, error) {
	s := &SysV{kind: k, tool: findTool(exec.LookPath), run: runTool, register: registrar(k), running: pidfile.Ref.Look}
	op := "register with " + systemName(k)
	switch fi, err := os.Stat(s.layout.Dir()); {
	case (k == service.KindFreeBSD) != sysv.Rc:
		return nil, &service.Error{Op: op, Code: service.CodeUnsupported, Err: errors.New("that is not what starts scripts on this system")}
	case scope == service.ScopeUser:
		return nil, &service.Error{
			Op: op, Code: service.CodeUnsupported, Err: errors.New("it has no services of a user's own"),
			Hint: "sudo apexd install registers it to run as you; or have cron(8) start it at boot: @reboot apexd start --project …",
		}
	case k != service.KindFreeBSD && (err != nil || !fi.IsDir()): // which has none before the first
		return nil, &service.Error{Op: op, Code: service.CodeUnsupported, Path: s.layout.Dir(), Err: errors.New("there is no directory of init scripts")}
	case os.Geteuid() != 0:
		return nil, &service.Error{Op: op, Code: service.CodePermissionDenied, Err: fs.ErrPermission, Hint: "sudo apexd install"}
	}
	var err error
	s.self, err = os.Executable()
	return s, err
}

// Close implements Installer.
func (*SysV) Close() {}

// boot is how the machine is told what to start.
func (s *SysV) boot() boot {
	switch s.kind {
	case service.KindProcd, service.KindRCS:
		return flat{s.layout, s.kind}
	case service.KindFreeBSD:
		return rcConf{s.layout, s.ask}
	}
	return levels{s.layout, s.tool, s.ask}
}

// registration is how the manager knows the daemon called name.
func (s *SysV) registration(project, name string) service.Registration {
	return service.NewRegistration(cmp.Or(s.kind, service.KindSysV), service.ScopeSystem, project, name)
}

// scriptMode lets everybody run the script, for its status; the rest asks for rights of its own.
const scriptMode = 0o755

// foundScript is what planning has found on the machine.
type foundScript struct {
	what   standing
	text   string
	mode   fs.FileMode
	mark   sysv.Mark // of text
	ours   bool      // text is of the daemon that is looked for, or empty
	boot   booted
	daemon pidfile.Finding
}

// keptBy reports whether the daemon runs and name's script has started it.
func (f foundScript) keptBy(reg service.Registration) bool {
	return f.daemon.Running && (f.daemon.Record == nil || f.daemon.Record.Backend == string(reg.Backend) && f.daemon.Record.Service == reg.Service)
}

// find looks for the script of reg, of o, and for a daemon where ref says.
func (s *SysV) find(reg service.Registration, o owner, ref pidfile.Ref) (foundScript, error) {
	var f foundScript
	path := s.layout.Script(reg.Service)
	var err error
	if f.what, f.text, err = look(path); err != nil {
		return f, err
	}
	if fi, err := os.Lstat(path); err == nil {
		f.mode = fi.Mode().Perm()
	}
	var marked bool
	f.mark, marked = sysv.ParseMark(f.text)
	f.ours = f.what == standsFile && (f.text == "" || marked && f.mark.Kind == string(reg.Backend) && o == owner{f.mark.Project, f.mark.Name})
	f.boot = s.boot().look(reg.Service)
	if f.ours && f.mark.PIDFile != "" {
		ref.Path = f.mark.PIDFile
	}
	if ref.Path != "" {
		f.daemon = s.running(ref)
	}
	return f, nil
}

// admitScript reports why r must not be installed over f.
func (s *SysV) admitScript(r Request, f foundScript, reg service.Registration) error {
	path, lacks := s.layout.Script(reg.Service), s.boot().lacks()
	switch {
	case f.what != standsNothing && !f.ours:
		return s.foreign(f, reg)
	case f.daemon.Running && !f.keptBy(reg) && r.Takeover == nil:
		return &service.Error{
			Op: "install " + reg.Service, Code: service.CodeAlreadyRunning, PID: f.daemon.PID, Err: errors.New("the daemon runs already, outside of its init script"),
			Hint: "apexd install --takeover stops it first; or apexd stop",
		}
	case lacks != nil:
		return &service.Error{Op: "install " + reg.Service, Code: service.CodeInstallFailed, Path: path, Err: lacks, Hint: "apexd start keeps the daemon without one"}
	}
	return nil
}

// foreign is the refusal of a script that is somebody else's.
func (s *SysV) foreign(f foundScript, reg service.Registration) error {
	path := s.layout.Script(reg.Service)
	if f.what != standsFile {
		return &service.Error{
			Op: "install " + reg.Service, Code: service.CodeServiceExists, Path: path,
			Err: fmt.Errorf("%q is no script, but a link or a directory", path), Hint: "remove it, then run apexd install again",
		}
	}
	return foreign(reg.Service, path, owner{f.mark.Project, f.mark.Name}, f.mark.Kind == string(reg.Backend))
}

// Install implements Installer.
func (s *SysV) Install(_ context.Context, r Request) (*Plan, error) {
	reg := s.registration(r.Spec.Project, r.Spec.Name)
	text, err := RenderScript(r, reg.Backend)
	if err != nil {
		return nil, &service.Error{Op: "write " + reg.Service, Code: service.CodeGenerationFailed, Err: err}
	}
	f, err := s.find(reg, owner{r.Spec.Project, r.Spec.Name}, r.Ref)
	if err != nil {
		return nil, failed("install "+reg.Service, service.CodeInstallFailed, err)
	}
	if err := s.admitScript(r, f, reg); err != nil {
		return nil, err
	}
	p := s.plan("install", reg)
	p.User, p.Path, p.wholly = r.User, r.Path, true
	file := File{Path: s.layout.Script(reg.Service), Mode: "0755", Old: f.text, New: text, perm: scriptMode, exists: f.what == standsFile}
	if file.exists {
		file.Diff = Diff(file.Old, file.New)
	}
	p.Files = []File{file}
	p.Warnings = append(p.Warnings, scriptWarnings(r, f, reg.Backend)...)
	s.installSteps(p, r, f, reg)
	return p, nil
}

// scriptWarnings are what a person should know.
func scriptWarnings(r Request, f foundScript, k service.Kind) []string {
	var out []string
	if k.Untested() {
		out = append(out, untested(k))
	}
	switch {
	case f.what == standsFile && f.text == "":
		out = append(out, "an installation that was interrupted has left an empty script, which is replaced")
	case f.what == standsNothing && r.Spec.Restart.When != service.RestartNever:
		out = append(out, "apexd itself restarts the workload, but "+systemName(k)+" restarts nothing: an apexd that is killed stays down until somebody starts it, or the next boot")
	}
	if r.Hardening == HardeningStrict {
		out = append(out, "hardening is systemd's: the script starts the daemon as its user and no more")
	}
	return out
}

// untested is what everybody is told who registers a daemon with k.
func untested(k service.Kind) string {
	return "untested: apexd was never run under " + systemName(k) + " by its makers, who went by its manuals (docs/sysv.md)"
}

// systemName is k for people.
func systemName(k service.Kind) string {
	switch k {
	case service.KindFreeBSD:
		return "FreeBSD's rc"
	case service.KindProcd:
		return "OpenWrt's procd"
	case service.KindRCS:
		return "BusyBox's init"
	}
	return "System V"
}

func (s *SysV) plan(op string, reg service.Registration) *Plan {
	return &Plan{
		Op: op, Service: reg.Service, Backend: string(reg.Backend), Scope: string(reg.Scope),
		Files: []File{}, Kept: []string{}, Commands: []string{}, Checks: []string{}, Warnings: []string{},
	}
}

// Enable implements Installer.
func (s *SysV) Enable(ctx context.Context, project, name string, on bool) (service.Registration, error) {
	reg := s.registration(project, name)
	op, verb := "disable", rcDisable
	if on {
		op, verb = "enable", rcEnable
	}
	f, err := s.find(reg, owner{project, name}, pidfile.Ref{})
	switch {
	case err != nil:
		return reg, failed(op+" "+reg.Service, service.CodeInstallFailed, err)
	case f.what == standsNothing:
		return reg, &service.Error{
			Op: op + " " + reg.Service, Code: service.CodeServiceNotFound, Err: errors.New("it is not registered with " + systemName(reg.Backend)), Hint: "apexd install registers it",
		}
	case !f.ours:
		return reg, s.foreign(f, reg)
	}
	if err := s.alone(func(ctx context.Context) error { return s.boot().do(ctx, verb, reg.Service) })(ctx); err != nil {
		return reg, failed(op+" "+reg.Service, service.CodeInstallFailed, err)
	}
	if s.boot().look(reg.Service).enabled != on {
		return reg, &service.Error{Op: op + " " + reg.Service, Code: service.CodeInstallFailed, Err: fmt.Errorf("%s has left the start at boot as it was", s.boot().shown(verb, reg.Service))}
	}
	return reg, nil
}

// refOf is where the daemon called name of project has its record, unless its script says otherwise.
func refOf(dir, name string) pidfile.Ref {
	return pidfile.Ref{Project: dir, Path: project.PathsOf(dir, name).PIDFile}
}

// Uninstall implements Installer.
func (s *SysV) Uninstall(_ context.Context, project, name string) (*Plan, error) {
	reg := s.registration(project, name)
	f, err := s.find(reg, owner{project, name}, refOf(project, name))
	if err != nil {
		return nil, failed("uninstall "+reg.Service, service.CodeUninstallFailed, err)
	}
	p := s.plan("uninstall", reg)
	path := s.layout.Script(reg.Service)
	switch {
	case f.ours:
		p.Files = append(p.Files, File{Path: path, Mode: "0755", Old: f.text, exists: true, perm: scriptMode})
	case f.what == standsFile:
		e := s.foreign(f, reg)
		return nil, e
	case f.what != standsNothing:
		p.Kept = append(p.Kept, path)
		p.Warnings = append(p.Warnings, fmt.Sprintf("%q is not a script that apexd has made, and stays", path))
	}
	s.uninstallSteps(p, f, reg, filepath.Clean(project), name)
	return p, nil
}
