// Package footprint makes the resident daemon small again after start-up: what a process needs once, to read its configuration and to start its
// workload, it does not need for the months that follow.
package footprint

import "runtime/debug"

// gcPercent keeps the heap near its live size; a resident daemon makes a few kilobytes of garbage an hour.
const gcPercent = 25

// Settle is called when a process that will stay has started up: from then on the heap is kept near its live size. While it starts, which takes 1 to 2 MB that Trim
// gives back, a collection would keep the workload waiting for 1.5 ms (at gcPercent one begins at 1 MB).
func Settle() {
	debug.FreeOSMemory() // first: with gcPercent what the start has left would begin a collection of its own
	debug.SetGCPercent(gcPercent)
	dropProgram()
}

// Trim gives unused memory back to the system: the heap's free pages and, on Linux, the pages of the program's own file that are mapped here. The latter
// stay in the page cache and come back by a minor fault when they are needed.
func Trim() {
	debug.FreeOSMemory()
	dropProgram()
}
