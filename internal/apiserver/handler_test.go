package apiserver

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

func TestEndpoints(t *testing.T) {
	status, err := json.Marshal(running())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, method, target string
		code                 int
		kind, body           string // "" for a body that is not compared
	}{
		{"index", "GET", "/", 200, plainText, index},
		{"healthz", "GET", "/healthz", 200, plainText, "ok"},
		{"healthz of a querying client", "GET", "/healthz?verbose", 200, plainText, "ok"},
		{"readyz", "GET", "/readyz", 200, plainText, "ready"},
		{"status", "GET", "/status", 200, jsonText, string(status)},
		{"metrics", "GET", "/metrics", 200, metricsText, ""},
		{"absolute target", "GET", "http://localhost/healthz", 200, plainText, "ok"},
		{"unknown", "GET", "/favicon.ico", 404, plainText, ""},
		{"below a known one", "GET", "/status/x", 404, plainText, ""},
		{"other case", "GET", "/Healthz", 404, plainText, ""},
		{"POST", "POST", "/status", 405, plainText, ""},
		{"DELETE", "DELETE", "/", 405, plainText, ""},
		{"OPTIONS", "OPTIONS", "/status", 405, plainText, ""},
		{"TRACE", "TRACE", "/healthz", 405, plainText, ""},
		{"method of another protocol", "PROPFIND", "/metrics", 405, plainText, ""},
		{"OPTIONS of the server", "OPTIONS", "*", 400, plainText, ""},
		{"CONNECT", "CONNECT", "localhost:80", 400, plainText, ""},
		{"way round", "GET", "/status/../healthz", 404, plainText, ""},
		{"encoded", "GET", "/%68ealthz", 404, plainText, ""},
		{"two slashes", "GET", "//healthz", 404, plainText, ""},
		{"slash at the end", "GET", "/healthz/", 404, plainText, ""},
		{"POST to an unknown one", "POST", "/x", 404, plainText, ""},
	}
	s := listen(t, Options{Version: "0.4.0"})
	serve(t, s)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, body := ask(t, s, tt.method, raw(tt.method, tt.target, "localhost"))
			if r.StatusCode != tt.code || r.Header.Get("Content-Type") != tt.kind {
				t.Errorf("%d %q, want %d %q", r.StatusCode, r.Header.Get("Content-Type"), tt.code, tt.kind)
			}
			if tt.body != "" && body != tt.body {
				t.Errorf("body %q, want %q", body, tt.body)
			}
			if allow := r.Header.Get("Allow"); (tt.code == 405) != (allow == "GET, HEAD") {
				t.Errorf("Allow: %q", allow)
			}
			checkHeaders(t, r.Header)
			if date, err := http.ParseTime(r.Header.Get("Date")); err != nil || time.Since(date).Abs() > patience {
				t.Errorf("Date: %q, %v", r.Header.Get("Date"), err)
			}
			if r.ContentLength < 0 || !r.Close {
				t.Errorf("length %d, close %t", r.ContentLength, r.Close)
			}
		})
	}
}

func checkHeaders(t *testing.T, h map[string][]string) {
	t.Helper()
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
		if got := strings.Join(h[name], ","); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("a CORS header: %s", name)
		}
	}
}

func TestHead(t *testing.T) {
	s := listen(t, Options{})
	serve(t, s)
	for _, target := range []string{"/", "/healthz", "/readyz", "/status", "/metrics"} {
		t.Run(target, func(t *testing.T) {
			r, body := ask(t, s, "HEAD", raw("HEAD", target, "localhost"))
			if r.StatusCode != 200 || body != "" || r.ContentLength <= 0 {
				t.Errorf("%d, body %q, length %d", r.StatusCode, body, r.ContentLength)
			}
			if got, want := r.Header.Get("Content-Length"), strconv.FormatInt(r.ContentLength, 10); got != want {
				t.Errorf("Content-Length %s, want %s", got, want)
			}
			checkHeaders(t, r.Header)
		})
	}
}

func TestReadyz(t *testing.T) {
	tests := []struct {
		name  string
		ready *bool
		state service.State
		code  int
		body  string
	}{
		{"ready", ptr(true), service.StateRunning, 200, "ready"},
		{"not ready", ptr(false), service.StateStarting, 503, "not ready: starting"},
		{"not known", nil, service.StateStopping, 503, "not ready: stopping"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := listen(t, Options{Status: func() service.Status { return service.Status{Ready: tt.ready, State: tt.state} }})
			serve(t, s)
			if r, body := ask(t, s, "GET", raw("GET", "/readyz", "localhost")); r.StatusCode != tt.code || body != tt.body {
				t.Errorf("%d %q, want %d %q", r.StatusCode, body, tt.code, tt.body)
			}
			if r, body := ask(t, s, "GET", raw("GET", "/healthz", "localhost")); r.StatusCode != 200 || body != "ok" {
				t.Errorf("/healthz = %d %q whatever the readiness", r.StatusCode, body)
			}
		})
	}
}

func TestStatusThatCannotBeEncoded(t *testing.T) {
	s := listen(t, Options{Status: func() service.Status {
		return service.Status{StartedAt: ptr(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))}
	}})
	serve(t, s)
	if r, body := ask(t, s, "GET", raw("GET", "/status", "localhost")); r.StatusCode != 500 || !strings.Contains(body, "cannot encode") {
		t.Errorf("%d %q, want 500 and why", r.StatusCode, body)
	}
}

// TestAnswer: all of it, as it is sent.
func TestAnswer(t *testing.T) {
	now := time.Date(2025, 1, 5, 9, 4, 3, 999, time.FixedZone("", 2*60*60))
	const head = "HTTP/1.1 405 Method Not Allowed\r\nDate: Sun, 05 Jan 2025 07:04:03 GMT\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n" +
		"Cache-Control: no-store\r\nContent-Type: text/plain; charset=utf-8\r\nAllow: GET, HEAD\r\nContent-Length: 25\r\n\r\n"
	r := api{}.respond(request{method: "PUT", path: "/"})
	if got := string(r.appendTo([]byte("before "), now, false)); got != "before "+head+"this API can only be read" {
		t.Errorf("got %q", got)
	}
	if got := string(r.appendTo(nil, now, true)); got != head {
		t.Errorf("HEAD: got %q", got)
	}
}

func TestReasons(t *testing.T) {
	known := 0
	for code := range 1000 {
		if phrase := reason(code); phrase != "" {
			known++
			if phrase != http.StatusText(code) {
				t.Errorf("%d %q, want %q", code, phrase, http.StatusText(code))
			}
		}
	}
	if known != 10 {
		t.Errorf("%d phrases", known)
	}
}

// TestHost: a page that has rebound its name to 127.0.0.1 sends its own name.
func TestHost(t *testing.T) {
	tests := []struct {
		name, request string
		code          int
	}{
		{"localhost", raw("GET", "/status", "localhost"), 200},
		{"localhost in capitals, other port", raw("GET", "/status", "LOCALHOST:1"), 200},
		{"IPv4", raw("GET", "/status", "127.0.0.1:8080"), 200},
		{"IPv6", raw("GET", "/status", "[::1]:8080"), 200},
		{"IPv6 without port", raw("GET", "/status", "[::1]"), 200},
		{"a zone", raw("GET", "/status", "[::1%25lo]"), 403},
		{"attacker", raw("GET", "/status", "attacker.example"), 403},
		{"attacker with port", raw("GET", "/status", "attacker.example:8080"), 403},
		{"a name that begins like localhost", raw("GET", "/status", "localhost.attacker.example"), 403},
		{"a name that ends like localhost", raw("GET", "/status", "attacker.localhost"), 403},
		{"a name that begins like an address", raw("GET", "/status", "127.0.0.1.attacker.example"), 403},
		{"of the network", raw("GET", "/status", "192.168.1.2"), 403},
		{"every address", raw("GET", "/status", "0.0.0.0"), 403},
		{"address as a number", raw("GET", "/status", "2130706433"), 403},
		{"empty", raw("GET", "/status", ""), 403},
		{"IPv4 in brackets", raw("GET", "/status", "[127.0.0.1]"), 403},
		{"name in brackets", raw("GET", "/status", "[localhost]"), 403},
		{"IPv6 without brackets", raw("GET", "/status", "::1"), 403},
		{"half a bracket", raw("GET", "/status", "[::1"), 403},
		{"half a bracket and a port", raw("GET", "/status", "[::1:80"), 403},
		{"port that is none", raw("GET", "/status", "localhost:http"), 403},
		{"user", raw("GET", "/status", "attacker@localhost"), 400},
		{"letter that folds to s", raw("GET", "/status", "localho\u017ft"), 400},
		{"unknown path", raw("GET", "/x", "attacker.example"), 403},
		{"other method", raw("POST", "/status", "attacker.example"), 403},
		{"healthz too", raw("GET", "/healthz", "attacker.example"), 403},
		{"forwarded from a good one", "GET /status HTTP/1.1\r\nHost: attacker.example\r\nX-Forwarded-Host: localhost\r\n\r\n", 403},
		{"the target decides, not the header", "GET http://attacker.example/status HTTP/1.1\r\nHost: localhost\r\n\r\n", 403},
		{"two of them", "GET /status HTTP/1.1\r\nHost: localhost\r\nHost: attacker.example\r\n\r\n", 400},
		{"none", "GET /status HTTP/1.1\r\n\r\n", 400},
		{"none, HTTP/1.0", "GET /status HTTP/1.0\r\n\r\n", 403},
	}
	s := listen(t, Options{})
	serve(t, s)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, body := ask(t, s, "GET", tt.request)
			if r.StatusCode != tt.code || (tt.code == 200) != strings.Contains(body, "schema") {
				t.Errorf("%d %q, want %d", r.StatusCode, body, tt.code)
			}
		})
	}
}

// FuzzLocalHost: what counts as local is the one name, or an address that nobody resolves.
func FuzzLocalHost(f *testing.F) {
	for _, s := range []string{"localhost", "127.0.0.1:80", "[::1]:80", "[::1]", "::1", "[::1%lo]", "[::ffff:127.0.0.1]", "a.example", "", "[", "localhost:80:80", "loCAlhost:\n", "localho\u017ft", "[127.0.0.1]", "[::ffff:7f00:1]:"} {
		f.Add(s)
	}
	local := regexp.MustCompile(`^([lL][oO][cC][aA][lL][hH][oO][sS][tT]|127(\.[0-9]{1,3}){3}|\[[0-9a-fA-F:]*:(0*1|127(\.[0-9]{1,3}){3}|7[fF][0-9a-fA-F]{2}:[0-9a-fA-F]+)\])(:[0-9]*)?$`)
	f.Fuzz(func(t *testing.T, host string) {
		if localHost(host) && !local.MatchString(host) {
			t.Errorf("%q counts as local", host)
		}
	})
}
