#!/bin/sh
# transcript.sh: what apexd and the tools of System V, runit or s6 print, from the plan of an installation to its end, as in docs/transcripts.md. It installs into the system that it
# runs in, which therefore has to be a throw-away one:
#   sudo go run ./e2e/lab sysv -- sh e2e/sysv/transcript.sh
#   sudo go run ./e2e/lab runit -- sh e2e/sysv/transcript.sh
#   sudo go run ./e2e/lab s6 -- sh e2e/sysv/transcript.sh
. e2e/lab/transcript.sh
CGO_ENABLED=0 go build -buildvcs=false -o /usr/local/bin/apexd . || exit
export PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /src/shop && chown games /src/shop && cd /src/shop || exit
ready() { until apexd status --json | grep -q '"ready":true'; do sleep 0.1; done; }

setpriv --reuid games --regid games --clear-groups apexd init -- python3 -m http.server 18080 --bind 127.0.0.1 >/dev/null
case $(cat /proc/1/comm) in
init)
	run apexd install --dry-run
	run apexd install --now
	name=$(basename /etc/init.d/apex-*)
	run ls /etc/rc2.d
	run service "$name" status
	run ps -o user=,args= -p "$(pid)"
	say "kill -9 $(pid)" kill -9 "$(pid)"
	run service "$name" status
	run service "$name" start
	run service "$name" stop
	run apexd status
	run apexd uninstall
	run apexd status
	;;
runit)
	run apexd install
	run apexd install --for runit --output /etc/service/shop
	run cat /etc/service/shop/run /etc/service/shop/finish
	ready
	run sv status shop
	run apexd status
	say "kill -9 $(pid)" kill -9 "$(pid)"
	ready
	run sv restart shop
	run apexd stop
	run sv status shop
	run apexd start
	;;
*)
	run apexd install --for s6 --output /run/service/shop
	run s6-svscanctl -a /run/service
	ready
	run s6-svstat /run/service/shop
	run apexd status
	run s6-svc -wR -r /run/service/shop
	run s6-svwait -U /run/service/shop
	run s6-svstat /run/service/shop
	run apexd stop
	run s6-svstat -o up,wantedup,exitcode,signal /run/service/shop
	run apexd status
	;;
esac
