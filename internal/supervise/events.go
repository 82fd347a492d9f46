package supervise

import "github.com/joshuaaferguson/apexd/internal/winevent"

// StopEventVar names, in a workload's environment on Windows, the event that means what SIGTERM means on Unix. It stays set, so that every process
// of the workload may wait on it. A workload that opens it before it is set gets nothing else; any other gets a CTRL_BREAK too, where there is a console.
// In PowerShell: [Threading.EventWaitHandle]::OpenExisting($env:APEX_STOP_EVENT).WaitOne()
const StopEventVar = "APEX_STOP_EVENT"

// eventVerbs are the events by which a daemon on Windows is asked; eventRequest is the request of each.
func eventVerbs() []string { return []string{winevent.Stop, winevent.Kill, winevent.Reload} }

func eventRequest(verb string) Request {
	r := Request{Kind: RequestStop, By: "event " + verb}
	switch verb {
	case winevent.Kill:
		r.Kind = RequestKill
	case winevent.Reload:
		r.Kind = RequestReload
	}
	return r
}
