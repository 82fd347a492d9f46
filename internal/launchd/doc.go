// Package launchd asks the launchd of macOS, through launchctl(1), which is the only door that it documents. It knows domains, the answers of launchctl in its
// exit statuses and in text, and the two things that go wrong when a program believes an exit status: a job that is booted out is there for a while, and a bootstrap that
// comes too early is refused with an error that says something else. It decides nothing about daemons; backends and install do.
package launchd
