# Shorthands; the steps, tools and versions are in .ci/run.
.PHONY: check test e2e bench

check:
	.ci/run format modules build lint test

test:
	go test -race -shuffle=on ./...

e2e:
	.ci/run worlds wine

bench:
	bench/run
