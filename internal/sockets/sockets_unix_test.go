//go:build unix

package sockets

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/service"
)

func tcp(name, address string) service.Socket {
	return service.Socket{Name: name, Kind: service.SocketStream, Address: address}
}

func unixAt(path string, kind service.SocketKind) service.Socket {
	return service.Socket{Name: "u", Kind: kind, Address: service.UnixPrefix + path, Mode: 0o660}
}

// shortDir is a directory whose name leaves room in sun_path.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "apexd-s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func mustOpen(t *testing.T, all ...service.Socket) (*Holder, []service.Socket) {
	t.Helper()
	h := New(Options{Sockets: all})
	got, err := h.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h, got
}

// dial connects to s and closes.
func dial(s service.Socket) error {
	network, address := "tcp", s.Address
	if path := s.UnixPath(); path != "" {
		network, address = "unix", path
	}
	if s.Kind == service.SocketDatagram {
		network = map[string]string{"tcp": "udp", "unix": "unixgram"}[network]
	}
	c, err := net.Dial(network, address)
	if err == nil {
		err = c.Close()
	}
	return err
}

func TestOpenAndClose(t *testing.T) {
	dir := shortDir(t)
	v6 := tcp("v6", "[::1]:0")
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		v6 = tcp("v6", "127.0.0.1:0") // a machine without IPv6
	} else {
		l.Close()
	}
	h, got := mustOpen(t, tcp("v4", "127.0.0.1:0"), v6,
		service.Socket{Name: "udp", Kind: service.SocketDatagram, Address: "127.0.0.1:0"},
		unixAt(filepath.Join(dir, "s"), service.SocketStream), unixAt(filepath.Join(dir, "d"), service.SocketDatagram))
	for _, s := range got {
		if err := dial(s); err != nil || strings.HasSuffix(s.Address, ":0") {
			t.Errorf("%s at %s: %v", s.Name, s.Address, err)
		}
		if path := s.UnixPath(); path != "" {
			if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o660 {
				t.Errorf("%v, %v", fi, err)
			}
		}
	}
	if again, err := h.Open(); again != nil || err != nil {
		t.Errorf("opened again: %v, %v", again, err)
	}
	for _, s := range h.held {
		if flags, err := unix.FcntlInt(s.file.Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%s is inherited by any child: %v", s.Name, err)
		}
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	for _, s := range got {
		if err := dial(s); err == nil && s.Address != got[2].Address { // nothing tells a UDP client
			t.Errorf("%s is still there", s.Address)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestFiles(t *testing.T) {
	h, got := mustOpen(t, tcp("a", "127.0.0.1:0"), tcp("b", "127.0.0.1:0"))
	files, err := h.Files()
	if err != nil || len(files) != 2 || files[0].Name() != "a" || files[1].Name() != "b" {
		t.Fatalf("%v, %v", files, err)
	}
	for i, f := range files {
		l, err := net.FileListener(f)
		if err != nil {
			t.Fatal(err)
		}
		if l.Addr().String() != got[i].Address {
			t.Errorf("%s, want %s", l.Addr(), got[i].Address)
		}
		l.Close()
		f.Close()
		if err := dial(got[i]); err != nil { // the holder's own is still open
			t.Error(err)
		}
	}
}

// What is in the way is removed only when it is a socket of ours that nobody listens at.
func TestInTheWay(t *testing.T) {
	listening := func(network string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			var c interface{ Close() error }
			var err error
			if network == "unix" {
				c, err = net.Listen(network, path)
			} else {
				c, err = net.ListenPacket(network, path)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}
	stale := func(typ int) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			fd, err := newSocket(unix.AF_UNIX, typ)
			if err == nil {
				err = errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Close(fd))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	file := func(t *testing.T, path string) {
		if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(t *testing.T, path string) {
		stale(unix.SOCK_STREAM)(t, path+".real")
		if err := os.Symlink(path+".real", path); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		before func(*testing.T, string)
		kind   service.SocketKind
		want   error
		says   string // in the hint
	}{
		{"nothing", func(*testing.T, string) {}, service.SocketStream, nil, ""},
		{"a stale socket", stale(unix.SOCK_STREAM), service.SocketStream, nil, ""},
		{"a stale datagram socket", stale(unix.SOCK_DGRAM), service.SocketDatagram, nil, ""},
		{"a stale socket of another type", stale(unix.SOCK_DGRAM), service.SocketStream, nil, ""},
		{"a live socket", listening("unix"), service.SocketStream, syscall.EADDRINUSE, "end the process that listens there"},
		{"a live datagram socket", listening("unixgram"), service.SocketDatagram, syscall.EADDRINUSE, "end the process"},
		{"a live socket of another type", listening("unixgram"), service.SocketStream, syscall.EADDRINUSE, "end the process"},
		{"a file", file, service.SocketStream, errNotOurs, "remove "},
		{"a link to a stale socket", link, service.SocketStream, errNotOurs, "remove "},
		{"a directory", func(t *testing.T, path string) { _ = os.Mkdir(path, 0o700) }, service.SocketStream, errNotOurs, "remove "},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(shortDir(t), "s")
			c.before(t, path)
			before, _ := os.Lstat(path)
			h := New(Options{Sockets: []service.Socket{unixAt(path, c.kind)}})
			_, err := h.Open()
			defer h.Close()
			if c.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var e *Error
			if !errors.Is(err, c.want) || !errors.As(err, &e) || !strings.Contains(e.Hint(), c.says) || !strings.Contains(err.Error(), "sockets.u at unix:"+path) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("it was replaced: %v", err)
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	dir := shortDir(t)
	for _, c := range []struct {
		name   string
		socket service.Socket
		want   error
		hint   string
	}{
		{"a port in use", tcp("http", busy.Addr().String()), syscall.EADDRINUSE, "another program listens there"},
		{"an address of another machine", tcp("http", "192.0.2.1:8080"), syscall.EADDRNOTAVAIL, "does not have that address"},
		{"no directory", unixAt(filepath.Join(dir, "none", "s"), service.SocketStream), fs.ErrNotExist, "make the directory " + dir + "/none"},
		{"a path that is too long", unixAt(filepath.Join(dir, strings.Repeat("x", 120)), service.SocketStream), syscall.EINVAL, "change sockets.u"},
	} {
		t.Run(c.name, func(t *testing.T) {
			first := unixAt(filepath.Join(dir, "first"), service.SocketStream)
			h := New(Options{Sockets: []service.Socket{first, c.socket}})
			_, err := h.Open()
			var e *Error
			if !errors.Is(err, c.want) || !errors.As(err, &e) || !strings.Contains(e.Hint(), c.hint) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if !strings.Contains(err.Error(), "sockets."+c.socket.Name+" at "+c.socket.Address) {
				t.Errorf("%v does not name key and address", err)
			}
			if _, err := os.Lstat(first.UnixPath()); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the first was left open: %v", err)
			}
		})
	}
	t.Run("no permission", func(t *testing.T) {
		s := tcp("http", "127.0.0.1:80")
		e := &Error{Socket: s, Err: syscall.EACCES, Advice: advice(s, syscall.EACCES)}
		if !errors.Is(e, fs.ErrPermission) || !strings.Contains(e.Hint(), "below 1024") {
			t.Errorf("%v, %s", e, e.Hint())
		}
	})
}

// A file that somebody else has put in place of ours meanwhile stays.
func TestCloseLeavesOthers(t *testing.T) {
	path := filepath.Join(shortDir(t), "s")
	h, _ := mustOpen(t, unixAt(path, service.SocketStream))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	if err := dial(unixAt(path, service.SocketStream)); err != nil {
		t.Errorf("it was removed: %v", err)
	}
}

// What was handed over is checked before it is handed on.
func TestFind(t *testing.T) {
	_, open := mustOpen(t, tcp("x", "127.0.0.1:0"))
	h := New(Options{Sockets: []service.Socket{tcp("http", "127.0.0.1:1")}, Managed: true})
	if _, err := h.Open(); err == nil || !strings.Contains(err.Error(), "sockets.http at 127.0.0.1:1: the manager that runs this daemon did not hand it over") {
		t.Errorf("managed, and nothing handed over: %v", err)
	}
	if _, again := h.Open(); again == nil {
		t.Error("it was opened at the second try")
	}
	for _, c := range []struct {
		name string
		kind service.SocketKind
		make func() (int, error)
		bad  string
	}{
		{"stream", service.SocketStream, func() (int, error) { return copyOf(open[0]) }, ""},
		{"stream for datagram", service.SocketDatagram, func() (int, error) { return copyOf(open[0]) }, "it is no datagram socket"},
		{"not listening", service.SocketStream, func() (int, error) { return newSocket(unix.AF_INET, unix.SOCK_STREAM) }, "Accept=yes"},
		{"no socket", service.SocketStream, func() (int, error) { return unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0) }, "socket operation on non-socket"},
	} {
		t.Run(c.name, func(t *testing.T) {
			fd, err := c.make()
			if err != nil {
				t.Fatal(err)
			}
			got, err := inherited(service.Socket{Name: "x", Kind: c.kind}, fd)
			if c.bad == "" {
				if err != nil || got.remove != nil || got.Address == "" {
					t.Fatalf("%+v, %v", got, err)
				}
				got.file.Close()
				return
			}
			unix.Close(fd)
			if err == nil || !strings.Contains(err.Error(), c.bad) {
				t.Errorf("%v, want %q", err, c.bad)
			}
		})
	}
}

func copyOf(s service.Socket) (int, error) {
	h, err := listen(tcp(s.Name, "127.0.0.1:0"))
	if err != nil {
		return 0, err
	}
	defer h.file.Close()
	return unix.FcntlInt(h.file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
}

// Variables for another process are left alone, since whoever is meant may still come.
func TestTakeForAnother(t *testing.T) {
	t.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()+1))
	t.Setenv("LISTEN_FDS", "1")
	h := New(Options{Take: true})
	if os.Getenv("LISTEN_FDS") != "1" || len(h.Ignored()) > 0 {
		t.Errorf("taken: %q", h.Ignored())
	}
}
