//go:build !unix

package openrc

import "syscall"

func ownGroup() *syscall.SysProcAttr { return nil }
