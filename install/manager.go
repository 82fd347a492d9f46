package install

import (
	"context"
	"fmt"

	"github.com/joshuaaferguson/apexd/internal/systemd"
	"github.com/joshuaaferguson/apexd/service"
)

// manager is what is asked of a running systemd; see systemd.Conn.
type manager interface {
	Facts(ctx context.Context) (systemd.Facts, error)
	Unit(ctx context.Context, name string) (systemd.Unit, error)
	Job(ctx context.Context, verb, name string) (result string, err error)
	ResetFailed(ctx context.Context, name string) error
	Reload(ctx context.Context) error
	Enable(ctx context.Context, name string) error
	Disable(ctx context.Context, name string) error
	Close()
}

// active reports whether anything of u runs, or is on its way to.
func active(u systemd.Unit) bool {
	switch u.ActiveState {
	case "active", "activating", "reloading", "deactivating":
		return true
	}
	return false
}

// enabled reports whether u will be started at boot, or at login.
func enabled(u systemd.Unit) bool { return u.UnitFileState == "enabled" }

// job returns when the job is done; one that fails is an error.
func (s *Systemd) job(ctx context.Context, verb, name string) error {
	result, err := s.manager.Job(ctx, verb, name)
	if err != nil || result == "done" {
		return err
	}
	u, _ := s.manager.Unit(ctx, name) // what it cannot say is missing in the message
	return jobError(verb, name, result, u)
}

// jobError is the end of a job that did not do what it should: "failed", "timeout", "canceled", "dependency" (org.freedesktop.systemd1(5), JobRemoved).
func jobError(verb, name, result string, u systemd.Unit) error {
	code := service.CodeStartFailed
	if verb == "stop" {
		code = service.CodeStopFailed
	}
	text := fmt.Sprintf("systemd says %q", result)
	if u.Result != "" && u.Result != "success" {
		text += fmt.Sprintf(", and of the unit %q", u.Result)
	}
	return &service.Error{Op: verb + " " + name, Code: code, Err: fmt.Errorf("%s", text), Hint: "apexd logs shows why"}
}
