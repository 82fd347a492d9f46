//go:build !unix

package notify

import (
	"errors"
	"net"
)

const haveSockets = false

func listen(string) (*net.UnixConn, func() error, error) { return nil, nil, errors.ErrUnsupported }

func parseControl([]byte) (sender, descriptors) { return sender{uid: -1}, nil }

func waiting(uintptr) bool { return false }

func truncated(int) bool { return false }

func (descriptors) close() {}
