// Package launchd tests what apexd does with launchd beyond the conformance suite, against the launchd of e2e/fakelaunchd: sessions, scopes, overrides, sudo, and what only launchd gets wrong.
package launchd
