package service

import (
	"io/fs"
	"strings"
)

// SocketKind says how a listening socket carries data.
type SocketKind string

// The kinds. SocketStream is TCP or a Unix stream socket, SocketDatagram is UDP or a Unix datagram socket.
const (
	SocketStream   SocketKind = "stream"
	SocketDatagram SocketKind = "datagram"
)

// DefaultSocketMode is that of a Unix socket's file: nobody but its user connects.
const DefaultSocketMode fs.FileMode = 0o600

// Socket is one listening socket that is made before the workload, outlives its restarts, and is handed to it as sd_listen_fds(3) says. It is comparable.
type Socket struct {
	Name    string      // what LISTEN_FDNAMES calls it; see ValidSocketName
	Kind    SocketKind  // SocketStream or SocketDatagram
	Address string      // "127.0.0.1:8080", "[::1]:8080", or "unix:" and an absolute path; port 0 lets the kernel choose
	Mode    fs.FileMode // permission bits of a Unix socket's file; 0 where there is none
	Backlog int         // connections that may wait to be accepted; 0 is as many as the system allows
}

// UnixPrefix begins the Address of a Unix socket.
const UnixPrefix = "unix:"

// UnixPath is the path of a Unix socket's file, or "" for another socket.
func (s Socket) UnixPath() string {
	if path, ok := strings.CutPrefix(s.Address, UnixPrefix); ok {
		return path
	}
	return ""
}

// ValidSocketName reports whether name can name a socket: 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit and not ending
// with '.'. These need no quoting in a unit's name and in FileDescriptorName= (systemd.socket(5)), where ':' has a meaning.
func ValidSocketName(name string) bool { return validName(name) }
