package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/install"
	"github.com/joshuaaferguson/apexd/internal/config"
	"github.com/joshuaaferguson/apexd/internal/doctor"
	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/internal/project"
	"github.com/joshuaaferguson/apexd/internal/shellword"
	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/service"
)

func newDoctorCmd(a *app) *cobra.Command {
	var (
		scope scopeFlags
		fix   bool
	)
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what apexd would do here and why, and what will go wrong one day",
		Long: `Say who would keep the daemon on this machine and why, and everything that would bite later: a manager that ends at log-out, a program or a project in a place that does
not last, a network file system, a registration that differs from what would be written today. Each finding has its reason, and the command that mends it.

It changes nothing, except with --fix what is safe: it turns lingering on, and writes a registration of this project's anew.

Exit status: 0 nothing needs to be mended, 1 something does.`,
		Example: "  apexd doctor\n  apexd doctor --json\n  apexd doctor --fix",
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd, scope, fix) },
	}
	scope.define(cmd)
	cmd.Flags().BoolVar(&fix, "fix", false, "mend what can be mended safely")
	return cmd
}

// diagnosis is the JSON answer of doctor.
type diagnosis struct {
	Backend  string           `json:"backend"` // who would keep the daemon
	Scope    string           `json:"scope"`   // "" with "direct"
	Reason   string           `json:"reason"`
	Hint     string           `json:"hint,omitempty"`
	Healthy  bool             `json:"healthy"`
	Findings []doctor.Finding `json:"findings"` // never null
	Fixed    []string         `json:"fixed"`    // IDs of what --fix has mended; never null
}

func (a *app) doctor(cmd *cobra.Command, s scopeFlags, fix bool) error {
	ctx, stop := interruptible(cmd)
	defer stop()
	c, err := s.manager()
	if err != nil {
		return err
	}
	t, err := a.find()
	if err != nil {
		return err
	}
	x := &examination{app: a, target: t, choice: c}
	defer x.close()
	d, err := x.diagnose(ctx)
	if err == nil && fix {
		var fixed []string
		if fixed, err = x.fix(ctx, d.Findings); len(fixed) > 0 {
			d, _ = x.diagnose(ctx) // anew: what is mended is not found any more
			d.Fixed = fixed
		}
	}
	if err != nil {
		return err
	}
	if err := a.answer(d, "%s", trimNewline(a.diagnosisText(d))); err != nil {
		return err
	}
	if !d.Healthy {
		return statusError(exitFailed)
	}
	return nil
}

// examination is one look at a machine and a daemon.
type examination struct {
	app    *app
	target target
	choice backends.Choice
	drift  *install.Plan // that would mend the registration, nil where there is nothing to mend

	installer install.Installer // whose plan drift is; nil before the first
}

func (x *examination) close() {
	if x.installer != nil {
		x.installer.Close()
		x.installer = nil
	}
}

func (x *examination) diagnose(ctx context.Context) (diagnosis, error) {
	host := backends.Probe()
	f := doctor.Facts{
		Backend: x.choice.Backend, Scope: x.choice.Scope, Reason: x.choice.Reason, Hint: x.choice.Hint, UserManager: host.UserManager, Linger: host.Linger, Container: host.Container, WSL: host.WSL,
		User: callerName(), Version: appVersion(), Disk: doctor.DiskOf(x.target.in.Project),
	}
	f.Locked = locked(x.target)
	var err error
	if f.Program, err = program(); err != nil {
		return diagnosis{}, err
	}
	f.Fleeting = install.ProgramWarning(f.Program)
	if entries, err := install.Entries(f.Program); err == nil && host.UID == 0 {
		if err := install.CheckRoot(entries); err != nil {
			f.Replace = reasonOf(err)
		}
	}
	if c, err := config.Load(x.target.in); err != nil {
		f.ConfigErr = err
	} else {
		f.Warnings, f.LogRoom = c.Warnings, c.Spec.Log.MaxSize*int64(c.Spec.Log.MaxFiles+1)
	}
	f.Status = backends.Status(ctx, x.target.Ref, x.target.in.Name)
	if w := project.Elsewhere(x.target.in.Project); w != "" && !slices.Contains(f.Status.Warnings, w) {
		f.Status.Warnings = append(f.Status.Warnings, w)
	}
	x.registration(ctx, &f)
	found := doctor.Examine(f)
	d := diagnosis{
		Backend: string(x.choice.Backend), Scope: string(x.choice.Scope), Reason: x.choice.Reason, Hint: x.choice.Hint,
		Healthy: doctor.Healthy(found), Findings: append([]doctor.Finding{}, found...), Fixed: []string{},
	}
	if x.choice.Backend == service.KindDirect {
		d.Scope = ""
	}
	return d, nil
}

// locked is why this user cannot write where the files of t are to be, or nil.
func locked(t target) error {
	dir := filepath.Dir(t.Ref.Path)
	for !dirExists(dir) && filepath.Dir(dir) != dir {
		dir = filepath.Dir(dir)
	}
	return doctor.Writable(dir)
}

// reasonOf is what err says without "cannot …".
func reasonOf(err error) string {
	var e *service.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}

// registration looks at what the daemon's manager has of it.
func (x *examination) registration(ctx context.Context, f *doctor.Facts) {
	x.drift = nil
	f.Orphans = unitOrphans(x.choice)
	d := &backends.Direct{Ref: x.target.Ref, Spec: service.Spec{Name: x.target.in.Name}}
	m, ok := backends.Registered(d, x.target.Ref.Look())
	if !ok || m.Definition() == "" {
		return
	}
	f.Definition = m.Definition()
	text, err := os.ReadFile(f.Definition)
	if err != nil && m.Kind() != service.KindWindows { // which has it in its registry
		return
	}
	if m.Kind() == service.KindSystemd {
		if project, name, ours := install.UnitOwner(string(text)); !ours || project != x.target.in.Project || name != x.target.in.Name {
			f.Foreign = true
			return
		}
	}
	was, known := install.ReadDefinition(m.Registered(), string(text))
	if !known {
		return
	}
	if l, ok := m.(*backends.Launchd); ok {
		f.Job = jobOf(ctx, l, was)
	}
	f.Runs = was.Program
	_, err = os.Stat(was.Program)
	f.RunsGone = errors.Is(err, fs.ErrNotExist)
	asked := installFlags{runAs: was.User, service: was.Service}
	if m.Kind() == service.KindWindows && winsvc.NeedsPassword(was.User) { // which is kept nowhere
		asked.service.Password = "unknown"
		f.DriftFix = "apexd install --run-as " + shellword.Show(was.User) + " --password-stdin"
	}
	if err := x.compare(ctx, f, m.Registered(), asked); err != nil && !errors.Is(err, fs.ErrPermission) {
		f.ManagerErr = err
	}
	if f.DriftFix != "" {
		x.drift = nil
	}
}

// jobOf is what launchd and macOS have to say of a registration. What they do not tell speaks against nothing.
func jobOf(ctx context.Context, l *backends.Launchd, was install.Asked) doctor.Job {
	j := doctor.Job{Session: was.Session}
	if off, err := launchd.SwitchedOff(ctx, os.Geteuid(), l.File); err == nil {
		j.SwitchedOff = off
	}
	if l.Registration.Scope == service.ScopeUser {
		at, err := launchd.Launchctl{}.Screen(ctx, l.Owner, l.Registration.Service)
		j.NoScreen = err == nil && !at
	}
	return j
}

// unitOrphans are the registrations of projects that are gone, of the manager of c.
func unitOrphans(c backends.Choice) []service.Orphan {
	if c.Backend != service.KindSystemd {
		return nil
	}
	dir := "/etc/systemd/system"
	if c.Scope == service.ScopeUser {
		config, err := os.UserConfigDir()
		if err != nil {
			return nil
		}
		dir = filepath.Join(config, "systemd/user")
	}
	return install.Orphans(dir)
}

// compare plans the registration anew, as it was asked for, and looks whether that would change it. PATH and the rest of the environment are the shell's in which it was
// done, and do not count.
func (x *examination) compare(ctx context.Context, f *doctor.Facts, reg service.Registration, asked installFlags) error {
	if f.ConfigErr != nil {
		return nil // that is to be mended first
	}
	x.close()
	in, err := install.Open(ctx, reg.Backend, reg.Scope)
	if err != nil {
		return err
	}
	x.installer = in
	levels := []install.Hardening{install.HardeningBaseline}
	if reg.Backend == service.KindSystemd {
		levels = append(levels, install.HardeningStrict, install.HardeningOff)
	}
	for _, level := range levels {
		asked.hardening = string(level)
		r, _, err := x.app.request(x.target, backends.Choice{Backend: reg.Backend, Scope: reg.Scope}, asked)
		if err != nil {
			f.Refused = reasonOf(err)
			return nil
		}
		r.Takeover = &install.Hook{} // what runs is of no concern
		p, err := in.Install(ctx, r)
		if err != nil {
			return err
		}
		diff := drift(p)
		if diff == "" {
			f.Drift, x.drift = "", nil
			return nil
		}
		if x.drift == nil {
			f.Drift, x.drift = diff, p
		}
	}
	return nil
}

// drift is the diff of p's files where more than the environment changes.
func drift(p *install.Plan) string {
	var b strings.Builder
	for _, file := range p.Files {
		if install.Settled(file.Old) != install.Settled(file.New) {
			b.WriteString(file.Diff)
		}
	}
	return b.String()
}

// fixWait bounds each mending.
const fixWait = 2 * time.Minute

// fix mends what is safe to mend, and returns the IDs of what it has mended.
func (x *examination) fix(ctx context.Context, found []doctor.Finding) (fixed []string, err error) {
	for _, f := range found {
		if !f.Safe {
			continue
		}
		one, cancel := context.WithTimeout(ctx, fixWait)
		switch {
		case f.ID == "linger":
			err = exec.CommandContext(one, "loginctl", "enable-linger", callerName()).Run()
		case x.drift != nil:
			err = x.drift.Apply(one)
			x.drift = nil
		}
		cancel()
		if err != nil {
			return fixed, fmt.Errorf("%s: %w", f.Fix, err)
		}
		fixed = append(fixed, f.ID)
	}
	return fixed, nil
}

// diagnosisText is the page for people.
func (a *app) diagnosisText(d diagnosis) string {
	var b strings.Builder
	keeper := d.Backend
	if d.Scope != "" {
		keeper += " (" + d.Scope + ")"
	}
	if d.Backend == string(service.KindDirect) {
		keeper = "apexd itself"
	}
	fmt.Fprintf(&b, "kept by   %s: %s\n", keeper, d.Reason)
	for _, id := range d.Fixed {
		fmt.Fprintf(&b, "mended    %s\n", id)
	}
	count := map[doctor.Severity]int{}
	for _, f := range d.Findings {
		count[f.Severity]++
		fmt.Fprintf(&b, "\n%-9s %s\n", f.Severity, indented(f.Message))
		fmt.Fprintf(&b, "%-9s %s\n", "", f.Reason)
		if f.Fix != "" {
			fmt.Fprintf(&b, "%-9s mend it: %s\n", "", a.addressed(f.Fix))
		}
	}
	if len(d.Findings) > 0 {
		b.WriteByte('\n')
	}
	if d.Healthy {
		b.WriteString("nothing needs to be mended\n")
	} else {
		fmt.Fprintf(&b, "%s, %s\n", plural(count[doctor.Problem], "problem"), plural(count[doctor.Warning], "warning"))
	}
	return b.String()
}

// indented is a text of several lines with all but the first below it.
func indented(s string) string {
	return strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n          ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
