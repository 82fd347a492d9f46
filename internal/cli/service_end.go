package cli

import (
	"cmp"
	"errors"

	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/service"
)

// endOf is what the Service Control Manager, and people, are told of the daemon's end. It restarts the service after any end but the zero one: that is for a stop that
// somebody asked for, for what no restart helps, and for a start whose caller gets the answer.
func endOf(err error, asked, awaited bool, policy service.RestartWhen) (winsvc.End, winsvc.EventID) {
	if err == nil || asked {
		return winsvc.End{Again: !asked && !awaited && policy == service.RestartAlways}, winsvc.EventStopped
	}
	code := codeOf(err)
	switch {
	case code == exitConfig:
		return winsvc.End{}, winsvc.EventConfig
	case code == exitAlreadyRunning:
		return winsvc.End{}, winsvc.EventRunning
	case awaited:
		return winsvc.End{}, winsvc.EventNotReady
	}
	return winsvc.End{Specific: uint32(code)}, winsvc.EventFailed
}

// eventOf is what the Application log has of err, nil for none, in the daemon called name of project: "" where neither is known yet.
func eventOf(id winsvc.EventID, name, project, log string, err error) winsvc.Event {
	e := winsvc.Event{ID: id, Daemon: cmp.Or(name, service.DefaultName), Project: cmp.Or(project, "a project that it could not find"), Log: log}
	if err != nil {
		e.Detail = err.Error()
		var known *service.Error
		if errors.As(err, &known) {
			e.Hint = known.Hint
		}
	}
	return e
}
