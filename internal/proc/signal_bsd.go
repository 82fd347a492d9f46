//go:build unix && !linux

package proc

import "syscall"

// firstRealTime: there are none, or they have no names that are the same on all of these systems.
const firstRealTime syscall.Signal = 0
