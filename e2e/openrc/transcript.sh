#!/bin/sh
# transcript.sh: what apexd and rc-service print, from the plan of an installation to its end, as in docs/transcripts.md. It installs into the system that it runs
# in, which therefore has to be a throw-away one:
#   sudo go run ./e2e/lab openrc -- sh e2e/openrc/transcript.sh
set -u
[ -n "${APEXD_LAB:-}" ] || { echo "transcript.sh: run it in a world of e2e/lab" >&2; exit 2; }
CGO_ENABLED=0 go build -buildvcs=false -o /usr/local/bin/apexd . || exit
export LC_ALL=C PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /src/shop && cd /src/shop || exit
service() { apexd status --json | sed 's/.*"service":"\([^"]*\)".*/\1/'; }
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
end() { # end PID [COMMENT]: kills it and waits until it is gone
	say "kill -9 $1${2:-}" kill -9 "$1"
	while kill -0 "$1" 2>/dev/null && ! grep -qs '^State:.Z' "/proc/$1/status"; do sleep 0.01; done
}

apexd init -- python3 -m http.server 18080 --bind 127.0.0.1 >/dev/null
run apexd install --run-as root --dry-run
run apexd install --run-as root --now
name=$(service)
run rc-service "$name" status
run apexd status
end "$(pid)"
run apexd status
while [ "$(apexd status --json | sed 's/.*"state":"\([a-z]*\)".*/\1/')" != running ]; do sleep 0.1; done
run apexd status
end "$(cat "/run/supervise-$name.pid")" ' # the supervisor'
run apexd status
run rc-service "$name" stop
run apexd status
run rc-service "$name" start
run apexd stop
run apexd uninstall
run apexd status
