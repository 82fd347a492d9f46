#!/bin/sh
# transcript.sh: what apexd and launchctl print with e2e/fakelaunchd, from the plan of an installation to its end, as in docs/transcripts.md:
#   sudo go run ./e2e/lab noinit -- sh e2e/fakelaunchd/transcript.sh
. e2e/lab/transcript.sh
CGO_ENABLED=0 go build -buildvcs=false -tags fakelaunchd -o /usr/local/bin/apexd . || exit
CGO_ENABLED=0 go build -buildvcs=false -o /usr/local/bin/launchctl ./e2e/fakelaunchd || exit
export HOME=/Users/alice PATH=/usr/local/bin:/usr/bin:/bin APEXD_FAKE_LAUNCHCTL=/usr/local/bin/launchctl APEXD_FAKE_LAUNCHD=/run/launchd
mkdir -p /Users/alice/src/shop /Users/alice/Library /run/launchd && cd /Users/alice/src/shop || exit
launchctl -serve /run/launchd &
keeper=$!
until [ -S /run/launchd/socket ]; do :; done

apexd init -- python3 -m http.server 18080 --bind 127.0.0.1 >/dev/null
say "apexd install --dry-run" apexd install --user --dry-run
say "apexd install --now" apexd install --user --now
say "launchctl print gui/0/$(service) | grep -E '^.(path|state|runs|pid|last)'" sh -c "launchctl print gui/0/$(service) | grep -E '^.(path|state|runs|pid|last)'"
run apexd status
run apexd restart
say "kill -9 $(pid)" kill -9 "$(pid)"
run apexd status
until apexd status --json | grep -q '"state":"running"'; do :; done
run apexd status
run launchctl bootout "gui/0/$(service)"
until apexd status --json | grep -q '"native":"not loaded"'; do :; done
run apexd status
run apexd start
say "apexd uninstall" apexd uninstall --user
run apexd status
kill $keeper
wait $keeper
