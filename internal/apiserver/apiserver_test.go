package apiserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// patience is how long a test waits for what must happen; it fails then.
const patience = 30 * time.Second

func ptr[T any](v T) *T { return &v }

func running() service.Status {
	return service.Status{
		Schema: 1, Name: "web", Project: "/src/<shop>", Running: true, Ready: ptr(true), Wanted: true, State: service.StateRunning,
		StartedAt: ptr(time.Date(2025, 1, 15, 10, 30, 0, 120_000_000, time.UTC)), Uptime: ptr[int64](61_500), Backend: "direct", Restarts: 2,
		LastExit: &service.Exit{Code: -1, Signal: "SIGKILL"}, Warnings: []string{},
	}
}

func listen(t *testing.T, o Options) *Server {
	t.Helper()
	if o.Address == "" {
		o.Address = service.DefaultAPIAddress
	}
	if o.Status == nil {
		o.Status = running
	}
	s, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// serve runs s until stop is called, or the test ends; stop returns what Serve returned.
func serve(t *testing.T, s *Server) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1) // Serve ends whether or not anybody still waits
	go func() { result <- s.Serve(ctx) }()
	stop = func() error {
		cancel()
		select {
		case err := <-result:
			result <- err
			return err
		case <-time.After(patience):
			return errors.New("Serve does not end")
		}
	}
	t.Cleanup(func() {
		if err := stop(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return stop
}

func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", s.Address(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// ask sends one raw request on a connection of its own and returns the answer with its body.
func ask(t *testing.T, s *Server, method, request string) (*http.Response, string) {
	t.Helper()
	c := dial(t, s)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	r, body := receive(t, c, method)
	c.Close() // as clients do; the server waits for it for a while
	return r, body
}

func receive(t *testing.T, c net.Conn, method string) (*http.Response, string) {
	t.Helper()
	r, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(body)
}

func raw(method, target, host string) string {
	return fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", method, target, host)
}

func TestListenRefuses(t *testing.T) {
	tests := []struct{ name, address string }{
		{"empty", ""},
		{"every address", ":8080"},
		{"every IPv4 address", "0.0.0.0:8080"},
		{"every IPv6 address", "[::]:8080"},
		{"mapped", "[::ffff:0.0.0.0]:8080"},
		{"of the network", "192.168.1.2:0"},
		{"link-local", "[fe80::1]:0"},
		{"with a zone", "[::1%lo]:0"},
		{"a name", "example.com:80"},
		{"a name that begins like localhost", "localhost.example.com:80"},
		{"a number that some resolvers take for 127.0.0.1", "2130706433:80"},
		{"short form", "127.1:80"},
		{"no port", "127.0.0.1"},
		{"empty port", "127.0.0.1:"},
		{"port too high", "127.0.0.1:65536"},
		{"negative port", "127.0.0.1:-1"},
		{"port by name", "127.0.0.1:http"},
		{"IPv6 without brackets", "::1:80"},
		{"URL", "http://127.0.0.1:80"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Listen(Options{Address: tt.address, Status: running})
			if err == nil {
				s.Close()
				t.Fatalf("listens on %s", s.Address())
			}
			var e *service.Error
			if !errors.As(err, &e) || e.Code != service.CodeConfigInvalid || e.Hint == "" || !strings.Contains(err.Error(), tt.address) {
				t.Errorf("error is %#v, want CONFIG_INVALID with a hint and the address", err)
			}
		})
	}
}

func TestListenAddresses(t *testing.T) {
	tests := []struct {
		name, address, host string
		optional            bool // the machine may not have it
	}{
		{"IPv4", "127.0.0.1:0", "127.0.0.1", false},
		{"localhost", "LocalHost:0", "127.0.0.1", false},
		{"mapped", "[::ffff:127.0.0.1]:0", "127.0.0.1", false},
		{"another of 127.0.0.0/8", "127.0.0.2:0", "127.0.0.2", true},
		{"IPv6", "[::1]:0", "::1", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Listen(Options{Address: tt.address, Status: running})
			if err != nil && tt.optional {
				t.Skipf("this machine does not have the address: %v", err)
			}
			if err != nil {
				t.Fatal(err)
			}
			serve(t, s)
			addr, err := netip.ParseAddrPort(s.Address())
			if err != nil || addr.Addr().String() != tt.host || addr.Port() == 0 {
				t.Errorf("Address = %s, %v, want %s and a port", s.Address(), err, tt.host)
			}
			if r, body := ask(t, s, "GET", raw("GET", "/healthz", s.Address())); r.StatusCode != 200 || body != "ok" {
				t.Errorf("/healthz = %d %q", r.StatusCode, body)
			}
		})
	}
}

func TestBusyPort(t *testing.T) {
	first := listen(t, Options{})
	_, port, _ := net.SplitHostPort(first.Address())
	second, err := Listen(Options{Address: first.Address(), Status: running})
	if err == nil {
		second.Close()
		t.Fatal("two servers on one port")
	}
	var e *service.Error
	if !errors.As(err, &e) || e.Code != service.CodeStartFailed || !strings.Contains(err.Error(), port) || !strings.Contains(e.Hint, "port 0") {
		t.Errorf("error is %v (hint %q), want START_FAILED, the port, and a hint to choose another", err, e.Hint)
	}
	first.Close()
	second, err = Listen(Options{Address: first.Address(), Status: running})
	if err != nil {
		t.Fatalf("Close did not release the port: %v", err)
	}
	second.Close()
}

func TestBindErrorCodes(t *testing.T) {
	tests := []struct {
		name  string
		cause error
		want  service.Code
	}{
		{"taken", syscall.EADDRINUSE, service.CodeStartFailed},
		{"privileged", syscall.EACCES, service.CodePermissionDenied},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := bindError(&net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", tt.cause)})
			if service.CodeOf(err) != tt.want || !errors.Is(err, tt.cause) {
				t.Errorf("%v: code %s, want %s and the cause", err, service.CodeOf(err), tt.want)
			}
		})
	}
}

func TestServeEnds(t *testing.T) {
	t.Run("context", func(t *testing.T) {
		s := listen(t, Options{})
		stop := serve(t, s)
		ask(t, s, "GET", raw("GET", "/", "localhost"))
		if err := stop(); err != nil {
			t.Errorf("Serve = %v", err)
		}
		if c, err := net.Dial("tcp", s.Address()); err == nil {
			c.Close()
			t.Error("still listening")
		}
	})
	t.Run("context that is done already", func(t *testing.T) {
		s := listen(t, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Serve(ctx); err != nil {
			t.Errorf("Serve = %v", err)
		}
		if c, err := net.Dial("tcp", s.Address()); err == nil {
			c.Close()
			t.Error("still listening")
		}
	})
	t.Run("listener fails", func(t *testing.T) {
		s := listen(t, Options{})
		s.Close()
		if err := s.Serve(t.Context()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve = %v, want net.ErrClosed", err)
		}
	})
}

// blocking is a Status that says when it is asked and answers when it is told to.
func blocking() (status func() service.Status, asked, answer chan struct{}) {
	asked, answer = make(chan struct{}), make(chan struct{})
	return func() service.Status {
		asked <- struct{}{}
		<-answer
		return running()
	}, asked, answer
}

func TestShutdownLetsARequestFinish(t *testing.T) {
	status, asked, release := blocking()
	s := listen(t, Options{Status: status})
	s.limits.grace, s.limits.linger = patience, 10*time.Millisecond
	stop := serve(t, s)
	c := dial(t, s)
	io.WriteString(c, raw("GET", "/readyz", "localhost"))
	<-asked
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	for refused := false; !refused; { // until Shutdown has closed the listener: no event tells
		probe, err := net.DialTimeout("tcp", s.Address(), patience)
		if refused = err != nil; !refused {
			probe.Close()
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("Serve = %v while a request was running", err)
	default:
	}
	close(release)
	if r, body := receive(t, c, "GET"); r.StatusCode != 200 || body != "ready" {
		t.Errorf("the running request got %d %q", r.StatusCode, body)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve = %v", err)
	}
}

func TestShutdownIsBounded(t *testing.T) {
	status, asked, release := blocking()
	defer close(release)
	var complained atomic.Bool
	s := listen(t, Options{Status: status, Logger: func(string, ...any) { complained.Store(true) }})
	s.limits.grace = 10 * time.Millisecond
	stop := serve(t, s)
	c := dial(t, s)
	io.WriteString(c, raw("GET", "/readyz", "localhost"))
	<-asked
	if err := stop(); err != nil {
		t.Errorf("Serve = %v", err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || isTimeout(err) {
		t.Errorf("the connection is still open: %d, %v", n, err)
	}
	if !complained.Load() {
		t.Error("nothing was logged")
	}
}

func TestDefaultsAreBounded(t *testing.T) {
	s := listen(t, Options{})
	l := s.limits
	for name, d := range map[string]time.Duration{"read": l.read, "write": l.write, "linger": l.linger, "grace": l.grace, "quiet": l.quiet} {
		if d <= 0 || d > 10*time.Second {
			t.Errorf("%s is %v", name, d)
		}
	}
	if cap(s.slots) != maxConns {
		t.Errorf("%d connections", cap(s.slots))
	}
}
