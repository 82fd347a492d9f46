package install

import "github.com/joshuaaferguson/apexd/service"

// RenderFreeBSD returns the rc.d script of r for /usr/local/etc/rc.d (rc(8), rc.subr(8)): every verb is apexd's own, as in RenderSysV. It has an rcvar, so that it starts at boot
// once rc.conf(5) says so (kardianos/service#391 has none), and no daemon(8), which would start again what apexd has stopped. rc.subr(8) evaluates the name of a function and the words after
// the verb, and nothing of r. Nothing here has been run on FreeBSD. It is pure. Errors: what r holds and a script cannot carry.
func RenderFreeBSD(r Request) (string, error) {
	return renderScript(r, service.KindFreeBSD, freebsdScript)
}

// RenderProcd returns the script of r for OpenWrt's /etc/rc.common, which defines enable, disable and enabled, and calls the functions here. It does not hand the daemon to procd
// (USE_PROCD), which would respawn what apexd has stopped, and knows nothing of its lock. Nothing here has been run on OpenWrt. It is pure. Errors: as RenderFreeBSD.
func RenderProcd(r Request) (string, error) { return renderScript(r, service.KindProcd, procdScript) }

const callFunction = `# call VERB [ARG...]: one verb as the daemon's user, with the environment that the installation has found and no other
call() (
	verb=$1
	shift
	umask 022
	cd / || exit 1
	@CALL@
)
`

const freebsdScript = `#!/bin/sh
# PROVIDE: @RCNAME@
# REQUIRE: LOGIN NETWORKING
# KEYWORD: shutdown
# @ABOUT@
@MARK@
. /etc/rc.subr

nl='
'

name=@RCNAME@
rcvar=@RCVAR@
load_rc_config $name
: ${@RCVAR@:=NO}

` + callFunction + `
apexd_start() { call start @KEEPER@ "$@"; }
apexd_stop() { call stop "$@"; }
apexd_restart() { call restart @KEEPER@ "$@"; }
apexd_reload() { call reload "$@"; }
apexd_status() { call status "$@"; }

start_cmd=apexd_start
stop_cmd=apexd_stop
restart_cmd=apexd_restart
reload_cmd=apexd_reload
status_cmd=apexd_status
extra_commands="reload status"
run_rc_command "$@"
`

const procdScript = `#!/bin/sh /etc/rc.common
# @ABOUT@
@MARK@
START=50
STOP=02
EXTRA_COMMANDS="status"
EXTRA_HELP="	status	Whether the daemon runs"

nl='
'

` + callFunction + `
start() { call start @KEEPER@ "$@"; }
stop() { call stop "$@"; }
restart() { call restart @KEEPER@ "$@"; }
reload() { call reload "$@"; }
status() { call status "$@"; }
`
