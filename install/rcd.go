package install

import (
	"fmt"
	"path"
	"strings"

	"github.com/joshuaaferguson/apexd/service"
)

// RenderFreeBSD returns the rc.d script of r for /usr/local/etc/rc.d (rc(8), rc.subr(8)): every verb is apexd's own, as in RenderSysV. It has an rcvar, so that it starts at boot
// once rc.conf(5) says so (kardianos/service#391 has none). Nothing here has been run on FreeBSD. It is pure. Errors: what r holds and a script cannot carry.
func RenderFreeBSD(r Request) (string, error) {
	reg := r.registration(service.KindFreeBSD, service.ScopeSystem)
	call, err := callOf(r)
	if err != nil {
		return "", err
	}
	if strings.ContainsFunc(r.Exec, func(c rune) bool { return c == '\'' || c < ' ' }) {
		return "", fmt.Errorf("the program's path %q has a quote or a control character, which rc.subr(8) evaluates", r.Exec)
	}
	id := rcName(reg.Service)
	about := "APEX daemon of " + plain(path.Base(r.Spec.Project)) + " (" + r.Spec.Name + ")"
	return strings.NewReplacer(
		"@MARK@", markOf(r, reg.Backend).String(), "@ID@", id, "@ABOUT@", about, "@CALL@", call, "@KEEPER@", "--keeper "+string(reg.Backend)+" --scope "+string(reg.Scope)+" --service "+reg.Service,
	).Replace(freebsdScript), nil
}

// rcName is name as rc.subr(8) makes a shell variable of it: rcvar.
func rcName(name string) string { return strings.NewReplacer("-", "_", ".", "_").Replace(name) }

const freebsdScript = `#!/bin/sh
# PROVIDE: @ID@
# REQUIRE: LOGIN NETWORKING
# KEYWORD: shutdown
# @ABOUT@
@MARK@
. /etc/rc.subr

nl='
'

name=@ID@
rcvar=@ID@_enable
load_rc_config $name
: ${@ID@_enable:=NO}

# call VERB [ARG...]: one verb as the daemon's user, with the environment that the installation has found and no other
call() (
	verb=$1
	shift
	umask 022
	cd / || return 1
	@CALL@
)

apexd_start() { call start @KEEPER@; }
apexd_stop() { call stop; }
apexd_restart() { call restart @KEEPER@; }
apexd_reload() { call reload; }
apexd_status() { call status; }

start_cmd=apexd_start
stop_cmd=apexd_stop
restart_cmd=apexd_restart
reload_cmd=apexd_reload
status_cmd=apexd_status
extra_commands=reload
run_rc_command "$1"
`
