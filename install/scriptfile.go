package install

import (
	"context"
	"fmt"

	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/service"
)

// PlanScript plans to write r's script for k, which is openrc, sysv, freebsd, procd or rcs, to path and nothing else: into the image of another machine, or where no Installer is. A file at path that is not
// of the same daemon is refused. Errors: GENERATION_FAILED, SERVICE_EXISTS.
func PlanScript(r Request, k service.Kind, path string) (*Plan, error) {
	text, err := RenderScript(r, k)
	if err != nil {
		return nil, &service.Error{Op: "write the script", Code: service.CodeGenerationFailed, Err: err}
	}
	what, old, err := look(path)
	if err != nil {
		return nil, failed("write the script", service.CodeInstallFailed, err)
	}
	if m, ok := sysv.ParseMark(old); what != standsNothing && (!ok || m != markOf(r, k)) {
		return nil, &service.Error{
			Op: "write the script", Code: service.CodeServiceExists, Path: path, Err: fmt.Errorf("%q is there, and not of this daemon", path), Hint: "name a file that is not there yet",
		}
	}
	f := File{Path: path, Mode: "0755", Old: old, New: text, perm: scriptMode, exists: what == standsFile}
	if f.exists {
		f.Diff = Diff(f.Old, f.New)
	}
	p := &Plan{
		Op: "install", Service: path, Backend: string(k), Scope: string(service.ScopeSystem), User: r.User, Path: r.Path, wholly: true, UpToDate: !f.changes(),
		Files: []File{f}, Kept: []string{}, Commands: []string{}, Checks: []string{}, Warnings: []string{},
	}
	if k.Untested() {
		p.Warnings = append(p.Warnings, untested(k))
	}
	if k == service.KindFreeBSD {
		p.Warnings = append(p.Warnings, "to have it started at boot: sysrc "+sysv.RCVar(r.registration(k, service.ScopeSystem).Service)+"=YES")
	}
	if !p.UpToDate {
		made := missingDirs(path)
		p.steps = []step{{"write " + path, func(context.Context) error { return f.write() }, func(context.Context) error { return f.restore(made) }}}
	}
	return p, nil
}

// RenderScript is RenderOpenRC without its warnings, or one of the others that delegate every verb.
func RenderScript(r Request, k service.Kind) (string, error) {
	switch k {
	case service.KindOpenRC:
		out, err := RenderOpenRC(r)
		return out.Text, err
	case service.KindSysV:
		return RenderSysV(r)
	case service.KindFreeBSD:
		return RenderFreeBSD(r)
	case service.KindProcd:
		return RenderProcd(r)
	case service.KindRCS:
		return RenderRCS(r)
	}
	return "", fmt.Errorf("there is no script for %s", k)
}
