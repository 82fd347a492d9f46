//go:build unix && !linux

package notify

import (
	"net"
	"syscall"
)

func listen(dir string) (*net.UnixConn, func() error, error) { return listenPath(dir) }

// askCredentials does nothing: macOS and OpenBSD name the sender of a datagram in no way, the other BSDs only with options that
// differ from one to the next, and the directory's mode keeps strangers out already.
func askCredentials(int) error { return nil }

func credentials(*syscall.SocketControlMessage) (sender, bool) { return sender{}, false }
