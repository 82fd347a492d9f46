package launchd

import (
	"path/filepath"
	"strconv"

	"github.com/joshuaaferguson/apexd/service"
)

// Domain is where launchd has a job: "system", "gui/501", "user/501" (launchctl(1), "SUBCOMMANDS").
type Domain string

// System is the domain of the machine, of which root alone may change something.
const System Domain = "system"

// GUI is the domain of uid's session at the screen. It is there while that user is logged in.
func GUI(uid int) Domain { return Domain("gui/" + strconv.Itoa(uid)) }

// User is uid's domain without a screen, as of somebody who comes by ssh.
func User(uid int) Domain { return Domain("user/" + strconv.Itoa(uid)) }

// Domains are those in which a job of scope can be, uid being whose it is with ScopeUser, the usual one first.
func Domains(scope service.Scope, uid int) []Domain {
	if scope == service.ScopeSystem {
		return []Domain{System}
	}
	return []Domain{GUI(uid), User(uid)}
}

// Target names one job of d: "gui/501/apex-shop-1a2b3c4d".
func (d Domain) Target(label string) string { return string(d) + "/" + label }

// Session is the LimitLoadToSessionType of a job that is to be loaded into d. launchd refuses one of another type (error 134).
func (d Domain) Session() string {
	switch {
	case d == System:
		return "System"
	case len(d) > 4 && d[:4] == "gui/":
		return "Aqua"
	}
	return "Background"
}

// File is where the property list of the job called label is, home being that of the user with ScopeUser (launchd.plist(5), "FILES").
func File(scope service.Scope, home, label string) string {
	dir := filepath.Join(home, "Library/LaunchAgents")
	if scope == service.ScopeSystem {
		dir = filepath.Join(root(), "/Library/LaunchDaemons")
	}
	return filepath.Join(dir, label+".plist")
}
