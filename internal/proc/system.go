package proc

import (
	"strconv"
	"strings"
)

// maxTicks is above every number of clock ticks since a boot: 100 ns since 1601 were that many in 1632.
const maxTicks = 1e16

// System is the kind of system that i was recorded on, "Linux", "Windows", "macOS" or "FreeBSD", by what each of them says of a process; "" where that does not tell.
func (i Identity) System() string {
	n, err := strconv.ParseUint(i.StartTime, 10, 64)
	switch {
	case i.PIDNamespace != "":
		return "Linux"
	case err == nil && n > maxTicks && i.BootID == "":
		return "Windows"
	case err == nil && i.BootID != "":
		return "Linux"
	case err != nil && strings.Contains(i.StartTime, ".") && strings.Contains(i.BootID, "-"):
		return "macOS"
	case err != nil && strings.Contains(i.StartTime, "."):
		return "FreeBSD"
	}
	return ""
}

// OtherSystem is the kind of system that i was recorded on where that is another than this one, else "". A project that two kernels share (WSL and Windows, a virtual machine and its
// host) has such records, and locks of the one do not reach the other.
func (i Identity) OtherSystem() string {
	self, err := Self()
	if err != nil {
		return ""
	}
	here, there := self.Identity.System(), i.System()
	if here == "" || here == there {
		return ""
	}
	return there
}
