# shellcheck shell=sh
# transcript.sh: what the transcript.sh of each manager has in common. They source it from the top of the repository, in a world of e2e/lab, since they install into the
# system that they run in.
set -u
[ -n "${APEXD_LAB:-}" ] || { echo "transcript.sh: run it in a world of e2e/lab" >&2; exit 2; }
export LC_ALL=C

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
