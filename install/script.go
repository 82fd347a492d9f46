package install

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/project"
	"github.com/joshuaaferguson/apexd/internal/shellword"
	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/service"
)

// RenderSysV returns the init script of r: the headers of LSB 5.0 ("Comment Conventions for Init Scripts"), Red Hat's for chkconfig(8), and verbs that are all apexd's own,
// carried out as the daemon's user with the environment of r and nothing else. It is pure. Errors: what r holds and a script cannot carry.
func RenderSysV(r Request) (string, error) { return renderScript(r, service.KindSysV, sysvScript) }

// RenderRCS returns the same script for BusyBox's rcS, which calls it with start, and its rcK with stop. The headers are nobody's there.
func RenderRCS(r Request) (string, error) { return renderScript(r, service.KindRCS, sysvScript) }

// renderScript fills in a script of k's.
func renderScript(r Request, k service.Kind, script string) (string, error) {
	reg := r.registration(k, service.ScopeSystem)
	call, err := callOf(r)
	if err != nil {
		return "", err
	}
	exec, err := lineWords(r.Exec)
	if err != nil {
		return "", err
	}
	keeper := "--keeper " + string(reg.Backend) + " --scope " + string(reg.Scope) + " --service " + reg.Service
	return strings.NewReplacer(
		"@HEAD@", scriptHead(r, reg), "@MARK@", markOf(r, k).String(), "@ABOUT@", aboutScript(r), "@RCVAR@", sysv.RCVar(reg.Service), "@RCNAME@", strings.TrimSuffix(sysv.RCVar(reg.Service), "_enable"),
		"@EXEC@", exec, "@CALL@", call, "@KEEPER@", keeper, "@SERVICE@", reg.Service,
	).Replace(script), nil
}

// callOf is the command line of "$verb", with which one verb of apexd is carried out, the environment on a line of its own. env(1) would take a program with "=" in its path for a variable.
func callOf(r Request) (string, error) {
	if !path.IsAbs(r.Exec) || strings.Contains(r.Exec, "=") {
		return "", fmt.Errorf("the program's path %q is not absolute, or has a \"=\", which env(1) takes for a variable", r.Exec)
	}
	env, err1 := lineWords(append([]string{"env", "-i", "PATH=" + r.Path}, r.Env...)...)
	before, err2 := lineWords(r.Exec, "as", r.User)
	after, err3 := lineWords(r.place()...)
	return env + " \\\n\t\t" + before + ` "$verb" ` + after + ` "$@"`, errors.Join(err1, err2, err3)
}

// lineWords are the words of argv on one line, with "$nl" for a newline: no line of a script is a value's, and so no comment, in which insserv(8), chkconfig(8) and rcorder(8) read.
func lineWords(argv ...string) (string, error) {
	words, err := shellword.Join(argv)
	return strings.ReplaceAll(words, "\n", `'"$nl"'`), err // it is always between single quotes
}

// place are the flags that say which daemon.
func (r Request) place() []string {
	args := []string{"--project", r.Spec.Project, "--name", r.Spec.Name}
	if r.PIDFile != "" {
		args = append(args, "--pid-file", r.PIDFile)
	}
	if r.LogFile != "" {
		args = append(args, "--log-file", r.LogFile)
	}
	return args
}

// recordElsewhere is the path of the record where that is not in .apex; else "".
func (r Request) recordElsewhere() string {
	at := cmp.Or(r.PIDFile, r.Ref.Path)
	if at == project.PathsOf(r.Spec.Project, r.Spec.Name).PIDFile {
		return ""
	}
	return at
}

// markOf is what a script of k's says of itself.
func markOf(r Request, k service.Kind) sysv.Mark {
	return sysv.Mark{Kind: string(k), Project: r.Spec.Project, Name: r.Spec.Name, PIDFile: r.recordElsewhere(), User: r.User, Program: r.Exec}
}

// scriptHead are the comments that other programs read. What they wait for is what a daemon may need and not every machine has (Should-Start), but for file systems.
func scriptHead(r Request, reg service.Registration) string {
	about := aboutScript(r)
	mark := markOf(r, reg.Backend)
	return `### BEGIN INIT INFO
# Provides:          ` + reg.Service + `
# Required-Start:    $remote_fs
# Required-Stop:     $remote_fs
# Should-Start:      $network $named $time $syslog
# Should-Stop:       $network $named $time $syslog
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: ` + about + `
# Description:       Made by apexd ` + plain(r.Version) + ` and replaced by the next "apexd install"
### END INIT INFO
# chkconfig: 2345 90 10
# description: ` + about + "\n" + mark.String()
}

// aboutScript is one line for people.
func aboutScript(r Request) string {
	return "APEX daemon of " + plain(path.Base(r.Spec.Project)) + " (" + r.Spec.Name + ")"
}

// maxPlain bounds what of a name is in a comment that tools with buffers of their own read.
const maxPlain = 80

// plain is s for a comment in a script: one short line of ASCII.
func plain(s string) string {
	if len(s) > maxPlain {
		s = s[:maxPlain]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// sysvScript is the script. The exit statuses are LSB's ("Init Script Actions"): of status 0 1 3 4, which are apexd's own, of the others 0, 1 failed, 2 wrong usage,
// 4 no permission, 5 apexd is missing, 6 configuration wrong, 7 not running.
const sysvScript = `#!/bin/sh
@HEAD@
# Lock, record and identity of the process decide what runs, so that every verb is apexd's own. Arguments after it are passed on: --json, --timeout 30s.

PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH
nl='
'
umask 022
cd / || exit 1

# call VERB [ARG...]: one verb as the daemon's user, with the environment that the installation has found and no other
call() {
	verb=$1
	shift
	@CALL@
}

# running: reports whether the daemon runs
running() {
	call status --quiet >/dev/null 2>&1
}

action=${1:-}
[ $# -eq 0 ] || shift

if [ ! -x @EXEC@ ]; then
	echo "@SERVICE@: apexd is missing:" @EXEC@ >&2
	[ "$action" != status ] || exit 4
	exit 5
fi

case $action in
start)
	call start @KEEPER@ "$@"
	code=$?
	[ $code -ne 79 ] || code=0 # it runs already
	;;
stop)
	call stop "$@"
	code=$?
	;;
restart)
	call restart @KEEPER@ "$@"
	code=$?
	;;
try-restart)
	code=0
	if running; then
		call restart @KEEPER@ "$@"
		code=$?
	fi
	;;
reload | force-reload)
	call reload "$@"
	code=$?
	[ $code -eq 0 ] || running || code=7
	;;
status)
	call status "$@"
	exit $?
	;;
*)
	echo "usage: $0 start|stop|restart|try-restart|reload|force-reload|status" >&2
	exit 2
	;;
esac

case $code in
77) exit 4 ;;
78) exit 6 ;;
126 | 127) exit 5 ;;
esac
exit $code
`
