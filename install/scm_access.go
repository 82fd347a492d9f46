package install

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/service"
)

// access is what the service must be allowed to do, since its account may do little: to modify the project. It is granted to the service's own SID, which a virtual account is and
// which a shared one has besides: nobody else is let in, and what is to be taken away again is certain.
type access struct {
	project string
	sid     string // "" where nothing is to be granted
	granted bool   // there is such an entry already
}

// accessOf looks at what the service d may do, and warns of what is not for install to change.
func (s *SCM) accessOf(r Request, d winsvc.Definition) (a access, warnings []string, err error) {
	if winsvc.Privileged(d.Account) {
		return a, nil, nil
	}
	sid := winsvc.ServiceSID(d.Name)
	for _, file := range append([]string{r.Exec}, r.Programs...) {
		if sddl, kept, err := s.manager.Security(file); err == nil && kept && !winsvc.MayExecute(sddl, sid) {
			warnings = append(warnings, d.Account+` may perhaps not run "`+file+`": put it where every user may, such as Program Files`)
		}
	}
	for _, file := range []string{r.PIDFile, r.LogFile} {
		if file != "" && !withinWindows(file, r.Spec.Project) {
			warnings = append(warnings, `"`+file+`" is not in the project: `+d.Account+" must be allowed to write there")
		}
	}
	sddl, kept, err := s.manager.Security(r.Spec.Project)
	switch {
	case err != nil:
		return a, warnings, err
	case !kept:
		return a, append(warnings, `the file system of "`+r.Spec.Project+`" keeps no access lists: nothing is granted to `+d.Account), nil
	}
	return access{r.Spec.Project, sid, winsvc.Granted(sddl, sid)}, warnings, nil
}

// withinWindows reports whether path is below dir. Both are clean, and Windows does not tell capitals from small letters.
func withinWindows(path, dir string) bool {
	dir = strings.TrimSuffix(dir, `\`) + `\`
	return len(path) > len(dir) && strings.EqualFold(path[:len(dir)], dir)
}

// accessSteps grants what is missing.
func (s *SCM) accessSteps(p *Plan, add func(step, string), d winsvc.Definition, a access) {
	if a.sid == "" {
		return
	}
	p.Checks = append(p.Checks, d.Account+" may modify "+a.project)
	if a.granted {
		return
	}
	p.UpToDate = false
	add(step{
		"let " + d.Account + " modify the project",
		func(context.Context) error { return s.grant(a) },
		func(context.Context) error { return s.manager.Revoke(a.project, a.sid) },
	}, fmt.Sprintf(`icacls.exe "%s" /grant "*%s:(OI)(CI)M"`, a.project, a.sid))
}

func (s *SCM) grant(a access) error {
	err := s.manager.Grant(a.project, a.sid)
	if errors.Is(err, fs.ErrPermission) {
		return &service.Error{
			Op: "let the service modify the project", Code: service.CodePermissionDenied, Path: a.project, Err: err,
			Hint: "its owner may say who may change it, and so may an administrator whom it lists",
		}
	}
	return err
}

// verifiedAccess asks again for what was granted.
func (s *SCM) verifiedAccess(a access) error {
	if a.sid == "" {
		return nil
	}
	sddl, _, err := s.manager.Security(a.project)
	if err == nil && !winsvc.Granted(sddl, a.sid) {
		err = fmt.Errorf("the access list of %q has no entry for %s", a.project, a.sid)
	}
	return err
}

// revokeSteps takes away what the service called name may do to project, which may be gone.
func (s *SCM) revokeSteps(p *Plan, add func(what, command string, do func(context.Context) error), name, project string) {
	sid := winsvc.ServiceSID(name)
	sddl, kept, err := s.manager.Security(project)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.Warnings = append(p.Warnings, fmt.Sprintf("what %s may do to the project stays: %v", sid, err))
	}
	if err != nil || !kept || !winsvc.Named(sddl, sid) {
		return
	}
	add("take the project away from its account", fmt.Sprintf(`icacls.exe "%s" /remove "*%s"`, project, sid), func(context.Context) error { return s.manager.Revoke(project, sid) })
	p.Checks = append(p.Checks, "the access list of "+project+" has no "+sid)
}
