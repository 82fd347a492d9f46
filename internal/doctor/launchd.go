package doctor

import (
	"strings"

	"github.com/joshuaaferguson/apexd/service"
)

// The session types of launchd.plist(5) that a launch agent of ours has.
const (
	sessionScreen = "Aqua"
	sessionOther  = "Background"
)

// launchd is about what launchd and macOS do with a registration.
func launchd(f Facts) []Finding {
	var all []Finding
	if f.Job.SwitchedOff {
		all = append(all, Finding{
			ID: "switched-off", Severity: Problem, Message: f.Definition + " is switched off under Login Items, \"Allow in the Background\"", Reason: "macOS does not let launchd start it, and launchctl does not say so",
			Fix: `open "x-apple.systempreferences:com.apple.LoginItems-Settings.extension", and switch it on`,
		})
	}
	if wrongSession(f) {
		all = append(all, Finding{
			ID: "session", Severity: Warning, Message: f.Definition + " is for a session at the screen (LimitLoadToSessionType " + sessionScreen + "), and nobody is logged in there",
			Reason: "launchd starts it at the next login at the screen; from anywhere else, as over ssh, it refuses it (error 134)", Fix: "apexd install", Safe: f.Drift != "" && f.DriftFix == "",
		})
	}
	if f.Backend == service.KindLaunchd && f.Scope == service.ScopeUser {
		all = append(all, agentEnds(f)...)
	}
	return all
}

// wrongSession reports whether the agent cannot be started where its user is.
func wrongSession(f Facts) bool { return f.Job.Session == sessionScreen && f.Job.NoScreen }

// agentEnds: when a user logs out, launchd ends the agents of that session (launchd(8), "it sends a SIGTERM signal to all of the user agents that it started").
func agentEnds(f Facts) []Finding {
	if f.Job.Session == sessionOther {
		return nil
	}
	fix := "sudo apexd install --system"
	if f.Definition != "" {
		fix = "apexd uninstall --user && " + fix
	}
	return []Finding{{
		ID: "agent", Severity: Note, Message: "a launch agent runs from your login to your logout", Reason: "one that is to run from boot on is a launch daemon", Fix: fix,
	}}
}

// sessionOnly reports whether all that drift would change is the session, which has a finding of its own.
func sessionOnly(drift string) bool {
	for line := range strings.Lines(drift) {
		mark, text := line[0], strings.TrimSpace(line[1:])
		if (mark == '-' || mark == '+') && text != "<string>"+sessionScreen+"</string>" && text != "<string>"+sessionOther+"</string>" {
			return false
		}
	}
	return drift != ""
}
