//go:build unix

package openrc

import "syscall"

const childEnded = syscall.SIGCHLD

// ownGroup keeps a terminal's Ctrl-C, which is for us, from a command: OpenRC would forget what it has begun.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
