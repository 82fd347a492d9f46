//go:build !linux && !windows

package logfile

// watchParent: kqueue(2) tells of the directory itself at once, and fsnotify would open every file of the parent.
const watchParent = false

// eventsMissing: kqueue(2) tells of every write on a local file system.
func eventsMissing(string) bool { return false }
