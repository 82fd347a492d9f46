//go:build darwin && !fakelaunchd

package launchd

// Here reports whether launchd keeps this machine.
func Here() bool { return true }

// program is launchctl(1) by its path, which System Integrity Protection guards, so that nobody's PATH decides who is asked.
func program() string { return "/bin/launchctl" }

// sfltool tells of background items (macOS 13 and later).
func sfltool() string { return "/usr/bin/sfltool" }

func root() string { return "/" }
