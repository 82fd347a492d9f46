// Package servicetest is the conformance suite: what CONTRACT.md promises of a daemon, as cases that run against every way of keeping one. A way is
// a Driver, which makes Subjects; Run runs every case on one and Matrix collects what came of it. Fake is a service.Backend in memory, for tests of
// whatever stands above a backend, and passes the suite too.
//
// The workload of every case is one program that does what its Script says, tells the case what happens to it over a TCP connection to loopback, and
// takes Orders over the same. So that a case waits for events and never for time: a connection that ends is a process that has ended. Play is that
// program; e2e/child makes a real process of it.
//
// A case that needs more than a Subject can do asks for an Ability. A driver without it gives the reason, which the matrix shows: n/a where this way of
// keeping a daemon has no such thing, "not run" where only this machine is in the way. Nothing is left out silently.
package servicetest
