// Package winevent has the named events by which one process of Windows asks something of another, as signals do on Unix: `apexd stop` of the daemon,
// and the daemon of its workload. An event carries no data; who sets it needs no more than its name and the right to.
//
// The events are made in Global\, so that the same user reaches his daemon from every session (a terminal, ssh, a scheduled task): only sections and
// symbolic links need a privilege there (Microsoft, "Create global objects"). Where it is refused, as in an AppContainer, they are in Local\ and
// other sessions do not find them. Their security descriptor lets the user who made them, SYSTEM and Administrators set them, and nobody else.
package winevent

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// What a daemon is asked for, as the last part of Name.
const (
	Stop   = "stop"
	Kill   = "kill"
	Reload = "reload"
)

// Name is the event, without its namespace, by which verb is asked of the daemon that keeps its record in pidFile, has this PID, and started at start
// (proc.Identity.StartTime). Nobody can make it before that daemon does: its creation time, to 100 ns, is not known until it runs. Paths that
// differ in case only give one name, as they are one file.
func Name(pidFile string, pid int, start, verb string) string {
	h := fnv.New64a()
	h.Write([]byte(strings.ToLower(pidFile) + "\x00" + start))
	return fmt.Sprintf("apexd-%d-%016x-%s", pid, h.Sum64(), verb)
}
