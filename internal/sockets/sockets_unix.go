//go:build unix

package sockets

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/service"
)

// take claims what the environment of this process hands over: no child inherits the descriptors, and nobody takes them again.
func take() (given, error) {
	g, err := parse(os.Getenv, os.Getpid())
	if os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) {
		for _, v := range listenVariables {
			_ = os.Unsetenv(v) // it fails for bad names only
		}
	}
	for i := range g.names {
		unix.CloseOnExec(firstFD + i)
	}
	return g, err
}

// inherited is the socket at fd, if it is what s says.
func inherited(s service.Socket, fd int) (held, error) {
	typ, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	switch {
	case err != nil:
		return held{}, err // no socket: ENOTSOCK
	case typ != socketType(s.Kind):
		return held{}, fmt.Errorf("it is no %s socket", s.Kind)
	}
	if s.Kind == service.SocketStream {
		if on, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || on == 0 {
			return held{}, errors.New("it does not listen: the .socket unit must not have Accept=yes")
		}
	}
	return newHeld(s, fd), nil
}

// newHeld has the address that fd has now.
func newHeld(s service.Socket, fd int) held {
	if sa, err := unix.Getsockname(fd); err == nil {
		if a := addressOf(sa); a != "" {
			s.Address = a
		}
	}
	return held{Socket: s, file: os.NewFile(uintptr(fd), s.Name)}
}

func addressOf(sa unix.Sockaddr) string {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port)).String()
	case *unix.SockaddrUnix:
		return service.UnixPrefix + sa.Name
	}
	return ""
}

func socketType(k service.SocketKind) int {
	if k == service.SocketDatagram {
		return unix.SOCK_DGRAM
	}
	return unix.SOCK_STREAM
}

// defaultBacklog is more than any system allows; the kernel takes its own limit then (listen(2)).
const defaultBacklog = 4096

// listen opens s.
func listen(s service.Socket) (held, error) {
	sa, family, err := sockaddr(s)
	if err != nil {
		return held{}, err
	}
	fd, err := newSocket(family, socketType(s.Kind))
	if err != nil {
		return held{}, os.NewSyscallError("socket", err)
	}
	remove, err := bind(s, fd, family, sa)
	if err == nil && s.Kind == service.SocketStream {
		backlog := s.Backlog
		if backlog == 0 {
			backlog = defaultBacklog
		}
		err = os.NewSyscallError("listen", unix.Listen(fd, backlog))
	}
	if err != nil {
		if remove != nil {
			err = errors.Join(err, remove())
		}
		return held{}, errors.Join(err, unix.Close(fd))
	}
	h := newHeld(s, fd)
	h.remove = remove
	if family == unix.AF_UNIX {
		h.Address = s.Address // and not the name by which it may have been bound
	}
	return h, nil
}

// newSocket makes a socket that no child inherits.
func newSocket(family, typ int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(family, typ, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	return fd, err
}

func sockaddr(s service.Socket) (unix.Sockaddr, int, error) {
	if path := s.UnixPath(); path != "" {
		return &unix.SockaddrUnix{Name: path}, unix.AF_UNIX, nil
	}
	a, err := netip.ParseAddrPort(s.Address)
	if err != nil {
		return nil, 0, err
	}
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}, unix.AF_INET, nil
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}, unix.AF_INET6, nil
}

// bind gives fd its address. For a Unix socket it returns what removes the file.
func bind(s service.Socket, fd, family int, sa unix.Sockaddr) (remove func() error, err error) {
	if family == unix.AF_UNIX {
		return bindUnix(s, fd)
	}
	if s.Kind == service.SocketStream { // a port whose old connections are in TIME_WAIT; of a UDP port it would make two owners (socket(7))
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return nil, os.NewSyscallError("setsockopt", err)
		}
	}
	return nil, os.NewSyscallError("bind", unix.Bind(fd, sa))
}

// duplicate is f's socket once more.
func duplicate(f *os.File, name string) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
