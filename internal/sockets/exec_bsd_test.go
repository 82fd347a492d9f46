//go:build unix && !linux

package sockets

import "syscall"

func attr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func deathSignal() (int32, error) { return 0, nil }
