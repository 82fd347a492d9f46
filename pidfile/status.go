package pidfile

import (
	"fmt"
	"time"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/service"
)

// Status is what r, of a live daemon whose process is info, tells.
func (r *Record) Status(info proc.Info, project string) service.Status {
	s := r.common(project)
	s.Running, s.Wanted = true, true
	s.setProcess(info)
	s.State, s.Ready = r.State, ptr(r.Ready)
	if s.State == "" { // not written by apexd: that it lives is all we know
		s.State, s.Ready = service.StateRunning, nil
	}
	return s.Status
}

// Status is the answer that f gives for the daemon called name.
func (f Finding) Status(ref Ref, name string) service.Status {
	s := status{service.Status{Schema: service.StatusSchema, Name: name, Project: ref.Project, Warnings: []string{}}}
	if f.Record != nil {
		s = f.Record.common(ref.Project)
		s.Name = name
	}
	if !f.Running || s.Backend == "" { // whoever kept a daemon that is gone does not keep it any more
		s.Backend, s.Scope, s.Service = string(service.KindDirect), nil, nil
	}
	s.Warnings = append(s.Warnings, f.Warnings...)
	if f.Running {
		s.Running, s.Wanted, s.State = true, true, service.StateRunning
		if f.PID != 0 {
			s.setProcess(f.Process)
		}
		s.Warnings = append(s.Warnings, f.suspended()...)
		if f.Record != nil && f.Record.State != "" && f.Record.State != service.StateFailed {
			s.State, s.Ready = f.Record.State, ptr(f.Record.Ready)
		}
		switch {
		case f.Record == nil:
		case f.Record.State == service.StateStopped: // it has the lock and has not come to its workload yet
			s.State = service.StateStarting
		case f.Record.State == service.StateFailed: // it has given up and is about to end
			s.State, s.Ready = service.StateStopping, ptr(false)
		}
		return s.Status
	}
	s.State, s.Ready, s.PID, s.Uptime = f.State, ptr(false), nil, nil
	s.Wanted = f.State == service.StateFailed && f.Record != nil
	if s.Workload != nil {
		s.Workload.PID, s.Workload.Address, s.Workload.Listen = 0, "", nil
	}
	if f.Reason != "" {
		s.StatusText = ptr(f.Reason)
		if f.State == service.StateUnknown || f.Err != nil {
			s.Warnings = append(s.Warnings, f.Reason)
		}
	}
	return s.Status
}

// suspended says of the daemon and of its workload whether they are suspended, and so do nothing although they run.
func (f Finding) suspended() []string {
	if f.Process.Suspended {
		return []string{suspendedText("the daemon", f.PID)}
	}
	if f.Record == nil || f.Record.Workload == nil || f.Record.Workload.PID == 0 {
		return nil
	}
	w := f.Record.Workload
	if info, err := proc.Match(w.PID, w.Identity); err == nil && info.Suspended {
		return []string{suspendedText("the workload", w.PID)}
	}
	return nil
}

func suspendedText(who string, pid int) string {
	return fmt.Sprintf(`%s is suspended (SIGSTOP, Ctrl-Z) and does nothing: "kill -CONT %d" lets it go on`, who, pid)
}

// status lets the conversion have steps.
type status struct{ service.Status }

func (s *status) setProcess(info proc.Info) {
	s.PID, s.Uptime = ptr(info.PID), ptr(info.Age.Milliseconds())
	if s.StartedAt == nil {
		s.StartedAt = ptr(info.Started.UTC().Truncate(time.Millisecond))
	}
}

func (r *Record) common(project string) status {
	s := status{service.Status{
		Schema: service.StatusSchema, Name: r.Name, Project: project, Backend: r.Backend, Version: nonEmpty(r.Version),
		Scope: nonEmpty(r.Scope), Service: nonEmpty(r.Service), StatusText: nonEmpty(r.StatusText), Warnings: []string{},
	}}
	s.Since, s.StartedAt = nonZero(r.Since), nonZero(r.StartedAt)
	if r.Log != nil {
		s.Log = &service.LogRef{Kind: r.Log.Kind, Path: r.Log.Path}
	}
	if w := r.Workload; w != nil {
		s.Workload = &service.Workload{PID: w.PID, StartedAt: nonZero(w.StartedAt), Source: w.Source, Address: w.Address, Listen: w.Listen}
		s.Restarts = w.Restarts
		if e := w.LastExit; e != nil {
			s.LastExit = &service.Exit{Code: e.Code, Signal: e.Signal, At: e.At.Time}
		}
	}
	return s
}

func ptr[T any](v T) *T { return &v }

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func nonZero(t Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return ptr(t.UTC())
}
