#!/bin/sh
# transcript.sh: what apexd and launchctl print with e2e/fakelaunchd, from the plan of an installation to its end, as in docs/transcripts.md:
#   sudo go run ./e2e/lab noinit -- sh e2e/fakelaunchd/transcript.sh
set -u
[ -n "${APEXD_LAB:-}" ] || { echo "transcript.sh: run it in a world of e2e/lab" >&2; exit 2; }
CGO_ENABLED=0 go build -buildvcs=false -tags fakelaunchd -o /usr/local/bin/apexd . || exit
CGO_ENABLED=0 go build -buildvcs=false -o /usr/local/bin/launchctl ./e2e/fakelaunchd || exit
export LC_ALL=C HOME=/Users/alice PATH=/usr/local/bin:/usr/bin:/bin APEXD_FAKE_LAUNCHCTL=/usr/local/bin/launchctl APEXD_FAKE_LAUNCHD=/run/launchd
mkdir -p /Users/alice/src/shop /Users/alice/Library /run/launchd && cd /Users/alice/src/shop || exit
launchctl -serve /run/launchd &
keeper=$!
until [ -S /run/launchd/socket ]; do :; done
label() { apexd status --json | sed 's/.*"service":"\([^"]*\)".*/\1/'; }
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
say "apexd install --dry-run" apexd install --user --dry-run
say "apexd install --now" apexd install --user --now
say "launchctl print gui/0/$(label) | grep -E '^.(path|state|runs|pid|last)'" sh -c "launchctl print gui/0/$(label) | grep -E '^.(path|state|runs|pid|last)'"
run apexd status
run apexd restart
say "kill -9 $(pid)" kill -9 "$(pid)"
run apexd status
until apexd status --json | grep -q '"state":"running"'; do :; done
run apexd status
run launchctl bootout "gui/0/$(label)"
until apexd status --json | grep -q '"native":"not loaded"'; do :; done
run apexd status
run apexd start
say "apexd uninstall" apexd uninstall --user
run apexd status
kill $keeper
wait $keeper
