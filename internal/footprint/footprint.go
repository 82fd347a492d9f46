// Package footprint makes the resident daemon small again after start-up: what a process needs once, to read its configuration and to start its
// workload, it does not need for the months that follow.
package footprint

import "runtime/debug"

// gcPercent keeps the heap near its live size; a resident daemon makes a few kilobytes of garbage an hour.
const gcPercent = 25

// Settle is called once, early in a process that will stay.
func Settle() { debug.SetGCPercent(gcPercent) }

// Trim gives unused memory back to the system: the heap's free pages and, on Linux, the pages of the program's own file that are mapped here. The latter
// stay in the page cache and come back by a minor fault when they are needed.
func Trim() {
	debug.FreeOSMemory()
	dropProgram()
}
