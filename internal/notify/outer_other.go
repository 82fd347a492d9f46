//go:build !linux

package notify

// monotonicUsec is empty where there is no systemd to ask for it.
func monotonicUsec() string { return "" }
