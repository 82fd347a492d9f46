package apiserver

import (
	"bytes"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// maxHead is how long a request line and its header may be together. Browsers send about 1 KB to a server that sets no cookies.
const maxHead = 8 << 10

// request is what the API needs to know of one. Its Host, which is local, and its framing, which is sound, were checked when it was parsed.
type request struct {
	method string
	path   string // as sent: nothing is decoded, and the query is cut off
	host   string // of the target if it names one, else of the header
}

// refusal is the answer to what is not a request that we would serve.
type refusal struct {
	code int
	why  string
}

func (r *refusal) Error() string { return strconv.Itoa(r.code) + " " + r.why }

func bad(why string) error { return &refusal{400, why} }

// readHead reads a request up to and with the empty line after its header, into buf, which bounds it. What it reads of a body is dropped.
// Errors: *refusal, or that of r when it ends before the header does.
func readHead(r io.Reader, buf []byte) (head []byte, err error) {
	line, n := 0, 0 // where the last line begins, what was read
	for n < len(buf) {
		m, err := r.Read(buf[n:])
		n += m
		if n > 0 && !isTokenByte(buf[0]) {
			return nil, bad("this is not HTTP") // TLS, for one: say so at once, and do not wait for its end
		}
		for {
			i := bytes.IndexByte(buf[line:n], '\n')
			if i < 0 {
				break
			}
			if i == 0 || i == 1 && buf[line] == '\r' {
				return buf[:line+i+1], nil
			}
			line += i + 1
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, &refusal{431, "the request line and the header are longer than " + strconv.Itoa(maxHead) + " bytes"}
}

// parse checks head, the text of a request up to and with the empty line, by the grammar of RFC 9112 without its leniencies but for a bare
// LF as the end of a line (section 2.2). The error is a *refusal; the method is filled in then too if it could be read. Whatever is accepted,
// net/http accepts with the same meaning (FuzzParse).
func parse(head string) (r request, err error) {
	line, rest := cutLine(head)
	method, line, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(line, " ")
	if !isToken(method) {
		return r, bad("the method is malformed")
	}
	r.method = method
	if err := checkVersion(version); err != nil {
		return r, err
	}
	authority, path, ok := splitTarget(target)
	if !ok || method == "CONNECT" { // which has a target of its own kind, a host and a port, and is for proxies
		return r, bad("the target is neither a path nor an http URL")
	}
	h, err := parseHeader(rest)
	if err != nil {
		return r, err
	}
	if err := h.check(version); err != nil {
		return r, err
	}
	r.path, r.host = path, authority
	if authority == "" {
		r.host = h.host.value
	}
	if !localHost(r.host) {
		return r, &refusal{403, "the Host of a request must be localhost or a loopback address"}
	}
	return r, nil
}

// cutLine returns the first line of s without its end, and what follows.
func cutLine(s string) (line, rest string) {
	line, rest, _ = strings.Cut(s, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

func checkVersion(v string) error {
	switch {
	case v == "HTTP/1.1" || v == "HTTP/1.0":
		return nil
	case len(v) == len("HTTP/x.y") && v[:5] == "HTTP/" && isDigit(v[5]) && v[6] == '.' && isDigit(v[7]):
		return &refusal{505, "this server speaks HTTP/1.1"}
	default:
		return bad("the request line is malformed")
	}
}

// splitTarget takes a request target in origin-form, "/path?query", or absolute-form, "http://authority/path?query" (RFC 9112, section 3.2).
func splitTarget(target string) (authority, path string, ok bool) {
	const scheme = "http://"
	if len(target) >= len(scheme) && strings.EqualFold(target[:len(scheme)], scheme) {
		authority, target = target[len(scheme):], ""
		if i := strings.IndexAny(authority, "/?"); i >= 0 {
			authority, target = authority[:i], authority[i:]
		}
		if target == "" || target[0] == '?' {
			target = "/" + target
		}
		if authority == "" || !all(authority, isHostByte) {
			return "", "", false
		}
	}
	path, query, _ := strings.Cut(target, "?")
	return authority, path, strings.HasPrefix(path, "/") && isPath(path) && all(query, isQueryByte)
}

// header is what is looked at of one.
type header struct{ host, length, coding field }

// field is a header field that may occur once.
type field struct {
	value string
	n     int
}

func (f *field) add(value string) { f.value, f.n = value, f.n+1 }

// parseHeader reads lines up to the empty one. A line that goes on in the next (obs-fold) is one without a name and refused, as RFC 9112,
// section 5.2 lets a server do.
func parseHeader(s string) (h header, err error) {
	for line, rest := cutLine(s); line != ""; line, rest = cutLine(rest) {
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) || !all(value, isFieldByte) {
			return h, bad("a line of the header is malformed")
		}
		value = strings.Trim(value, " \t")
		switch { // name is ASCII, where EqualFold folds nothing unexpected
		case strings.EqualFold(name, "Host"):
			h.host.add(value)
		case strings.EqualFold(name, "Content-Length"):
			h.length.add(value)
		case strings.EqualFold(name, "Transfer-Encoding"):
			h.coding.add(value)
		}
	}
	return h, nil
}

// check refuses a header that two readers may understand differently (RFC 9112, sections 3.2 and 6). A body is not read, but who stands in
// front of us should not learn from us that its framing was right.
func (h header) check(version string) error {
	switch {
	case h.host.n > 1 || h.host.n == 0 && version == "HTTP/1.1":
		return bad("there must be one Host")
	case !all(h.host.value, isHostByte):
		return bad("the Host is malformed")
	case h.length.n > 1 || h.coding.n > 1 || h.length.n+h.coding.n > 1 || h.coding.n > 0 && version == "HTTP/1.0":
		return bad("the length of the body is ambiguous")
	case h.coding.n == 1 && !strings.EqualFold(h.coding.value, "chunked"):
		return &refusal{501, "this server knows no transfer coding but chunked"}
	}
	if _, err := strconv.ParseUint(h.length.value, 10, 63); h.length.n == 1 && err != nil {
		return bad("the Content-Length is malformed")
	}
	return nil
}

// localHost reports whether a Host names this machine by a name that no DNS server decides about. The port is not compared: a
// forwarded one (ssh -L) differs.
func localHost(hostport string) bool {
	host, port := hostport, ""
	if i := strings.LastIndexByte(hostport, ':'); i > strings.LastIndexByte(hostport, ']') {
		host, port = hostport[:i], hostport[i+1:]
	}
	if !all(port, isDigit) {
		return false
	}
	if len(host) == len("localhost") && strings.EqualFold(host, "localhost") { // the length keeps out ſ, which folds to s
		return true
	}
	inner, brackets := strings.CutPrefix(host, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	ip, err := netip.ParseAddr(inner)
	return err == nil && brackets == closed && brackets == ip.Is6() && ip.Zone() == "" && ip.Unmap().IsLoopback()
}

// isPath reports whether s consists of what a path may have (RFC 3986, section 3.3).
func isPath(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && !(i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2])) {
			return false
		}
		if s[i] != '%' && !isUnreserved(s[i]) && !strings.ContainsRune("/!$&'()*+,;=:@", rune(s[i])) {
			return false
		}
	}
	return true
}

// isToken: RFC 9110, section 5.6.2.
func isToken(s string) bool { return s != "" && all(s, isTokenByte) }

// all reports whether is is true for each byte of s.
func all(s string, is func(byte) bool) bool {
	for i := 0; i < len(s); i++ {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

func isAlnum(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'z' }

// isUnreserved: RFC 3986, section 2.3.
func isUnreserved(c byte) bool { return isAlnum(c) || strings.IndexByte("-._~", c) >= 0 }

func isTokenByte(c byte) bool { return isAlnum(c) || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0 }

// isHostByte: the uri-host and port of RFC 9110, section 7.2, but for its structure.
func isHostByte(c byte) bool { return isUnreserved(c) || strings.IndexByte("%!$&'()*+,;=:[]", c) >= 0 }

// isQueryByte: what browsers send, which is more than RFC 3986 allows. A fragment is not for the server.
func isQueryByte(c byte) bool { return 0x20 < c && c < 0x7f && c != '#' }

// isFieldByte: RFC 9110, section 5.5.
func isFieldByte(c byte) bool { return c == '\t' || 0x20 <= c && c != 0x7f }
