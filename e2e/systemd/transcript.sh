#!/bin/sh
# transcript.sh: what apexd and systemctl print, from the plan of an installation to its end, as in docs/transcripts.md. It installs into the system that it runs
# in, which therefore has to be a throw-away one:
#   sudo go run ./e2e/lab systemd -- sh e2e/systemd/transcript.sh
set -u
[ -n "${APEXD_LAB:-}" ] || { echo "transcript.sh: run it in a world of e2e/lab" >&2; exit 2; }
CGO_ENABLED=0 go build -buildvcs=false -o /usr/local/bin/apexd . || exit
export LC_ALL=C SYSTEMD_COLORS=0 SYSTEMD_PAGER= PATH=/usr/local/bin:/usr/bin:/bin
mkdir -p /src/shop && cd /src/shop || exit
unit() { apexd status --json | sed 's/.*"service":"\([^"]*\)".*/\1/'; }
pid() { apexd status --json | sed 's/.*"pid":\([0-9]*\),"startedAt":"[^"]*","uptime".*/\1/'; }
say() { # say WORDS COMMAND...: what a person would type, and what comes of it
	printf '$ %s\n' "$1"
	shift
	"$@" >/run/said 2>&1
	code=$?
	sed 's/[[:space:]]*$//' /run/said
	[ $code = 0 ] || echo "(exit status $code)"
}
run() { say "$*" "$@"; }

apexd init -- python3 -m http.server 18080 --bind 127.0.0.1 >/dev/null
run apexd install --run-as root --dry-run
run apexd install --run-as root --now
run systemctl status --no-pager --lines=0 "$(unit)"
run apexd status
say "kill -9 $(pid)" kill -9 "$(pid)"
run apexd status
systemctl start "$(unit)" # returns when the restart that is under way is over
run apexd status
run systemctl stop "$(unit)"
run apexd status
run apexd uninstall
run apexd status
