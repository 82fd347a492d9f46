package proc

import "syscall"

// firstRealTime is SIGRTMIN as the C libraries have it: glibc (and shells) 34, musl one more.
const firstRealTime syscall.Signal = 34
