package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/install"
	"github.com/joshuaaferguson/apexd/internal/config"
	"github.com/joshuaaferguson/apexd/internal/project"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// installFlags are what install is told on the command line.
type installFlags struct {
	scope     scopeFlags
	runAs     string
	hardening string
	service   install.ServiceOptions
	password  bool
	dryRun    bool
	print     bool
	kind      string // --for
	output    string
	down      bool
	now       bool
	takeover  bool
	linger    bool
}

func newInstallCmd(a *app) *cobra.Command {
	var o installFlags
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Register the daemon with the machine's service manager, to start at boot",
		Long: `Register the daemon with systemd or launchd: root with the system's, everybody else with their own; or, as root, with OpenRC, a System V init, BusyBox's init, FreeBSD's rc or procd (these two untested); or, as an administrator, as a service of Windows. What will be written and asked is shown by --dry-run. It is
done wholly or not at all: when a step fails, what came before is taken back. Done again, it says "up to date", or what has changed.

Own settings belong into a drop-in (systemctl edit) or /etc/conf.d (OpenRC), which stay. A unit that somebody has masked, or that another project has, is left alone.

Of runit and s6 a service directory is printed by --for, or written with --output (docs/runit-s6.md); systemd, openrc, sysv, freebsd, procd and rcs are printed where they do not run.

Exit status: 0 registered, 77 no permission, 78 the configuration is wrong, 79 the daemon runs outside of the manager, 1 it failed and nothing was changed.`,
		Example: "  apexd install --dry-run\n  apexd install --now --linger\n  sudo apexd install --system --now\n  sudo apexd install --for runit --output /etc/service/shop",
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.install(cmd, o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	o.scope.define(cmd)
	f.StringVar(&o.runAs, "run-as", "", "with --system, the `user` that the daemon runs as (default: the project's owner; on Windows an account of the service's own)")
	f.StringVar(&o.hardening, "hardening", string(install.HardeningBaseline), "what systemd keeps from the daemon: off, baseline, strict (docs/systemd.md)")
	f.StringVar((*string)(&o.service.Start), "start-type", "", "of a Windows service: auto, delayed, manual (default auto)")
	f.StringSliceVar(&o.service.Depends, "depends", nil, "`services` of Windows that must run before, separated by commas")
	f.BoolVar(&o.password, "password-stdin", false, "read the Windows password of --run-as from standard input")
	f.BoolVar(&o.now, "now", false, "start it too, and return when it is ready")
	f.BoolVar(&o.takeover, "takeover", false, "stop a daemon that runs outside of the manager first")
	f.BoolVar(&o.linger, "linger", false, "have your own systemd run from boot on, not from login to logout")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be done, and do nothing")
	f.BoolVar(&o.print, "print", false, "print the unit, property list or script, and do nothing")
	f.StringVar(&o.kind, "for", "", "print the unit, script or service directory for `manager`, also where it does not run: systemd, openrc, sysv, runit, s6, freebsd, procd, rcs")
	f.StringVar(&o.output, "output", "", "with --for any but systemd, write the script or service directory to `path`, and do nothing else")
	f.BoolVar(&o.down, "down", false, "with --for runit or s6, do not have it started before somebody says so")
	return cmd
}

func (a *app) install(cmd *cobra.Command, o installFlags) error {
	ctx, stop := interruptible(cmd)
	defer stop()
	if o.kind != "" || o.output != "" || o.down {
		return a.installFor(ctx, o)
	}
	c, err := o.scope.manager()
	if err != nil {
		return err
	}
	nobody := c.Backend == service.KindDirect
	if nobody && !o.print {
		return noManager(c)
	}
	if nobody {
		c.Backend = service.KindSystemd
	}
	t, err := a.find()
	if err != nil {
		return err
	}
	r, warnings, err := a.request(t, c, o)
	switch {
	case err != nil:
		return err
	case nobody:
		return a.printOldest(r, c.Scope)
	case o.print:
		r.Takeover = &install.Hook{} // what runs is of no concern
	default:
		err = otherRegistration(t, c.Scope)
	}
	if err != nil {
		return err
	}
	in, err := install.Open(ctx, c.Backend, c.Scope)
	if err != nil {
		return err
	}
	defer in.Close()
	p, err := in.Install(ctx, r)
	if err != nil {
		return err
	}
	if o.print && (c.Backend == service.KindSystemd || c.Backend == service.KindLaunchd) {
		return a.answerUnit(p.Files[0].New, p.Files[1:])
	}
	if o.print && scripted(c.Backend) {
		return a.answer(map[string]any{"script": p.Files[0].New}, "%s", trimNewline(p.Files[0].New))
	}
	p.Runs = r.Spec.Command
	p.Warnings = append(p.Warnings, warnings...)
	return a.apply(ctx, p, o.dryRun || o.print)
}

// request is what the flags, the configuration and this shell ask to be registered.
func (a *app) request(t target, m backends.Choice, o installFlags) (install.Request, []string, error) {
	d, c, err := a.direct(t, nil)
	if err != nil {
		return install.Request{}, nil, err
	}
	exe, err := program()
	if err != nil {
		return install.Request{}, nil, err
	}
	r := install.Request{
		Spec: c.Spec, Ref: t.Ref, Exec: exe, Version: appVersion(), Hardening: install.Hardening(o.hardening), Linger: o.linger, Now: o.now,
	}
	for _, v := range c.Values {
		if v.Source != "default" {
			r.Configured = append(r.Configured, v.Key)
		}
	}
	if a.pidFile != "" {
		r.PIDFile = t.Ref.Path
	}
	if a.logFile != "" {
		r.LogFile = t.Log
	}
	if o.takeover {
		r.Takeover = takeover(d)
	}
	reg := service.NewRegistration(m.Backend, m.Scope, r.Spec.Project, r.Spec.Name)
	if b, ok := backends.Manager(d, reg); ok {
		r.Start = func(ctx context.Context) error {
			_, err := b.Start(ctx)
			return err
		}
	}
	if m.Backend == service.KindWindows {
		return a.serviceRequest(r, c, o)
	}
	return unixRequest(r, c, m, o)
}

// unixRequest completes r for every manager but that of Windows.
func unixRequest(r install.Request, c *config.Config, m backends.Choice, o installFlags) (install.Request, []string, error) {
	if o.service.Start != "" || len(o.service.Depends) > 0 || o.password {
		return r, nil, usageError("--start-type, --depends and --password-stdin are for Windows", "")
	}
	if o.linger && m.Backend != service.KindSystemd {
		return r, nil, usageError("--linger is for systemd", "--system registers a daemon that runs without a login")
	}
	var err error
	if r.User, err = runAs(r, m.Scope, o.runAs); err != nil {
		return r, nil, err
	}
	own := m.Scope == service.ScopeUser || r.User == userName(os.Getuid())
	if u, err := user.Lookup(r.User); !own && err == nil { // the daemon's guard is in that user's home
		none := func(string) string { return "" }
		r.Ref.StateDir = project.StateDir(runtime.GOOS, none, u.HomeDir)
	}
	s := install.Surround(os.Environ(), own, first(c.Spec.Command), func(path string) string { return lookIn(path, c.Spec) })
	r.Path, r.Env = s.Path, s.Env
	warnings := append(c.Warnings, s.Warnings...)
	if w := install.ProgramWarning(r.Exec); w != "" {
		warnings = append(warnings, w)
	}
	if err := rootMayDependOn(r, c, m); err != nil {
		return r, nil, err
	}
	return r, warnings, rootMayMake(r, m)
}

func takeover(d *backends.Direct) *install.Hook {
	return &install.Hook{
		Do: func(ctx context.Context) error {
			_, err := d.Stop(ctx, service.StopOptions{})
			return err
		},
		Undo: func(ctx context.Context) error {
			if d.Ref.Look().Running {
				return nil
			}
			_, err := d.Start(ctx)
			return err
		},
	}
}

// program is the apexd that a unit should execute: by the name that it was called with, where that leads here, since such a link survives an upgrade that
// the file behind it does not.
func program() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	called, err := exec.LookPath(os.Args[0])
	if err != nil {
		return self, nil
	}
	if called, err = filepath.Abs(called); err != nil {
		return self, nil
	}
	a, errA := os.Stat(self)
	b, errB := os.Stat(called)
	if errA == nil && errB == nil && os.SameFile(a, b) {
		return called, nil
	}
	return self, nil
}

func first(command []string) string {
	if len(command) == 0 {
		return ""
	}
	return command[0]
}

// lookIn finds the workload's program with this PATH, unless its own environment has another.
func lookIn(path string, spec service.Spec) string {
	for _, kv := range spec.Env {
		if len(kv) > 5 && kv[:5] == "PATH=" {
			path = kv[5:]
		}
	}
	name := first(spec.Command)
	dirs := filepath.SplitList(path)
	if filepath.Base(name) != name {
		dirs = []string{""}
	}
	for _, dir := range dirs {
		p := filepath.Join(dir, name)
		if !filepath.IsAbs(p) {
			p = filepath.Join(spec.Dir, p)
		}
		if fi, err := os.Stat(p); err == nil && !fi.IsDir() && fi.Mode()&0o111 != 0 {
			return p
		}
	}
	return ""
}

// runAs is the user of a daemon in this scope, "" for one's own manager.
func runAs(r install.Request, scope service.Scope, want string) (string, error) {
	if scope == service.ScopeUser {
		if want != "" {
			return "", usageError("--run-as is for --system: your own systemd runs everything as you", "")
		}
		return "", nil
	}
	if want != "" {
		if _, err := user.Lookup(want); err != nil {
			return "", usageError("--run-as: "+err.Error(), "name a user of this machine")
		}
	}
	owner, err := install.OwnerOf(r.Spec.Project)
	if err != nil {
		return "", err
	}
	return install.RunAs(want, owner, userName)
}

func userName(uid int) string {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return strconv.Itoa(uid)
	}
	return u.Username
}

// rootMayDependOn refuses a daemon that runs as root on what others can write: its program, its project, the workload's program; and, whomever it runs as, a script of root's that executes
// what others can write.
func rootMayDependOn(r install.Request, c *config.Config, m backends.Choice) error {
	if m.Scope == service.ScopeSystem && scripted(m.Backend) {
		if err := eachElement(r.Exec, install.CheckProgram); err != nil {
			return err
		}
	}
	if u, err := user.Lookup(r.User); r.User == "" || err == nil && u.Uid != "0" {
		return nil
	}
	paths := append([]string{r.Exec, r.Spec.Project}, c.Files...)
	if p := lookIn(r.Path, r.Spec); p != "" {
		paths = append(paths, p)
	}
	for _, p := range paths {
		if err := eachElement(p, install.CheckRoot); err != nil {
			return err
		}
	}
	return nil
}

// eachElement checks what path is made of, and what the file that it leads to is.
func eachElement(path string, check func([]install.Entry) error) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	for _, p := range []string{path, real} {
		entries, err := install.Entries(p)
		if err != nil {
			return err
		}
		if err := check(entries); err != nil {
			return err
		}
	}
	return nil
}

// rootMayMake refuses Unix sockets of another user's daemon where systemd, as root, must not make them. What is missing of their directories root makes. Elsewhere the daemon makes
// its own.
func rootMayMake(r install.Request, m backends.Choice) error {
	if u, err := user.Lookup(r.User); m.Backend != service.KindSystemd || m.Scope != service.ScopeSystem || err == nil && u.Uid == "0" {
		return nil
	}
	for _, s := range r.Spec.Sockets {
		if s.UnixPath() == "" {
			continue
		}
		dir := filepath.Dir(s.UnixPath())
		for _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist); _, err = os.Lstat(dir) {
			dir = filepath.Dir(dir)
		}
		if err := eachElement(dir, install.CheckSocket); err != nil {
			return err
		}
	}
	return nil
}

// otherRegistration reports that the daemon is registered with a manager of the other scope.
func otherRegistration(t target, scope service.Scope) error {
	d := &backends.Direct{Ref: t.Ref, Spec: service.Spec{Name: t.in.Name}}
	s, ok := backends.Registered(d, t.Ref.Look())
	if !ok || s.Registered().Scope == scope || s.Definition() == "" {
		return nil
	}
	return &service.Error{
		Op: "install " + s.Registered().Service, Code: service.CodeServiceExists, Path: s.Definition(),
		Err:  fmt.Errorf("it is registered in %s scope already, and two managers would fight for it", s.Registered().Scope),
		Hint: "apexd uninstall --" + string(s.Registered().Scope) + " ends that",
	}
}

// printOldest prints the unit for the oldest systemd that apexd knows.
func (a *app) printOldest(r install.Request, scope service.Scope) error {
	out, err := install.RenderUnit(r, scope, install.OldestVersion)
	if err != nil {
		return &service.Error{Op: "write the unit", Code: service.CodeGenerationFailed, Err: err}
	}
	var sockets []install.File
	for _, u := range out.Sockets {
		sockets = append(sockets, install.File{Path: u.Name, New: u.Text})
	}
	return a.answerUnit(out.Text, sockets)
}

// answerUnit prints a service and its sockets, each of these with its name before it, as `systemctl cat` does.
func (a *app) answerUnit(text string, sockets []install.File) error {
	all := map[string]string{}
	shown := text
	for _, f := range sockets {
		if f.New != "" {
			all[filepath.Base(f.Path)] = f.New
			shown += "\n# " + f.Path + "\n" + f.New
		}
	}
	return a.answer(map[string]any{"unit": text, "sockets": all}, "%s", trimNewline(shown))
}

// trimNewline is s without its last newline, which say adds.
func trimNewline(s string) string {
	if n := len(s); n > 0 && s[n-1] == '\n' {
		return s[:n-1]
	}
	return s
}

// applied is the JSON answer of install and uninstall.
type applied struct {
	*install.Plan
	Applied bool `json:"applied"` // false with --dry-run, and where there was nothing to do
}

// apply shows the plan, or carries it out and says what came of it.
func (a *app) apply(ctx context.Context, p *install.Plan, dry bool) error {
	for _, w := range p.Warnings {
		a.warn(w)
	}
	if dry {
		return a.answer(applied{p, false}, "%s", trimNewline(p.String()))
	}
	if p.UpToDate {
		return a.answer(applied{p, false}, "%s", a.addressed(upToDate(p)))
	}
	shown := a.waiting(pidfile.Ref{}, stepText(p))
	err := p.Apply(ctx)
	shown.done()
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(applied{p, true})
	}
	for _, f := range p.Files {
		if f.Diff != "" {
			a.say("changed %s\n%s", f.Path, trimNewline(f.Diff))
		}
	}
	a.say("%sed %s (%s, %s)", p.Op, p.Service, p.Backend, cmp.Or(p.User, p.Scope))
	if p.Op == "install" {
		a.say("it runs %s", p.Program())
	}
	if p.Restart {
		a.say("%s", a.addressed("it runs with the old definition until: apexd restart"))
	}
	return nil
}

func upToDate(p *install.Plan) string {
	if p.Op == "uninstall" {
		return p.Service + " is not installed"
	}
	if p.Restart {
		return p.Service + " is up to date, but runs with an old definition until: apexd restart"
	}
	return p.Service + " is up to date"
}
