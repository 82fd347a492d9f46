package sysv

// Scripts is the directory of scripts that do not come with FreeBSD (rc(8)).
const Scripts = "/usr/local/etc/rc.d"

// Rc reports whether this is FreeBSD, whose rc(8) starts scripts.
const Rc = true
