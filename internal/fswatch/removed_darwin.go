package fswatch

import "golang.org/x/sys/unix"

// openFlags: O_EVTONLY does not keep a volume from being unmounted (open(2)).
const openFlags = unix.O_EVTONLY
