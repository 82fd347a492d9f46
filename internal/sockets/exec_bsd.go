//go:build unix && !linux

package sockets

import "os"

func self() (string, error) { return os.Executable() }

// keepDeathSignal: the daemon sets none here.
func keepDeathSignal() error { return nil }
