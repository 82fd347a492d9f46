// Package notify speaks sd_notify(3) in both directions: [Outer] to the manager that runs this daemon, [Server] to the workload
// that the daemon runs. It interprets nothing: what a message means for the daemon's state is decided by its caller.
//
// # Who can speak to a Server
//
// On Linux the socket is abstract: no file, so nothing is left after a crash and no path is too long. It has no permissions either, and
// /proc/net/unix shows its name to everybody; what protects it is that the kernel states the PID and UID of each sender (unix(7),
// SO_PASSCRED). It belongs to one network namespace: a workload that unshares its own (docker run, unshare -n,
// PrivateNetwork=) cannot reach it, and must use another kind of readiness. Any local user can keep its queue full, which delays
// messages and forges none.
//
// On other Unix systems it is a path in a private directory of mode 0700, so only processes of the same user and root reach it. A
// daemon that was killed leaves that directory. The next Listen with the same parent directory removes it: a socket file that
// nobody has bound refuses connections, which no PID file could tell as surely.
package notify
