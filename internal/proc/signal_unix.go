//go:build unix

package proc

import (
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The real-time signals have no names in unix.SignalName. On Linux signal(7) counts from SIGRTMIN, which is the first one that the C libraries leave to programs; elsewhere, and for the two
// before it, the number has to do.
const (
	fromFirst = "SIGRTMIN+"
	byNumber  = "signal "
)

// SignalName is sig as signal(7) calls it, or a number. It is never empty: that would say that there was no signal.
func SignalName(sig syscall.Signal) string {
	switch name := unix.SignalName(sig); {
	case name != "":
		return name
	case firstRealTime > 0 && sig >= firstRealTime:
		return fromFirst + strconv.Itoa(int(sig-firstRealTime))
	}
	return byNumber + strconv.Itoa(int(sig))
}

// SignalNumber is 0 for what is no name that SignalName gives.
func SignalNumber(name string) int {
	first, digits := 0, ""
	if n, ok := strings.CutPrefix(name, fromFirst); ok {
		first, digits = int(firstRealTime), n
	} else if digits, ok = strings.CutPrefix(name, byNumber); !ok {
		return int(unix.SignalNum(name))
	}
	n, err := strconv.ParseUint(digits, 10, 8)
	if err != nil {
		return 0
	}
	return first + int(n)
}
