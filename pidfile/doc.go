// Package pidfile keeps the PID file's contract (CONTRACT.md sections 3 and 4): a record that says who the daemon of a project is, and a
// kernel lock beside it that decides whether there is one. The lock is a file of its own because a rename of the record would leave it on
// the old inode, and because on Windows a locked byte cannot be read by others (LockFileEx).
//
// The daemon uses Ref.Acquire and Lock.Write; everybody else uses Ref.Look, which changes nothing.
package pidfile
