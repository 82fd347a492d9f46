package backends

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// SysV runs the daemon by an init script of System V, or one of procd, BusyBox's rcS or FreeBSD's rc, that delegates every verb. There is no manager that could be asked or that would notice anything: lock and record tell everything but whether
// the machine starts it. A start goes through the script, which knows whom the daemon runs as and with what environment, and is what the boot executes; everything else goes to
// the daemon itself. It is a value and safe for concurrent use.
type SysV struct {
	Direct       *Direct
	Registration service.Registration
	Layout       sysv.Layout
}

var (
	_ Managed   = (*SysV)(nil)
	_ Restarter = (*SysV)(nil)
)

// registeredScript is System V's view of d's daemon: by the record of one that runs, by the script otherwise. Another manager may have put a script of the same name there.
func registeredScript(d *Direct, f pidfile.Finding) (Managed, bool) {
	return scriptIn(sysv.Layout{}, d, f)
}

func scriptIn(l sysv.Layout, d *Direct, f pidfile.Finding) (Managed, bool) {
	s := &SysV{Layout: l, Direct: d, Registration: service.NewRegistration(service.KindSysV, service.ScopeSystem, d.Ref.Project, d.Spec.Name)}
	if m, ok := sysv.ReadMark(s.script()); ok && slices.Contains(sysv.Kinds(), service.Kind(m.Kind)) {
		s.Registration.Backend = service.Kind(m.Kind)
		return s, true
	}
	if f.Record != nil && slices.Contains(sysv.Kinds(), service.Kind(f.Record.Backend)) {
		s.Registration.Backend = service.Kind(f.Record.Backend)
	}
	return s, f.Running && keeps(s, f) && f.Record != nil
}

// Kind implements service.Backend.
func (s *SysV) Kind() service.Kind { return s.Registration.Backend }

// Registered implements Managed.
func (s *SysV) Registered() service.Registration { return s.Registration }

func (s *SysV) script() string { return s.Layout.Script(s.Registration.Service) }

// Definition implements Managed.
func (s *SysV) Definition() string {
	if exists(s.script()) {
		return s.script()
	}
	return ""
}

// Status implements service.Backend. It has no errors.
func (s *SysV) Status(context.Context) (service.Status, error) {
	f := s.Direct.Ref.Look()
	st := f.Status(s.Direct.Ref, s.Direct.Spec.Name)
	mergeScript(&st, s.Registration, exists(s.script()), s.Layout.Starts(s.Registration.Backend, s.Registration.Service))
	if s.Kind().Untested() {
		st.Warnings = append(st.Warnings, "untested: apexd was never run under "+string(s.Kind())+" by its makers")
	}
	return st, nil
}

// mergeScript adds to st, which record and lock tell, what there is of an init script or a service directory: whether there is one, and whether it is started at boot. System V,
// runit and s6 know nothing of the daemon that the lock does not, so that Native is nil, and the state is never anything but the daemon's.
//
//	lock held  by           state               backend
//	yes        r's          as the record says  r's
//	yes        somebody     as the record says  theirs, with a warning
//	no                      as the record says  r's
func mergeScript(st *service.Status, r service.Registration, script, enabled bool) {
	st.Registered, st.Enabled = script, &enabled
	st.Wanted = st.Running || st.State == service.StateFailed || script && enabled
	if st.Running && st.Backend != string(r.Backend) {
		st.Warnings = append(st.Warnings, fmt.Sprintf("it is registered as %s and runs outside of it", r.Service))
		return
	}
	registeredAs(st, r)
	if !script {
		st.Warnings = append(st.Warnings, `its script is gone: "apexd install" writes it anew`)
	}
}

// Start implements service.Backend.
func (s *SysV) Start(ctx context.Context) (service.Started, error) {
	if f := s.Direct.certain(ctx); f.Running {
		return service.Started{}, alreadyRunning(f)
	}
	return s.run(ctx, "start")
}

// Restart implements Restarter.
func (s *SysV) Restart(ctx context.Context) (service.Started, error) { return s.run(ctx, "restart") }

// Stop implements service.Backend. Nobody would start the daemon again.
func (s *SysV) Stop(ctx context.Context, o service.StopOptions) (service.Stopped, error) {
	return s.Direct.Stop(ctx, o)
}

// Reload implements service.Backend.
func (s *SysV) Reload(ctx context.Context) error { return s.Direct.Reload(ctx) }

// run executes the script, whose answer is apexd's own. It is interrupted, with everything that it has called, when ctx is done.
func (s *SysV) run(ctx context.Context, verb string) (service.Started, error) {
	var out, errs bytes.Buffer
	err := runGroup(ctx, []string{s.script(), sysv.Verb(s.Kind(), verb), "--json"}, &out, &errs)
	var answer struct {
		service.Started
		Error *service.Error `json:"error"`
	}
	bad := json.Unmarshal(bytes.TrimSpace(out.Bytes()), &answer)
	switch {
	case bad == nil && answer.Error != nil:
		return service.Started{}, answer.Error
	case bad == nil && err == nil && answer.PID != 0:
		return answer.Started, nil
	}
	e := &service.Error{Op: verb + " daemon", Code: service.CodeStartFailed, Path: s.script(), Hint: "run it by hand: " + s.script() + " " + verb}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Code, e.Err, e.Hint = service.CodeServiceNotFound, errors.New("there is no such script"), `"apexd install" registers it`
	case errors.Is(err, fs.ErrPermission):
		e.Code, e.Err, e.Hint = service.CodePermissionDenied, err, "run the same command with sudo"
	case ctx.Err() != nil:
		e.Err = context.Cause(ctx)
	default:
		e.Err = fmt.Errorf("%s %s: %w: %s", s.script(), verb, orElse(err), strings.TrimSpace(errs.String()))
	}
	return service.Started{}, e
}

// orElse is err, or that there was none where one would have been better.
func orElse(err error) error {
	if err == nil {
		return errors.New("it gave no answer")
	}
	return err
}
