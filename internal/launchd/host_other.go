//go:build !darwin && !fakelaunchd

package launchd

// Here reports whether launchd keeps this machine: it does on macOS alone.
func Here() bool { return false }

func program() string { return "/bin/launchctl" }

func sfltool() string { return "/usr/bin/sfltool" }

func root() string { return "/" }
