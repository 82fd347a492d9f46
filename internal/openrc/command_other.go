//go:build !unix

package openrc

import "syscall"

const childEnded syscall.Signal = 0 // there is no OpenRC

func ownGroup() *syscall.SysProcAttr { return nil }
