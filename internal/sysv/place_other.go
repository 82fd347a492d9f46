//go:build !freebsd

package sysv

// Scripts is the directory of init scripts, the same in every distribution: LSB 5.0, "Init Script Locations" is met by a link where it is elsewhere.
const Scripts = "/etc/init.d"

// Rc reports whether this is FreeBSD.
const Rc = false
