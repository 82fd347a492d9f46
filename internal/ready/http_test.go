package ready

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func server(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// once is one try, without a limit that a slow machine could exceed.
func once(t *testing.T, rawURL string) error {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return newProbe(u).try(limited(t, wait, nil))
}

func TestHTTPStatus(t *testing.T) {
	tests := map[int]bool{200: true, 204: true, 299: true, 301: true, 304: true, 399: true, 400: false, 404: false, 500: false, 503: false}
	for status, ready := range tests {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			s := server(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://127.0.0.1:1/nowhere")
				w.WriteHeader(status)
			})
			err := once(t, s.URL)
			if (err == nil) != ready {
				t.Fatalf("HTTP = %v, want ready %t", err, ready)
			}
			if want := fmt.Sprintf("answered with status %d", status); err != nil && err.Error() != want {
				t.Errorf("it says %q, want %q", err, want)
			}
		})
	}
}

func TestHTTP503Then200(t *testing.T) {
	var n atomic.Int32
	s := server(t, func(w http.ResponseWriter, _ *http.Request) {
		if n.Add(1) < 4 {
			http.Error(w, "starting", http.StatusServiceUnavailable)
		}
	})
	if err := HTTP(limited(t, wait, nil), s.URL, 5*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if n.Load() != 4 {
		t.Errorf("%d requests, want 4", n.Load())
	}
}

func TestHTTPLateStart(t *testing.T) {
	port := closedPort(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	time.AfterFunc(40*time.Millisecond, func() {
		l, err := port.Listen()
		if err != nil {
			return
		}
		s.Listener.Close()
		s.Listener = l
		s.Start()
	})
	if err := HTTP(limited(t, wait, nil), "http://"+port.Address+"/health", 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
}

func TestHTTPRequest(t *testing.T) {
	got := make(chan *http.Request, 1)
	s := server(t, func(_ http.ResponseWriter, r *http.Request) { got <- r })
	host := strings.TrimPrefix(s.URL, "http://")
	if err := HTTP(limited(t, wait, nil), "http://ann:s3cret@"+host+"/a%20b/ü?q=1 2#frag", time.Millisecond); err != nil {
		t.Fatal(err)
	}
	r := <-got
	user, password, _ := r.BasicAuth()
	if r.Method != "GET" || r.Host != host || r.URL.Path != "/a b/ü" || r.URL.Query().Get("q") != "1 2" || user != "ann" || password != "s3cret" {
		t.Errorf("%s %s Host %q, user %q %q", r.Method, r.RequestURI, r.Host, user, password)
	}
	if !r.Close {
		t.Error("the connection is to be kept")
	}
}

func TestRequestText(t *testing.T) {
	auth := base64.StdEncoding.EncodeToString([]byte("a:"))
	tests := []struct{ name, url, address, head string }{
		{"default port", "http://localhost", "localhost:80", "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent"},
		{"IPv6", "http://[::1]:8080/", "[::1]:8080", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\nUser-Agent"},
		{"zone", "http://[fe80::1%25eth0]:80/", "[fe80::1%eth0]:80", "GET / HTTP/1.1\r\nHost: [fe80::1]:80\r\nUser-Agent"},
		{"user", "http://a@h/", "h:80", "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Basic " + auth + "\r\nUser-Agent"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			u, err := url.Parse(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			p := newProbe(u)
			if p.address != tt.address || !strings.HasPrefix(string(p.request), tt.head) || !strings.HasSuffix(string(p.request), "\r\n\r\n") {
				t.Errorf("to %q: %q", p.address, p.request)
			}
		})
	}
}

func TestHTTPBadURL(t *testing.T) {
	for _, raw := range []string{"", "localhost:80", "ftp://h/", "http://", "http:///x", "http://u:s3cret@h:port/", "unix:///x", "https://localhost/", "http://u:s3cret@h/\r\nX: y", "https://u:s3cret@"} {
		err := HTTP(t.Context(), raw, time.Millisecond)
		var e *NotReadyError
		if err == nil || errors.As(err, &e) {
			t.Errorf("HTTP(%q) = %v, want an error at once", raw, err)
		} else if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("HTTP(%q) tells the password: %v", raw, err)
		}
	}
}

func TestHTTPErrorHidesPassword(t *testing.T) {
	err := HTTP(limited(t, 20*time.Millisecond, errors.New("late")), "http://u:s3cret@"+closedPort(t).Address, time.Millisecond)
	if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "not ready: late; last probe of http://u:xxxxx@127") {
		t.Errorf("it says %q", err)
	}
}

// raw is a server that answers each connection with f.
func raw(t *testing.T, f func(net.Conn)) string {
	t.Helper()
	l := listen(t, "127.0.0.1:0")
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer conn.Close(); f(conn) }()
		}
	}()
	return "http://" + l.Addr().String()
}

func answer(text string) func(net.Conn) {
	return func(conn net.Conn) {
		http.ReadRequest(bufio.NewReader(conn))
		io.WriteString(conn, text)
	}
}

func TestHTTPOddServers(t *testing.T) {
	tests := []struct {
		name  string
		serve func(net.Conn)
		want  string // part of the error; "" is ready
	}{
		{"HTTP/1.0", answer("HTTP/1.0 200 OK\r\n\r\n"), ""},
		{"no reason, no header", answer("HTTP/1.1 204\r\n"), ""},
		{"interim answers", answer("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), ""},
		{"interim answers only", answer(strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 20)), "too many interim answers"},
		{"endless header of an interim answer", func(conn net.Conn) {
			answer("HTTP/1.1 102 P\r\n")(conn)
			for err := error(nil); err == nil; {
				_, err = io.WriteString(conn, strings.Repeat("A: b\r\n", 100))
			}
		}, "connection closed"},
		{"garbage", answer("SSH-2.0-OpenSSH_9.2\r\n"), `not an HTTP answer: "SSH-2.0-OpenSSH_9.2"`},
		{"garbage without end", answer(strings.Repeat("x", 1<<20)), `not an HTTP answer: "xxxxx`},
		{"terminal codes", answer("\x1b[2J\n"), `not an HTTP answer: "\x1b[2J"`},
		{"status is not a number", answer("HTTP/1.1 OK\r\n\r\n"), "not an HTTP answer"},
		{"status too long", answer("HTTP/1.1 2000 OK\r\n\r\n"), "not an HTTP answer"},
		{"status with a sign", answer("HTTP/1.1 +20 OK\r\n\r\n"), "not an HTTP answer"},
		{"HTTP/2", answer("HTTP/2.0 200 OK\r\n\r\n"), "not an HTTP answer"},
		{"closes at once", func(net.Conn) {}, " "}, // reset, broken pipe or end of file
		{"closes after the request", answer(""), "connection closed without an answer"},
		{"resets", func(conn net.Conn) { conn.(*net.TCPConn).SetLinger(0) }, " "},
		{"body without end", func(conn net.Conn) {
			answer("HTTP/1.1 200 OK\r\n\r\n")(conn)
			for err := error(nil); err == nil; {
				_, err = conn.Write(make([]byte, 1<<10))
			}
		}, ""},
		{"body that never comes", func(conn net.Conn) {
			answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")(conn)
			io.Copy(io.Discard, conn)
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			err := once(t, raw(t, tt.serve))
			if took := time.Since(began); took > wait/2 {
				t.Errorf("it took %v", took)
			}
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("HTTP = %v, want %q", err, tt.want)
			}
		})
	}
}

// A server whose answer is small sees the probe close in good order, not a reset that it would log.
func TestHTTPClosesInOrder(t *testing.T) {
	end := make(chan error, 1)
	err := once(t, raw(t, func(conn net.Conn) {
		answer("HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", 8<<10))(conn)
		_, err := conn.Read(make([]byte, 1))
		end <- err
	}))
	if err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-end:
		if !errors.Is(err, io.EOF) {
			t.Errorf("the server saw %v", err)
		}
	case <-time.After(wait):
		t.Error("the server saw nothing")
	}
}

// A server that takes the request and says nothing is asked again after a while.
func TestHTTPHang(t *testing.T) {
	var n atomic.Int32
	s := server(t, func(_ http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			<-r.Context().Done() // until the probe gives up
		}
	})
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	const limit = 100 * time.Millisecond
	began := time.Now()
	if err := poll(limited(t, wait, nil), s.URL, time.Millisecond, limit, newProbe(u).try); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < limit || took > wait/2 {
		t.Errorf("it took %v, want a little over %v", took, limit)
	}
}

func TestHTTPCancelDuringHang(t *testing.T) {
	before := runtime.NumGoroutine()
	asked := make(chan struct{}, 10)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	ctx, cancel := context.WithCancelCause(t.Context())
	died := errors.New("died")
	var at time.Time
	go func() {
		<-asked
		at = time.Now()
		cancel(died)
	}()
	err := HTTP(ctx, s.URL, time.Millisecond)
	if took := time.Since(at); took > wait/2 {
		t.Errorf("it took %v to return", took)
	}
	if !errors.Is(err, died) || !strings.HasSuffix(err.Error(), ": no answer") {
		t.Errorf("HTTP = %v", err)
	}
	s.Close()
	settle(t, before)
}

func TestHTTPLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	open := make(map[net.Conn]bool)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	gone := make(chan struct{})
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		open[c] = true // one connection: one goroutine
		if state == http.StateClosed {
			close(gone)
		}
	}
	s.Start()
	if err := HTTP(limited(t, wait, nil), s.URL, time.Millisecond); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gone:
	case <-time.After(wait):
		t.Error("the connection is still open")
	}
	s.Close()
	if len(open) != 1 {
		t.Errorf("%d connections, want 1", len(open))
	}
	settle(t, before)
}

func TestHTTPIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	defer s.Close()
	if err := HTTP(limited(t, wait, nil), "http://"+l.Addr().String()+"/", time.Millisecond); err != nil {
		t.Error(err)
	}
}

func FuzzReadStatus(f *testing.F) {
	for _, s := range []string{"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 503\n", "HTTP/1.1 100 C\r\n\r\nHTTP/1.1 204 N\r\n", "", "\n", "HTTP/1.1 099 x\n", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		status, err := readStatus(bufio.NewReader(strings.NewReader(in)))
		if err == nil && (status < 200 || status > 999 || !strings.Contains(in, "HTTP/1.")) {
			t.Errorf("readStatus(%q) = %d", in, status)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\r\x1b\x00") {
			t.Errorf("the error for %q is not one clean line: %q", in, err)
		}
	})
}
