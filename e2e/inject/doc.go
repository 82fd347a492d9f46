// Package inject runs a program that knows nothing of it, and lets a test fail, cut short or kill it at any one of its steps: the system calls by which it touches
// files, locks and processes. The kernel holds each of them and asks (seccomp_unotify(2)), so that what is tested is the very program that is shipped, without a
// hook in it, with its threads, its children and what those execute.
//
// A step is named by who takes it, what it is, of what, and for the which time: "daemon rename P/.apex/daemon.pid #2". The names are the same in each run, however
// threads and processes take turns, so that a step that one run has shown can be failed in the next. Linux, amd64 and arm64.
package inject
