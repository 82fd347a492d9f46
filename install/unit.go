package install

import (
	"fmt"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// setting is one line of a unit.
type setting struct{ key, value string }

// section is one part of a unit.
type section struct {
	name     string
	settings []setting
}

// unitSchema is the version of the section that says whose unit it is.
const unitSchema = "1"

// ownSection is where a unit says whose it is. systemd ignores sections that begin with X- (systemd.unit(5)).
const ownSection = "X-Apexd"

// Exit statuses of apexd after which another try would end the same way (docs/design.md, "Exit statuses").
const dontRestart = "78 79"

// Margins by which the manager waits longer than the daemon does, so that the daemon's own answer is heard.
const (
	startMargin = 10 * time.Second
	stopMargin  = 5 * time.Second
)

// Rendered is a unit and what it cannot say.
type Rendered struct {
	Text     string
	Sockets  []Unit // .socket units, in the order of the configuration
	Warnings []string
}

// RenderUnit returns the .service unit of r and its .socket units for a systemd of this version (252, 255 …). It is pure: the same on every system, and it reads nothing. Errors: what
// the request holds and a unit cannot carry, by name.
func RenderUnit(r Request, scope service.Scope, version int) (Rendered, error) {
	reg := r.registration(service.KindSystemd, scope)
	var (
		out Rendered
		err error
	)
	if out.Sockets, err = socketsOf(r, reg); err != nil {
		return out, err
	}
	serv, err := serviceSection(r, reg, version, &out)
	if err != nil {
		return out, err
	}
	unit := unitSection(r, scope)
	needs, takes := requires(out.Sockets)
	unit.settings, serv.settings = append(unit.settings, needs...), append(serv.settings, takes...)
	out.Text = render(r.Version, reg, []section{unit, serv, ownership(r), installSection(scope)})
	return out, nil
}

func render(version string, reg service.Registration, sections []section) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Made by apexd %s and replaced by the next \"apexd install\". Your own settings belong into a drop-in:\n", words(version))
	user := ""
	if reg.Scope == service.ScopeUser {
		user = "--user "
	}
	fmt.Fprintf(&b, "#   systemctl %sedit %s\n", user, reg.Service)
	for _, s := range sections {
		fmt.Fprintf(&b, "\n[%s]\n", s.name)
		for _, l := range s.settings {
			fmt.Fprintf(&b, "%s=%s\n", l.key, l.value)
		}
	}
	return b.String()
}

func unitSection(r Request, scope service.Scope) section {
	s := []setting{
		{"Description", fmt.Sprintf("APEX daemon of %s (%s)", words(r.Spec.Project), r.Spec.Name)},
		{"Documentation", "https://github.com/joshuaaferguson/apexd/blob/main/docs/systemd.md"},
	}
	if scope == service.ScopeSystem { // a user's manager has no such target
		s = append(s, setting{"Wants", "network-online.target"}, setting{"After", "network-online.target"})
	}
	return section{"Unit", append(s, startLimit(r.Spec.Restart)...)}
}

func serviceSection(r Request, reg service.Registration, version int, out *Rendered) (section, error) {
	exec, err := commandLine(r.argv(reg))
	if err != nil {
		return section{}, err
	}
	s := protocol(version, exec)
	if dir, ok := directory(r.Spec.Project); ok { // else the daemon goes there by itself
		s = append(s, setting{"WorkingDirectory", dir})
	}
	if r.User != "" {
		s = append(s, setting{"User", r.User})
	}
	for _, kv := range append([]string{"PATH=" + r.Path}, r.Env...) {
		word, err := assignment(kv)
		if err != nil {
			return section{}, err
		}
		s = append(s, setting{"Environment", word})
	}
	again, missing := restart(r.Spec.Restart, version)
	if w := notExpressed(missing, r.Configured, version); w != "" {
		out.Warnings = append(out.Warnings, w)
	}
	s = append(s, again...)
	s = append(s, setting{"RestartPreventExitStatus", dontRestart})
	s = append(s, limits(r.Spec)...)
	// There is no SyslogIdentifier=: what the daemon prints before its log is open would be taken for the log (internal/journal).
	if reg.Scope == service.ScopeSystem && r.Spec.Log.Store != service.LogFile { // journald knows the limits of the system's units only
		s = append(s, setting{"LogRateLimitIntervalSec", noRateLimit})
	}
	walls, err := hardening(r, reg.Scope, out)
	return section{"Service", append(s, walls...)}, err
}

// noRateLimit is an interval in which nobody comes to journald's burst. 0 would mean that nothing is set, and journald's own limit holds: systemd tells journald of no such value
// (systemd 252, unit_export_log_ratelimit_interval in src/core/unit.c; e2e/systemdlog has seen it).
const noRateLimit = "1us"

// protocol is how the daemon and systemd talk. notify-reload sends SIGHUP and waits for the daemon's word that it is done; before there was one, kill sends
// it and nobody waits.
func protocol(version int, exec string) []setting {
	if version >= versionNotifyReload {
		return []setting{{"Type", "notify-reload"}, {"ExecStart", exec}}
	}
	return []setting{{"Type", "notify"}, {"ExecStart", exec}, {"ExecReload", "/bin/kill -HUP $MAINPID"}}
}

// limits are longer than the daemon's own. mixed: SIGTERM goes to the daemon, which stops the workload its way; what is left after TimeoutStopSec is killed.
func limits(spec service.Spec) []setting {
	s := []setting{{"TimeoutStartSec", startTimeout(spec)}, {"TimeoutStopSec", span(spec.StopTimeout + stopMargin)}, {"KillMode", "mixed"}}
	if spec.Watchdog > 0 && len(spec.Command) > 0 { // the daemon ends a workload that has gone silent; systemd one that does not even do that
		s = append(s, setting{"WatchdogSec", span(spec.Watchdog + spec.StopTimeout + stopMargin)})
	}
	return s
}

func startTimeout(spec service.Spec) string {
	if spec.Readiness.Timeout == 0 { // no limit was wanted
		return "infinity"
	}
	return span(startBound(spec))
}

// startBound is longer than a daemon that works takes to become ready, or to say that it has not.
func startBound(spec service.Spec) time.Duration {
	return spec.Readiness.Timeout + spec.Readiness.Settle + spec.StopTimeout + startMargin
}

// ownership is what tells our unit from another's.
func ownership(r Request) section {
	s := []setting{{"Schema", unitSchema}, {"Project", quoteWord(r.Spec.Project, expandNothing)}, {"Name", r.Spec.Name}}
	return section{ownSection, s}
}

func installSection(scope service.Scope) section {
	target := "multi-user.target"
	if scope == service.ScopeUser {
		target = "default.target" // a user's manager has no multi-user.target: systemd.special(7)
	}
	return section{"Install", []setting{{"WantedBy", target}}}
}

// owner is what a unit says of whose it is.
type owner struct{ project, name string }

// ownerOf reads the section that ownership wrote. It reports false for a unit that apexd has not made.
func ownerOf(unit string) (owner, bool) {
	var (
		o      owner
		inside bool
		schema string
	)
	for line := range strings.Lines(unit) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "[") {
			inside = line == "["+ownSection+"]"
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !inside || !ok {
			continue
		}
		switch key {
		case "Schema":
			schema = value
		case "Name":
			o.name = value
		case "Project":
			p, err := unquoteWord(value)
			if err != nil {
				return owner{}, false
			}
			o.project = p
		}
	}
	return o, schema != "" && o.project != "" && o.name != ""
}
