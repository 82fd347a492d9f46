package notify

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net"
	"syscall"
)

// listen prefers an abstract socket (unix(7)): it vanishes with the process.
func listen(dir string) (*net.UnixConn, func() error, error) {
	var id [16]byte
	rand.Read(id[:]) // never fails, since Go 1.24
	conn, err := bind("@apexd/" + hex.EncodeToString(id[:]))
	if err == nil {
		return conn, nil, nil
	}
	conn, remove, perr := listenPath(dir)
	if perr != nil {
		return nil, nil, errors.Join(err, perr)
	}
	return conn, remove, nil
}

func askCredentials(fd int) error {
	return syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_PASSCRED, 1)
}

// credentials returns the sender as the kernel attached it: PID and UID in this process's own namespaces.
func credentials(m *syscall.SocketControlMessage) (sender, bool) {
	c, err := syscall.ParseUnixCredentials(m)
	if err != nil {
		return sender{}, false
	}
	return sender{pid: int(c.Pid), uid: int(c.Uid)}, true
}
