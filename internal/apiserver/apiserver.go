// Package apiserver is what a daemon runs when no command is configured: a small read-only HTTP API inside the daemon process, on a loopback
// address. It reports the daemon's own health, status and metrics, and changes nothing.
//
// Who can reach it: every local user, since a loopback port has no owner. It therefore says nothing that `apexd status` keeps
// back. A web page cannot read it: a request whose Host is not a loopback name is refused, against DNS rebinding, and no CORS header is
// ever sent. While nobody asks, it holds one listening socket and no timer.
//
// It speaks just the HTTP/1.1 that five read-only resources need, over package net: one request and one answer a connection, no body read. net/http
// costs too much where nothing else needs it. Measured on Linux/amd64 with Go 1.26: linked in, it made `apexd status` take 1.36 times as long
// as a program that only links our other libraries, instead of 1.13; and the memory that the daemon has to itself (USS) grew in 1000 requests
// from 3.4 to 10.6 MB, instead of from 3.1 to 3.8 MB.
package apiserver

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/joshuaaferguson/apexd/internal/footprint"
	"github.com/joshuaaferguson/apexd/service"
)

// Options configures a server. Address and Status are required.
type Options struct {
	Address string                // host:port; the host is a loopback address or "localhost" (127.0.0.1), port 0 lets the kernel choose
	Status  func() service.Status // asked once a request, by several goroutines at once
	Version string                // of the daemon

	Logger func(msg string, kv ...any) // a failing accept, and connections cut at the end; may be nil
}

// maxConns is how many connections are open at once; further ones wait in the kernel's queue (listen(2)).
const maxConns = 64

// limits of one server. A request and its answer are a few hundred bytes and a few milliseconds.
type limits struct {
	read   time.Duration // of a request, from the connection to the end of its header; a slow sender is cut off
	write  time.Duration // of an answer
	linger time.Duration // for the client to close after its answer
	grace  time.Duration // for requests that are running when Serve is told to end
	quiet  time.Duration // without a connection, after which memory is given back
}

func defaults() limits {
	return limits{read: 5 * time.Second, write: 5 * time.Second, linger: time.Second, grace: 2 * time.Second, quiet: time.Second}
}

// Server answers on one address. Make it with Listen; it is used up by Serve or Close.
type Server struct {
	listener listener
	api      api
	limits   limits
	slots    chan struct{} // one element for each open connection, and one for that which is waited for
	buffers  sync.Pool     // of *buffer; a garbage collection empties it
	trim     func()        // gives memory back
	log      func(msg string, kv ...any)
}

// listener is what is used of *net.TCPListener.
type listener interface {
	AcceptTCP() (*net.TCPConn, error)
	Addr() net.Addr
	Close() error
}

// Listen binds o.Address; connections wait until Serve. Errors: *service.Error with CodeConfigInvalid for an address that is not a loopback one,
// CodePermissionDenied for a port that needs privileges, CodeStartFailed when the port is taken or cannot be had otherwise.
func Listen(o Options) (*Server, error) {
	addr, err := loopback(o.Address)
	if err != nil {
		return nil, &service.Error{
			Op: "use the API address " + strconv.Quote(o.Address), Code: service.CodeConfigInvalid, Err: err,
			Hint: `set api.address to a loopback host and a port, for example "127.0.0.1:8080", or ` + strconv.Quote(service.DefaultAPIAddress) + " for any free port",
		}
	}
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
	if err != nil {
		return nil, bindError(err)
	}
	s := &Server{listener: l, api: api{o.Status, o.Version}, limits: defaults(), slots: make(chan struct{}, maxConns), trim: footprint.Trim, log: o.Logger}
	s.buffers.New = func() any { return new(buffer) }
	if s.log == nil {
		s.log = func(string, ...any) {}
	}
	return s, nil
}

func bindError(err error) error {
	code := service.CodeStartFailed
	if errors.Is(err, fs.ErrPermission) {
		code = service.CodePermissionDenied
	}
	return &service.Error{Op: "start the API server", Code: code, Err: err, // net.OpError names address and port
		Hint: "set api.address in .apex/config.yaml to another port, or to port 0 for any free one"}
}

// loopback parses host:port and refuses a host that is not this machine's alone.
func loopback(address string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, errors.New("the port is not a number from 0 to 65535")
	}
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1" // not what a resolver may make of it
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.Unmap().IsLoopback() || ip.Zone() != "" {
		return netip.AddrPort{}, errors.New("the host is not a loopback address, and the API has no authentication")
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)), nil
}

// Address returns where the server listens, "127.0.0.1:40123".
func (s *Server) Address() string { return s.listener.Addr().String() }

// Serve answers until ctx is done; then it takes no more connections, hangs up on clients that have not finished asking, lets running requests
// finish for up to two seconds, cuts the rest off, and returns nil. Any other end is an error. It is called once; with a ctx that is done
// already it only closes the listener. A Status that never returns keeps its goroutine; one that panics ends the process.
func (s *Server) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.listener.Close() })
	defer stop()
	overdue, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	trim := time.AfterFunc(s.limits.quiet, s.trim)
	defer trim.Stop()
	trim.Stop() // until a connection has ended
	err := s.accept(ctx, overdue, func() { trim.Reset(s.limits.quiet) })
	s.listener.Close()
	if ctx.Err() == nil {
		return err // the listener failed by itself
	}
	if !s.drained() {
		s.log("API connections did not end by themselves, closing them", "after", s.limits.grace)
	}
	return nil
}

// accept runs a goroutine for each connection while it is open, until ctx is done or the listener fails.
func (s *Server) accept(ctx, overdue context.Context, ended func()) error {
	for {
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		c, err := s.acceptOne(ctx)
		if err != nil {
			<-s.slots
			return err
		}
		go func() {
			s.converse(ctx, overdue, c)
			ended()
			<-s.slots
		}()
	}
}

// acceptOne waits for a connection, and until there are resources for it: no event tells about those.
func (s *Server) acceptOne(ctx context.Context) (*net.TCPConn, error) {
	const first, longest = 5 * time.Millisecond, time.Second
	for pause := first; ; pause = min(2*pause, longest) {
		c, err := s.listener.AcceptTCP()
		if err == nil || !shortage(err) {
			return c, err
		}
		if pause == first {
			s.log("Cannot accept an API connection, trying again", "err", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// shortage reports whether accept(2) failed for want of descriptors or memory, which may pass.
func shortage(err error) bool {
	for _, e := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// drained waits for the connections to end, at most for the grace period, and reports whether they did. It takes their slots.
func (s *Server) drained() bool {
	timeout := time.NewTimer(s.limits.grace)
	defer timeout.Stop()
	for range cap(s.slots) {
		select {
		case s.slots <- struct{}{}:
		case <-timeout.C:
			return false
		}
	}
	return true
}

// Close releases the address of a server that is not being served.
func (s *Server) Close() error { return s.listener.Close() }
