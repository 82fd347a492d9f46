package apiserver

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// settled waits until the server has accepted every connection made before: the kernel hands them out in their order.
func settled(t *testing.T, s *Server) {
	t.Helper()
	if r, _ := ask(t, s, "GET", raw("GET", "/healthz", "localhost")); r.StatusCode != 200 {
		t.Fatalf("status %d", r.StatusCode)
	}
}

// TestSlowClients: whoever sends slowly, or nothing, is cut off without an answer.
func TestSlowClients(t *testing.T) {
	tests := []struct {
		name, sent string
		answered   bool
	}{
		{"nothing", "", false},
		{"half a header", "GET /healthz HTTP/1.1\r\nHost: local", false},
		{"header without an end", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n", false},
		{"asked and not closed", raw("GET", "/healthz", "localhost"), true},
		{"a body that never comes", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n", true},
	}
	const short = 30 * time.Millisecond
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var complained atomic.Bool
			s := listen(t, Options{Logger: func(string, ...any) { complained.Store(true) }})
			s.limits.read, s.limits.linger, s.limits.grace = short, short, patience
			if tt.answered {
				s.limits.read = 2 * patience // is not what ends it
			}
			c := dial(t, s)
			io.WriteString(c, tt.sent) // before the server, whose clock does not wait for a slow machine
			stop := serve(t, s)
			b, err := io.ReadAll(c)
			if err != nil || (len(b) > 0) != tt.answered {
				t.Errorf("read %q, %v", b, err)
			}
			if err := stop(); err != nil || complained.Load() { // c is still open: only the server ends the connection
				t.Errorf("the server keeps the connection: %v", err)
			}
		})
	}
}

// TestClientThatDoesNotRead: an answer larger than the socket's buffers is given up.
func TestClientThatDoesNotRead(t *testing.T) {
	var complained atomic.Bool
	s := listen(t, Options{
		Status: func() service.Status { return service.Status{State: service.State(strings.Repeat("x", 16<<20))} },
		Logger: func(string, ...any) { complained.Store(true) },
	})
	s.limits.write, s.limits.grace = 30*time.Millisecond, patience
	stop := serve(t, s)
	c := dial(t, s)
	io.WriteString(c, raw("GET", "/readyz", "localhost"))
	one := make([]byte, 1)
	if _, err := io.ReadFull(c, one); err != nil { // it is being written
		t.Fatal(err)
	}
	if err := stop(); err != nil || complained.Load() {
		t.Errorf("the server keeps the connection: %v", err)
	}
	// What there is of it must not look like the whole.
	if r, err := http.ReadResponse(newReader(one, c), nil); err == nil {
		if _, err = io.ReadAll(r.Body); err == nil {
			t.Error("a torn answer looks like a whole one")
		}
	}
}

// TestUnreadBody: who sends a body, all of it only after the answer has come, still reads that answer to its end.
func TestUnreadBody(t *testing.T) {
	s := listen(t, Options{})
	s.limits.linger = patience
	serve(t, s)
	c := dial(t, s)
	io.WriteString(c, "POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 49152\r\n\r\n")
	first := make([]byte, 1)
	if _, err := io.ReadFull(c, first); err != nil {
		t.Fatal(err)
	}
	for range 48 {
		if _, err := c.Write(make([]byte, 1<<10)); err != nil {
			t.Fatalf("the body is not taken: %v", err)
		}
	}
	rest, err := io.ReadAll(c)
	if answer := string(first) + string(rest); err != nil || !strings.HasPrefix(answer, "HTTP/1.1 405 ") || !strings.HasSuffix(answer, "read") {
		t.Errorf("%q, %v", answer, err)
	}
}

// TestEndlessBody: not for long, though.
func TestEndlessBody(t *testing.T) {
	s := listen(t, Options{})
	s.limits.linger = patience
	serve(t, s)
	c := dial(t, s)
	io.WriteString(c, "POST /status HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
	for {
		if _, err := c.Write(make([]byte, 16<<10)); isTimeout(err) {
			t.Fatal("an endless body is read")
		} else if err != nil {
			return
		}
	}
}

// TestOneRequest: a second request on a connection is not answered, however it comes.
func TestOneRequest(t *testing.T) {
	s := listen(t, Options{})
	serve(t, s)
	c := dial(t, s)
	io.WriteString(c, raw("GET", "/healthz", "localhost")+raw("GET", "/status", "localhost"))
	b, err := io.ReadAll(c)
	if err != nil || strings.Count(string(b), "HTTP/1.1 200") != 1 || !strings.Contains(string(b), "\r\nConnection: close\r\n") {
		t.Errorf("%q, %v", b, err)
	}
}

func TestHugeHeader(t *testing.T) {
	s := listen(t, Options{})
	serve(t, s)
	r, body := ask(t, s, "GET", "GET / HTTP/1.1\r\nHost: localhost\r\nCookie: "+strings.Repeat("x", maxHead+4<<10))
	if r.StatusCode != http.StatusRequestHeaderFieldsTooLarge || body == "" {
		t.Errorf("%d %q, want 431 and why", r.StatusCode, body)
	}
}

// TestTLS: a client that speaks something else is told so, and not kept waiting.
func TestTLS(t *testing.T) {
	s := listen(t, Options{})
	s.limits.read = patience
	serve(t, s)
	if r, _ := ask(t, s, "GET", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"); r.StatusCode != 400 {
		t.Errorf("status %d, want 400", r.StatusCode)
	}
}

// TestFullHouse: the 65th connection waits in the kernel until another one ends.
func TestFullHouse(t *testing.T) {
	s := listen(t, Options{})
	s.limits.read = patience
	serve(t, s)
	conns := make([]net.Conn, 64)
	for i := range conns {
		conns[i] = dial(t, s)
	}
	late := dial(t, s)
	io.WriteString(late, raw("GET", "/healthz", "localhost"))
	late.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // that something does not happen has no event
	if n, err := late.Read(make([]byte, 1)); !isTimeout(err) {
		t.Fatalf("the 65th connection got %d bytes, %v", n, err)
	}
	conns[7].Close()
	late.SetReadDeadline(time.Now().Add(patience))
	if r, body := receive(t, late, "GET"); r.StatusCode != 200 || body != "ok" {
		t.Errorf("%d %q", r.StatusCode, body)
	}
}

// TestSlotsComeBack asks more often than there are slots, of all kinds.
func TestSlotsComeBack(t *testing.T) {
	s := listen(t, Options{})
	s.limits.grace = patience
	stop := serve(t, s)
	for i := range 3 * maxConns {
		c := dial(t, s)
		if i%3 > 0 {
			io.WriteString(c, []string{"", raw("GET", "/healthz", "localhost"), "nonsense\r\n\r\n"}[i%3])
			receive(t, c, "GET")
		}
		c.Close()
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if n := len(s.slots); n != maxConns {
		t.Errorf("%d slots are taken by the end, want all", n)
	}
}

// TestMemoryGoesBack: some time after a connection, what it took is given back, once; a server that nobody asks has no timer.
func TestMemoryGoesBack(t *testing.T) {
	s := listen(t, Options{})
	trimmed := make(chan struct{}, 10) // more than the test can cause
	s.trim = func() { trimmed <- struct{}{} }
	s.limits.quiet = 50 * time.Millisecond
	stop := serve(t, s)
	select {
	case <-trimmed:
		t.Error("trimmed before anybody asked")
	case <-time.After(3 * s.limits.quiet):
	}
	settled(t, s)
	select {
	case <-trimmed:
	case <-time.After(patience):
		t.Fatal("nothing was given back")
	}
	select {
	case <-trimmed:
		t.Error("trimmed again while nobody asks")
	case <-time.After(3 * s.limits.quiet):
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestShutdownHangsUp: clients that have not asked do not delay the end.
func TestShutdownHangsUp(t *testing.T) {
	var complained atomic.Bool
	s := listen(t, Options{Logger: func(string, ...any) { complained.Store(true) }})
	s.limits.read, s.limits.grace = 2*patience, patience
	stop := serve(t, s)
	silent, half := dial(t, s), dial(t, s)
	io.WriteString(half, "GET / HTTP/1.1\r\n")
	settled(t, s)
	if err := stop(); err != nil || complained.Load() {
		t.Errorf("Serve = %v, complained: %t", err, complained.Load())
	}
	for _, c := range []net.Conn{silent, half} {
		if n, err := c.Read(make([]byte, 1)); n != 0 || isTimeout(err) {
			t.Errorf("still connected: %d, %v", n, err)
		}
	}
}

// failing is a listener that fails some times before it works.
type failing struct {
	listener
	mu    sync.Mutex
	times int
	with  error
}

func (f *failing) AcceptTCP() (*net.TCPConn, error) {
	f.mu.Lock()
	fails := f.times > 0
	f.times--
	f.mu.Unlock()
	if fails {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", f.with)}
	}
	return f.listener.AcceptTCP()
}

func TestAcceptFails(t *testing.T) {
	tests := []struct {
		name  string
		with  error
		times int
		want  error // of Serve; nil: it goes on
	}{
		{"no descriptors", syscall.EMFILE, 3, nil},
		{"no descriptors on the machine", syscall.ENFILE, 1, nil},
		{"no buffers", syscall.ENOBUFS, 1, nil},
		{"no memory", syscall.ENOMEM, 1, nil},
		{"anything else", syscall.EINVAL, 1, syscall.EINVAL},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var messages atomic.Int32
			s := listen(t, Options{Logger: func(string, ...any) { messages.Add(1) }})
			s.listener = &failing{listener: s.listener, times: tt.times, with: tt.with}
			if tt.want != nil {
				if err := s.Serve(t.Context()); !errors.Is(err, tt.want) {
					t.Errorf("Serve = %v, want %v", err, tt.want)
				}
				if c, err := net.Dial("tcp", s.Address()); err == nil {
					c.Close()
					t.Error("still listening")
				}
				return
			}
			serve(t, s)
			settled(t, s)
			if n := messages.Load(); n != 1 {
				t.Errorf("%d messages, want one for the whole time", n)
			}
		})
	}
}

func TestShutdownWhileAcceptFails(t *testing.T) {
	failed := make(chan struct{})
	once := sync.OnceFunc(func() { close(failed) })
	s := listen(t, Options{Logger: func(string, ...any) { once() }})
	s.listener = &failing{listener: s.listener, times: 1 << 30, with: syscall.EMFILE}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1) // Serve ends whether or not anybody still waits
	go func() { ended <- s.Serve(ctx) }()
	<-failed
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("Serve = %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Serve does not end")
	}
}
