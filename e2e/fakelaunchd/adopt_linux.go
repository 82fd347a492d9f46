package main

import "golang.org/x/sys/unix"

// adopt makes this process what PID 1 is: the parent of whoever has lost his (prctl(2), PR_SET_CHILD_SUBREAPER).
func adopt() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }
