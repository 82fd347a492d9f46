package cli

import (
	"context"
	"os"
	"path/filepath"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/install"
	"github.com/joshuaaferguson/apexd/service"
)

// installFor prints what the manager --for would need, or writes it to --output.
func (a *app) installFor(ctx context.Context, o installFlags) error {
	k := service.Kind(o.kind)
	dir := k == service.KindRunit || k == service.KindS6
	script := scripted(k) && !dir
	switch {
	case !dir && !script && k != service.KindSystemd:
		return usageError("--for "+quote(o.kind), "it is systemd, openrc, sysv, runit, s6, freebsd, procd or rcs")
	case !dir && o.down:
		return usageError("--down is for --for runit or s6", "")
	case o.output != "" && !dir && !script:
		return usageError("--output is for every --for but systemd", "")
	}
	scope, err := o.scope.choose()
	if err != nil {
		return err
	}
	t, err := a.find()
	if err != nil {
		return err
	}
	r, warnings, err := a.request(t, backends.Choice{Backend: k, Scope: scope}, o)
	if err != nil {
		return err
	}
	if r.User == "" {
		r.User = userName(os.Getuid())
	}
	if o.output == "" {
		return a.printFor(r, scope, k, o)
	}
	output, err := filepath.Abs(o.output)
	if err != nil {
		return err
	}
	var p *install.Plan
	if dir {
		p, err = install.PlanServiceDir(r, scope, k, output, o.down)
	} else {
		p, err = install.PlanScript(r, k, output)
	}
	if err != nil {
		return err
	}
	p.Runs, p.Warnings = r.Spec.Command, append(p.Warnings, warnings...)
	return a.apply(ctx, p, o.dryRun || o.print)
}

// printFor prints the file or files that k would need.
func (a *app) printFor(r install.Request, scope service.Scope, k service.Kind, o installFlags) error {
	var (
		text  string
		files []install.File
		err   error
	)
	switch k {
	case service.KindSystemd:
		return a.printOldest(r, scope)
	case service.KindOpenRC, service.KindSysV, service.KindFreeBSD, service.KindProcd, service.KindRCS:
		text, err = install.RenderScript(r, k)
	default:
		files, err = install.RenderServiceDir(r, scope, k, o.down)
	}
	if err != nil {
		return &service.Error{Op: "write what " + o.kind + " needs", Code: service.CodeGenerationFailed, Err: err}
	}
	if files == nil {
		return a.answer(map[string]any{"script": text}, "%s", trimNewline(text))
	}
	all := map[string]string{}
	for i, f := range files {
		all[f.Path] = f.New
		if i > 0 {
			text += "\n"
		}
		text += "# file " + f.Path + ", mode " + f.Mode + "\n" + f.New
	}
	return a.answer(map[string]any{"files": all}, "%s", trimNewline(text))
}

// scripted reports whether k starts the daemon by a script of ours, which executes apexd before it is the daemon's user.
func scripted(k service.Kind) bool {
	switch k {
	case service.KindSysV, service.KindOpenRC, service.KindFreeBSD, service.KindProcd, service.KindRCS, service.KindRunit, service.KindS6:
		return true
	}
	return false
}
