#!/bin/sh
# transcript.sh: what apexd and rc-service print, from the plan of an installation to its end, as in docs/transcripts.md. It installs into the system that it runs
# in, which therefore has to be a throw-away one:
#   sudo go run ./e2e/lab openrc -- sh e2e/openrc/transcript.sh
. e2e/lab/transcript.sh
CGO_ENABLED=0 go build -buildvcs=false -o /usr/local/bin/apexd . || exit
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /src/shop && cd /src/shop || exit
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
