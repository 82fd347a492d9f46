# Shorthands; the steps, tools and versions are in .ci/run.
.PHONY: check test e2e bench fuzz storm pictures

check:
	.ci/run format modules build lint test

test:
	go test -race -shuffle=on ./...

e2e:
	.ci/run worlds wine

bench:
	bench/run

# docs/reliability.md has what they printed last.
FUZZTIME ?= 30s
STORMTIME ?= 10m
RESTARTS ?= 100000

fuzz:
	go run ./e2e/fuzz -for $(FUZZTIME)

storm:
	go test -count=1 -v -timeout 6h ./e2e/storm -run 'Fleet|Readers|Flood|LongLife' -storm.for $(STORMTIME) -storm.clients 1000 -storm.restarts $(RESTARTS)
	go test -count=1 -v -timeout 6h ./e2e/storm -run 'Fleet|Readers' -storm.for $(STORMTIME) -storm.race
	APEXD_STORM_FAULTS=60 APEXD_STORM_TRIES=10000 APEXD_STORM_ROUNDS=5 go test -count=1 -v -timeout 6h ./e2e/storm -run '^Test(Faults|PIDChurn|HostileNeighbour)$$'
	go test -count=1 -v -timeout 6h ./e2e/systemdlog -run InWorld -journal.for $(STORMTIME)

# docs/img: real runs, on a terminal in a world of e2e/lab. Root
pictures:
	APEXD_E2E=1 go test -count=1 ./e2e/pictures -update
