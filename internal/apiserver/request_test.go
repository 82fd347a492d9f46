package apiserver

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

func TestParse(t *testing.T) {
	// A row is the request line and the header; \n is sent as \r\n, unless the row has a \r of its own.
	const plain = "GET /status HTTP/1.1\nHost: localhost"
	tests := []struct {
		name, head string
		code       int // 0: accepted
		path       string
	}{
		{"plain", plain, 0, "/status"},
		{"bare line feeds", "\r", 0, "/status"}, // see below
		{"query is cut off", "GET /status?a=/b?c HTTP/1.1\nHost: localhost", 0, "/status"},
		{"query as browsers send it", "GET /status?a[]=\"{|}^`<>\\ HTTP/1.1\nHost: localhost", 0, "/status"},
		{"nothing is decoded", "GET /%73tatus HTTP/1.1\nHost: localhost", 0, "/%73tatus"},
		{"every byte of a path", "GET /aZ09-._~!$&'()*+,;=:@/%aF HTTP/1.1\nHost: localhost", 0, "/aZ09-._~!$&'()*+,;=:@/%aF"},
		{"any method", "X-!#$%&'*+.^_`|~9 / HTTP/1.1\nHost: localhost", 0, "/"},
		{"HTTP/1.0", "GET / HTTP/1.0\nHost: localhost", 0, "/"},
		{"header of other bytes", plain + "\nA:\nB:\t b\tc \x80\xff\t", 0, "/status"},
		{"names in any case", "GET / HTTP/1.1\nhOST: localhost\ncontent-LENGTH: 1", 0, "/"},
		{"no space after the colon", "GET / HTTP/1.1\nHost:localhost", 0, "/"},

		{"absolute form", "GET http://127.0.0.1:80/status HTTP/1.1\nHost: localhost", 0, "/status"},
		{"absolute form in capitals", "GET HTTP://localhost/status HTTP/1.1\nHost: localhost", 0, "/status"},
		{"absolute form without a path", "GET http://localhost HTTP/1.1\nHost: localhost", 0, "/"},
		{"absolute form, query and no path", "GET http://localhost?a HTTP/1.1\nHost: localhost", 0, "/"},
		{"absolute form decides", "GET http://localhost/ HTTP/1.1\nHost: evil.example", 0, "/"},
		{"absolute form without Host", "GET http://localhost/ HTTP/1.1", 400, ""},
		{"absolute form with a bad Host", "GET http://localhost/ HTTP/1.1\nHost: a b", 400, ""},
		{"absolute form of a stranger", "GET http://evil.example/status HTTP/1.1\nHost: localhost", 403, ""},
		{"absolute form of nobody", "GET http:///status HTTP/1.1\nHost: localhost", 400, ""},
		{"absolute form with a user", "GET http://localhost@evil.example/ HTTP/1.1\nHost: localhost", 400, ""},
		{"absolute form of another scheme", "GET https://localhost/ HTTP/1.1\nHost: localhost", 400, ""},
		{"absolute form with a backslash", "GET http://localhost\\@evil.example/ HTTP/1.1\nHost: localhost", 400, ""},

		{"stranger", "GET / HTTP/1.1\nHost: evil.example", 403, ""},
		{"IPv6 with a port", "GET / HTTP/1.1\nHost: [::1]:80", 0, "/"},
		{"port is empty", "GET / HTTP/1.1\nHost: localhost:", 0, "/"},
		{"no Host", "GET / HTTP/1.1", 400, ""},
		{"no Host, HTTP/1.0", "GET / HTTP/1.0", 403, ""},
		{"two Hosts", plain + "\nHost: localhost", 400, ""},
		{"two Hosts, HTTP/1.0", "GET / HTTP/1.0\nHost: localhost\nhost: localhost", 400, ""},
		{"Host of two", "GET / HTTP/1.1\nHost: localhost, evil.example", 400, ""},
		{"Host with a path", "GET / HTTP/1.1\nHost: localhost/", 400, ""},
		{"Host beyond ASCII", "GET / HTTP/1.1\nHost: localho\u017ft", 400, ""},

		{"no path", "GET status HTTP/1.1\nHost: localhost", 400, ""},
		{"asterisk", "OPTIONS * HTTP/1.1\nHost: localhost", 400, ""},
		{"CONNECT", "CONNECT localhost:80 HTTP/1.1\nHost: localhost", 400, ""},
		{"CONNECT to a path", "CONNECT / HTTP/1.1\nHost: localhost", 400, ""},
		{"fragment", "GET /#a HTTP/1.1\nHost: localhost", 400, ""},
		{"fragment of a query", "GET /?a#b HTTP/1.1\nHost: localhost", 400, ""},
		{"path beyond ASCII", "GET /größe HTTP/1.1\nHost: localhost", 400, ""},
		{"query beyond ASCII", "GET /?größe HTTP/1.1\nHost: localhost", 400, ""},
		{"half an escape", "GET /%4 HTTP/1.1\nHost: localhost", 400, ""},
		{"no escape", "GET /%zz HTTP/1.1\nHost: localhost", 400, ""},
		{"control character in the path", "GET /\x01 HTTP/1.1\nHost: localhost", 400, ""},
		{"DEL in the query", "GET /?\x7f HTTP/1.1\nHost: localhost", 400, ""},
		{"space in the path", "GET /a b HTTP/1.1\nHost: localhost", 400, ""},

		{"HTTP/2", "PRI * HTTP/2.0\nHost: localhost", 505, ""},
		{"HTTP/1.2", "GET / HTTP/1.2\nHost: localhost", 505, ""},
		{"HTTP/0.9 that says so", "GET / HTTP/0.9\nHost: localhost", 505, ""},
		{"HTTP/0.9", "GET /", 400, ""},
		{"version in small letters", "GET / http/1.1\nHost: localhost", 400, ""},
		{"long version", "GET / HTTP/1.10\nHost: localhost", 400, ""},
		{"version without digits", "GET / HTTP/x.y\nHost: localhost", 400, ""},
		{"other protocol", "GET / ICAP/1.0\nHost: localhost", 400, ""},
		{"nothing after the version's space", "GET / \nHost: localhost", 400, ""},
		{"space after the version", "GET / HTTP/1.1 \nHost: localhost", 400, ""},
		{"two spaces", "GET  / HTTP/1.1\nHost: localhost", 400, ""},
		{"tab", "GET\t/ HTTP/1.1\nHost: localhost", 400, ""},
		{"empty method", " / HTTP/1.1\nHost: localhost", 400, ""},
		{"method", "G(T / HTTP/1.1\nHost: localhost", 400, ""},
		{"method alone", "GET", 400, ""},
		{"nothing", "", 400, ""},

		{"folded line", plain + "\nA: b\n c", 400, ""},
		{"folded line, first", "GET / HTTP/1.1\n Host: localhost", 400, ""},
		{"folded line of nothing", plain + "\nA: b\n\t", 400, ""},
		{"space before the colon", "GET / HTTP/1.1\nHost : localhost", 400, ""},
		{"no name", plain + "\n: a", 400, ""},
		{"no colon", plain + "\nnonsense", 400, ""},
		{"control character", plain + "\nA: b\x00", 400, ""},
		{"DEL", plain + "\nA: b\x7f", 400, ""},
		{"bare carriage return", plain + "\r\nA: b\rHost: c", 400, ""},
		{"two carriage returns", plain + "\r\nA: b\r\r", 400, ""},

		{"body", plain + "\nContent-Length: 9223372036854775807", 0, "/status"},
		{"chunked body", plain + "\nTransfer-Encoding: CHUNKED", 0, "/status"},
		{"two lengths", plain + "\nContent-Length: 3\nContent-Length: 3", 400, ""},
		{"list of lengths", plain + "\nContent-Length: 3, 3", 400, ""},
		{"signed length", plain + "\nContent-Length: +3", 400, ""},
		{"negative length", plain + "\nContent-Length: -3", 400, ""},
		{"hexadecimal length", plain + "\nContent-Length: 0x3", 400, ""},
		{"empty length", plain + "\nContent-Length:", 400, ""},
		{"length too long", plain + "\nContent-Length: 9223372036854775808", 400, ""},
		{"length and coding", plain + "\nContent-Length: 3\nTransfer-Encoding: chunked", 400, ""},
		{"two codings", plain + "\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked", 400, ""},
		{"coding of HTTP/1.0", "GET / HTTP/1.0\nHost: localhost\nTransfer-Encoding: chunked", 400, ""},
		{"other coding", plain + "\nTransfer-Encoding: gzip, chunked", 501, ""},
		{"coding that looks like chunked", plain + "\nTransfer-Encoding: \x0bchunked", 400, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			head := tt.head + "\r\n\r\n"
			switch {
			case tt.head == "\r":
				head = plain + "\n\n"
			case !strings.Contains(tt.head, "\r"):
				head = strings.ReplaceAll(tt.head, "\n", "\r\n") + "\r\n\r\n"
			}
			r, err := parse(head)
			no, refused := errors.AsType[*refusal](err)
			switch {
			case tt.code == 0 && (err != nil || r.path != tt.path):
				t.Errorf("path %q, %v, want %q", r.path, err, tt.path)
			case tt.code != 0 && (!refused || no.code != tt.code || no.why == ""):
				t.Errorf("%v, want status %d with a reason", err, tt.code)
			}
		})
	}
}

// TestMethodOfARefusal: even then, HEAD is answered without a body.
func TestMethodOfARefusal(t *testing.T) {
	for _, head := range []string{"HEAD x\r\n\r\n", "HEAD / HTTP/1.1\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: evil.example\r\n\r\n"} {
		if r, err := parse(head); err == nil || r.method != "HEAD" || !strings.HasPrefix(err.Error(), "40") {
			t.Errorf("%q: method %q, %v", head, r.method, err)
		}
	}
}

// TestReadHead: the head is the same however it comes in, and what follows is not part of it.
func TestReadHead(t *testing.T) {
	const begin = "GET / HTTP/1.1\r\nHost: localhost\r\n"
	filled := begin + "A: " + strings.Repeat("x", maxHead-len(begin)-len("A: \r\n\r\n")) + "\r\n\r\n" // exactly as long as may be
	tests := []struct {
		name, sent, head string
		code             int // of the refusal
		err              error
	}{
		{"all of it", begin + "\r\n", begin + "\r\n", 0, nil},
		{"with a body", begin + "\r\nGET / HTTP/1.1\r\n\r\n", begin + "\r\n", 0, nil},
		{"bare line feeds", "GET /\nA: b\n\nbody", "GET /\nA: b\n\n", 0, nil},
		{"mixed", "GET /\r\nA: b\n\r\nbody", "GET /\r\nA: b\n\r\n", 0, nil},
		{"not yet an end", "GET /\n\r\r\n\r\n\n", "GET /\n\r\r\n\r\n", 0, nil},
		{"longest", filled, filled, 0, nil},
		{"longest, with a body", filled + "body", filled, 0, nil},
		{"one byte more", strings.Replace(filled, "A: ", "A:  ", 1), "", 431, nil},
		{"no line", "GET /" + strings.Repeat("x", 2*maxHead), "", 431, nil},
		{"TLS", "\x16\x03\x01\x02\x00", "", 400, nil},
		{"empty line first", "\r\n" + begin + "\r\n", "", 400, nil}, // RFC 9112, section 2.2 is about what an earlier request on the connection may leave
		{"nothing", "", "", 0, io.EOF},
		{"half", begin, "", 0, io.EOF},
	}
	readers := map[string]func(io.Reader) io.Reader{
		"at once":          func(r io.Reader) io.Reader { return r },
		"byte by byte":     iotest.OneByteReader,
		"with its end":     iotest.DataErrReader,
		"in two halves":    iotest.HalfReader,
		"after empty ones": func(r io.Reader) io.Reader { return &stuttering{r: r} },
	}
	for _, tt := range tests {
		for how, reader := range readers {
			t.Run(tt.name+", "+how, func(t *testing.T) {
				var buf buffer
				head, err := readHead(reader(strings.NewReader(tt.sent)), buf[:])
				no, refused := errors.AsType[*refusal](err)
				if string(head) != tt.head || refused != (tt.code != 0) || refused && no.code != tt.code || !refused && !errors.Is(err, tt.err) {
					t.Errorf("%d bytes %.40q, %v", len(head), head, err)
				}
			})
		}
	}
}

// stuttering reads nothing every other time.
type stuttering struct {
	r    io.Reader
	once bool
}

func (s *stuttering) Read(p []byte) (int, error) {
	if s.once = !s.once; s.once {
		return 0, nil
	}
	return s.r.Read(p)
}

// FuzzReadHead: a head is the beginning of what was sent, up to the first empty line, however it came in.
func FuzzReadHead(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nbody", "GET / HTTP/1.1\nA: b\n\nbody\n\n", "GET\n\r\r\n\r\n", "\r\n\r\n", "\x16\x03\x01", "", "a\r\n\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		var buf, other buffer
		head, err := readHead(bytes.NewReader(sent), buf[:])
		slow, slowErr := readHead(iotest.OneByteReader(bytes.NewReader(sent)), other[:])
		if !bytes.Equal(head, slow) || (err == nil) != (slowErr == nil) {
			t.Fatalf("%q, %v at once; %q, %v byte by byte", head, err, slow, slowErr)
		}
		if err != nil {
			return
		}
		normal := strings.ReplaceAll(string(head), "\r\n", "\n")
		if !bytes.HasPrefix(sent, head) || strings.Index(normal, "\n\n")+2 != len(normal) {
			t.Fatalf("head %q of %q", head, sent)
		}
	})
}

// FuzzParse: whatever is accepted is for this machine, and net/http accepts it with the same method, path and host. The parts may have anything in
// them, line ends too.
func FuzzParse(f *testing.F) {
	for _, s := range []struct{ method, target, version, host, more string }{
		{"GET", "/", "HTTP/1.1", "localhost", ""},
		{"HEAD", "/status?x", "HTTP/1.0", "[::1]:8080", "Connection: close\r\n"},
		{"GET", "http://127.0.0.1/x?y", "HTTP/1.1", "a", "A: \xff\tc\n"},
		{"GET", "HTTP://localhost", "HTTP/1.1", "", "A:\n"},
		{"GET", "http://[::ffff:127.0.0.1]:1?a", "HTTP/1.1", "LOCALHOST:", ""},
		{"GET", "/%7A//../;b='c'", "HTTP/1.1", " 127.255.0.1:80 ", ""},
		{"POST", "//a", "HTTP/1.1", "localhost", "Content-Length: 3\r\n"},
		{"PUT", "/", "HTTP/1.1", "localhost", "Transfer-Encoding: Chunked\r\nTrailer: a\r\n"},
		{"CONNECT", "http://localhost/", "HTTP/1.1", "localhost", ""},
		{"OPTIONS", "*", "HTTP/2.0", "evil.example", "Host: localhost\r\n folded\r\n"},
	} {
		f.Add(s.method, s.target, s.version, s.host, s.more)
	}
	f.Fuzz(func(t *testing.T, method, target, version, host, more string) {
		compare(t, method+" "+target+" "+version+"\r\nHost:"+host+"\r\n"+more+"\r\n")
		compare(t, method+" "+target+" "+version+"\n"+more+"\n\n")
	})
}

func compare(t *testing.T, sent string) {
	var buf buffer
	head, err := readHead(strings.NewReader(sent), buf[:])
	if err != nil {
		return
	}
	r, err := parse(string(head))
	if err != nil {
		if no, ok := errors.AsType[*refusal](err); !ok || reason(no.code) == "" {
			t.Fatalf("%q: %v", head, err)
		}
		return
	}
	if !isToken(r.method) || !strings.HasPrefix(r.path, "/") || !isPath(r.path) || !localHost(r.host) {
		t.Fatalf("accepted %+v", r)
	}
	want, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil && strings.Contains(err.Error(), "bad trailer key") {
		return // it names what is to follow the body, which we do not read
	}
	if err != nil {
		t.Fatalf("accepted %q, which net/http refuses: %v", head, err)
	}
	path := want.URL.EscapedPath()
	if path == "" {
		path = "/" // RFC 9110, section 4.2.3
	}
	if want.Method != r.method || want.Host != r.host || path != r.path {
		t.Fatalf("%+v, but net/http reads %s %s %s from %q", r, want.Method, want.Host, path, head)
	}
}
