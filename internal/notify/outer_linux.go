package notify

import "github.com/coreos/go-systemd/v22/daemon"

// monotonicUsec is the MONOTONIC_USEC= line. go-systemd is imported here only: its daemon package does not build on NetBSD and AIX.
func monotonicUsec() string { return daemon.SdNotifyMonotonicUsec() }
