#!/bin/sh
# transcript.sh: what apexd and systemctl print, from the plan of an installation to its end, as in docs/transcripts.md. It installs into the system that it runs
# in, which therefore has to be a throw-away one:
#   sudo go run ./e2e/lab systemd -- sh e2e/systemd/transcript.sh
. e2e/lab/transcript.sh
CGO_ENABLED=0 go build -buildvcs=false -o /usr/local/bin/apexd . || exit
export SYSTEMD_COLORS=0 SYSTEMD_PAGER= PATH=/usr/local/bin:/usr/bin:/bin
mkdir -p /src/shop && cd /src/shop || exit

apexd init -- python3 -m http.server 18080 --bind 127.0.0.1 >/dev/null
run apexd install --run-as root --dry-run
run apexd install --run-as root --now
run systemctl status --no-pager --lines=0 "$(service)"
run apexd status
say "kill -9 $(pid)" kill -9 "$(pid)"
run apexd status
systemctl start "$(service)" # returns when the restart that is under way is over
run apexd status
run systemctl stop "$(service)"
run apexd status
run apexd uninstall
run apexd status
