package install

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/internal/openrc"
	"github.com/joshuaaferguson/apexd/internal/shellword"
	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/service"
)

// RenderOpenRC returns the script of r for openrc-run(8). It is pure: the same on every system, and it reads nothing. Errors: what the request holds and a script
// cannot carry.
//
// OpenRC puts most settings through eval, after their words were split and their patterns expanded. So no value stands in a setting: it is assigned to a variable of the
// script's own, and the setting is that variable in double quotes.
func RenderOpenRC(r Request) (Rendered, error) {
	reg := r.registration(service.KindOpenRC, service.ScopeSystem)
	var out Rendered
	var s rcScript
	s.comment("Made by apexd " + r.Version + ` and replaced by the next "apexd install". Your own settings belong into ` + openrc.System().Conf + "/" + reg.Service + ".")
	s.b.WriteString(markOf(r, reg.Backend).String() + "\n")
	s.assign("project", r.Spec.Project)
	s.assign("exec", r.Exec)
	s.set("description", fmt.Sprintf("APEX daemon of %s (%s)", shellword.Comment(r.Spec.Project), r.Spec.Name))
	s.line("supervisor=supervise-daemon")
	s.line(`command='"$apexd_exec"'`)
	s.line("command_args=" + s.refer("arg", r.argv(reg)[1:]))
	s.user(r.User)
	s.line(`directory='"$apexd_project"'`)
	s.line("supervise_daemon_args=" + s.environment(append([]string{"PATH=" + r.Path}, r.Env...)) + `" ${supervise_daemon_args:-}"`)
	s.line("pidfile=" + openrc.System().PIDFile(reg.Service))
	s.line("retry=SIGTERM/" + seconds(r.Spec.StopTimeout+stopMargin) + "/SIGKILL/" + seconds(stopMargin))
	for _, l := range respawn(r.Spec.Restart) {
		s.line(l.key + "=" + l.value)
	}
	if w := respawnGaps(r.Spec.Restart, r.Configured); w != "" {
		out.Warnings = append(out.Warnings, w)
	}
	if r.Hardening == HardeningStrict {
		out.Warnings = append(out.Warnings, "OpenRC keeps nothing from a daemon: --hardening strict has no effect")
	}
	s.functions(r, reg)
	out.Text = "#!/sbin/openrc-run\n" + s.b.String()
	return out, s.err
}

// rcScript is a shell script as it is written.
type rcScript struct {
	b   strings.Builder
	err error // the first
}

func (s *rcScript) line(text string) { s.b.WriteString(text + "\n") }

func (s *rcScript) comment(text string) { s.line("# " + shellword.Comment(text)) }

// set writes an assignment whose value OpenRC puts through no eval.
func (s *rcScript) set(name, value string) {
	q, err := shellword.Quote(value)
	if err != nil && s.err == nil {
		s.err = err
	}
	s.line(name + "=" + q)
}

// join is these words as a shell reads them.
func (s *rcScript) join(words []string) string {
	q, err := shellword.Join(words)
	if err != nil && s.err == nil {
		s.err = err
	}
	return q
}

// assign writes a variable of the script's own.
func (s *rcScript) assign(name, value string) { s.set("apexd_"+name, value) }

// refer assigns each value to a variable, and returns what eval makes these values of, as one quoted word.
func (s *rcScript) refer(name string, values []string) string {
	var words []string
	for i, v := range values {
		n := name + strconv.Itoa(i+1)
		s.assign(n, v)
		words = append(words, `"$apexd_`+n+`"`)
	}
	return "'" + strings.Join(words, " ") + "'"
}

// environment is refer for KEY=value pairs that supervise-daemon sets.
func (s *rcScript) environment(pairs []string) string {
	return strings.ReplaceAll(s.refer("env", pairs), `"$`, `--env "$`)
}

// user says whom the daemon runs as. A colon would name a group too.
func (s *rcScript) user(name string) {
	if name == "" || !shellword.Plain(name) || strings.ContainsAny(name, ":,/") || strings.HasPrefix(name, "-") {
		if s.err == nil {
			s.err = fmt.Errorf("the user's name %q is none that a script of OpenRC can carry", name)
		}
		return
	}
	s.line("command_user=" + name)
}

// seconds is d in whole seconds, rounded up, and at least one.
func seconds(d time.Duration) string {
	return strconv.Itoa(max(1, wholeSeconds(d)))
}

// respawn is p in the terms of supervise-daemon(8), which counts from the first end on: limit restarts are as many respawns. It starts again whatever has ended; what the policy
// calls final the daemon itself makes so (internal/supervise).
func respawn(p service.RestartPolicy) []setting {
	if p.When == service.RestartNever { // no period tells it from a limit of one
		return []setting{{"respawn_max", "1"}}
	}
	var s []setting
	if p.Delay > 0 {
		s = append(s, setting{"respawn_delay", seconds(p.Delay)})
	}
	if p.Limit == 0 {
		return append(s, setting{"respawn_max", "0"})
	}
	return append(s, setting{"respawn_max", strconv.Itoa(p.Limit)}, setting{"respawn_period", seconds(p.Window)})
}

// respawnGaps is the warning about what OpenRC keeps differently from what the configuration itself says, or "".
func respawnGaps(p service.RestartPolicy, configured []string) string {
	var missing []gap
	add := func(key, format string, args ...any) {
		missing = append(missing, gap{[]string{key}, fmt.Sprintf(format, args...)})
	}
	if p.When == service.RestartNever {
		return ""
	}
	if p.Factor > 1 && p.Delay > 0 && p.Max > p.Delay {
		missing = append(missing, gap{[]string{"restart.factor", "restart.maxDelay"}, fmt.Sprintf("restart.factor %g: every try waits %s s", p.Factor, seconds(p.Delay))})
	}
	if p.Delay%time.Second != 0 {
		add("restart.delay", "restart.delay %s: it counts whole seconds, %s", p.Delay, seconds(p.Delay))
	}
	if p.Jitter > 0 {
		add("restart.jitter", "restart.jitter %g: delays are exact", p.Jitter)
	}
	if p.Limit > 0 && p.Delay*time.Duration(p.Limit) > p.Window {
		add("restart.limit", "restart.limit %d within %s: with its delays they take longer, and it would never give up", p.Limit, p.Window)
	}
	if p.Healthy > 0 && p.Healthy != p.Window && p.Limit > 0 {
		add("restart.resetAfter", "restart.resetAfter %s: restarts are forgotten after restart.window, %s", p.Healthy, p.Window)
	}
	var said []string
	for _, g := range missing {
		if slices.ContainsFunc(g.keys, func(k string) bool { return slices.Contains(configured, k) }) {
			said = append(said, g.text)
		}
	}
	if len(said) == 0 {
		return ""
	}
	return "OpenRC restarts by its own rules and has none for: " + strings.Join(said, "; ")
}

// functions are what OpenRC calls. It takes a service for started when the supervisor has forked, and for stopped when the supervisor is gone; apexd says when that is true.
func (s *rcScript) functions(r Request, reg service.Registration) {
	words := s.join(append([]string{"--service", reg.Service}, r.place()...))
	s.line(`description_reload='Read the configuration again and reopen the log'
extra_started_commands=reload

depend() {
	want net
	use dns logger
	after bootmisc localmount
}

apexd_hook() {
	"$apexd_exec" as "$command_user" hook "$1" --quiet ` + words + `
}

# The PID file of a supervisor that was killed may name another process by now, which must not be signalled.
apexd_check_pidfile() {
	[ -s "$pidfile" ] || return 0
	read -r apexd_pid <"$pidfile"
	case "$(cat "/proc/$apexd_pid/comm" 2>/dev/null)" in
	supervise-daemo*) ;;
	*) rm -f "$pidfile" ;;
	esac
}

start_pre() {
	apexd_check_pidfile
}

start_post() {
	apexd_hook started && return 0
	stop_pre
	stop
	stop_post
	return 1
}

stop_pre() {
	apexd_check_pidfile
}

# default_stop alone waits for the end of "retry" where the daemon ends while the supervisor is asked to stop.
stop() {
	if [ -x "$apexd_exec" ]; then
		ebegin "Stopping $RC_SVCNAME"
		"$apexd_exec" hook stopping --quiet --service ` + reg.Service + ` && eend 0 && return
	fi
	default_stop
}

stop_post() {
	[ ! -x "$apexd_exec" ] || apexd_hook stopped
}

reload() {
	ebegin "Reloading $RC_SVCNAME"
	supervise-daemon "$RC_SVCNAME" --signal HUP
	eend $? "The supervisor did not take the request"
}`)
}

// ownerOfMark is whose script of OpenRC's text is. It reports false for one that apexd has not made for OpenRC.
func ownerOfMark(text string) (owner, bool) {
	m, ok := sysv.ParseMark(text)
	return owner{m.Project, m.Name}, ok && m.Kind == string(service.KindOpenRC)
}
