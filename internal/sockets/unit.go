package sockets

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/joshuaaferguson/apexd/service"
)

// UnitLines are the lines of a [Socket] section that make systemd open s and hand it over as New and Open expect it (systemd.socket(5)). There is one .socket
// unit a socket, since FileDescriptorName= holds for all of a unit; the service names them all in Sockets=. A system manager makes a Unix socket's file as
// root: for another user SocketUser= has to be added.
func UnitLines(s service.Socket) []string {
	listen := "ListenStream="
	if s.Kind == service.SocketDatagram {
		listen = "ListenDatagram="
	}
	address := strings.TrimPrefix(s.Address, service.UnixPrefix)
	lines := []string{listen + strings.ReplaceAll(address, "%", "%%"), "FileDescriptorName=" + s.Name}
	if s.UnixPath() != "" {
		lines = append(lines, fmt.Sprintf("SocketMode=%04o", uint32(s.Mode.Perm())), "RemoveOnStop=yes")
	}
	if s.Backlog > 0 {
		lines = append(lines, "Backlog="+strconv.Itoa(s.Backlog))
	}
	return lines
}
