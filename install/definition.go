package install

import (
	"strings"

	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/service"
)

// Asked is what a definition of ours says of how its daemon was registered, so that the same can be asked for again.
type Asked struct {
	User    string // "" for ScopeUser
	Program string // the apexd that it runs
	Service ServiceOptions
	Session string // of a launch agent: LimitLoadToSessionType; "Aqua" where it says none (launchd.plist(5))
}

// ReadDefinition reads the definition of reg: text, or, on Windows, where that is in no file, what the registry has. known is false for one that does not tell, such as somebody's own or one that
// an administrator has disabled.
func ReadDefinition(reg service.Registration, text string) (a Asked, known bool) {
	switch reg.Backend {
	case service.KindSystemd:
		a = readUnit(text)
	case service.KindLaunchd:
		a = readJob(text)
	case service.KindWindows:
		a = readService(reg.Service)
	default:
		m, ours := sysv.ParseMark(text)
		if !ours || m.Kind != string(reg.Backend) || m.User == "" {
			return a, false
		}
		a.User, a.Program = m.User, m.Program
	}
	return a, a.Program != ""
}

// askedOf is what a service of Windows says. One that is disabled was not registered so: apexd disable leaves it to be started by hand.
func askedOf(d winsvc.Definition) Asked {
	argv := winsvc.Argv(d.ImagePath)
	if _, _, ours := d.Owner(); !ours || d.Start == winsvc.Disabled {
		return Asked{}
	}
	return Asked{User: d.Account, Program: argv[0], Service: ServiceOptions{Start: d.Start, Depends: d.Depends}}
}

// UnitOwner is the daemon that the text of a unit says it was made for; false where apexd has not made it.
func UnitOwner(text string) (project, name string, ours bool) {
	o, ours := ownerOf(text)
	return o.project, o.name, ours
}

// readUnit reads the text of a .service unit.
func readUnit(text string) Asked {
	var a Asked
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		switch key {
		case "User":
			a.User = value
		case "ExecStart":
			a.Program = programOf(value)
		}
	}
	return a
}

// programOf is the first word of a command line that commandLine has written: no quote is in it.
func programOf(exec string) string {
	exec = strings.TrimPrefix(exec, "@")
	end := " "
	if strings.HasPrefix(exec, `"`) {
		exec, end = exec[1:], `"`
	}
	word, _, _ := strings.Cut(exec, end)
	return strings.ReplaceAll(word, "%%", "%")
}

// Settled is the text of a definition without what depends on the shell in which it was made, and on the version that made it: where only that differs, nothing has drifted.
func Settled(text string) string {
	var b strings.Builder
	environment := false // inside of a property list's
	for line := range strings.Lines(text) {
		switch {
		case environment:
			environment = !strings.Contains(line, "</dict>") // a value has its '<' escaped
		case strings.Contains(line, "<key>EnvironmentVariables</key>"):
			environment = true
		case !passing(line):
			b.WriteString(line)
		}
	}
	return b.String()
}

// passing reports whether line is only about a version or an environment: of a unit, of the registry's, of a script for OpenRC, where it has the environment as variables of its own, or of an init script.
func passing(line string) bool {
	for _, p := range []string{"Environment=", "# Made by apexd ", "apexd_env", "supervise_daemon_args=", "# Description:       Made by apexd ", "\tenv -i "} {
		if strings.HasPrefix(line, p) {
			return true
		}
	}
	return false
}
