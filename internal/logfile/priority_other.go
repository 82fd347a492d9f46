//go:build !linux

package logfile

// lowerPriority does nothing: elsewhere setpriority(2) concerns the whole process.
func lowerPriority() {}
