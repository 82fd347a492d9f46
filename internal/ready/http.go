package ready

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxHead  = 64 << 10              // bytes read of one answer at most
	maxBody  = 16 << 10              // bytes of them after the status, only so that a small answer ends in good order
	bodyWait = 20 * time.Millisecond // for those
	maxInfo  = 5                     // interim answers (1xx) before the real one
)

// HTTP waits until a GET of rawURL is answered with a status of 2xx or 3xx. It tries as [TCP] does, with a new connection each time. Redirects are
// not followed: the server that sends one serves. Proxies from the environment are ignored. User and password in the URL are
// sent as basic authentication and do not appear in errors. A URL that is not http is an error at once: crypto/tls would cost every apexd command
// a fifth of its start-up, and the usual local certificate could not be verified anyway. Probe an https server with TCP.
//
// This is not net/http's client because a daemon pays for what stays: 20 probes grow the process by 0.5 MB this way and by 1.3 MB that
// way, and no other part of a probe needs it.
func HTTP(ctx context.Context, rawURL string, interval time.Duration) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		return parseError(err)
	}
	if u.Scheme != "http" || u.Hostname() == "" {
		return fmt.Errorf("not an http URL: %q", u.Redacted())
	}
	p := newProbe(u)
	return poll(ctx, u.Redacted(), interval, firstLimit, p.try)
}

// parseError drops the URL from a *url.Error: it may contain a password.
func parseError(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	return fmt.Errorf("not a URL: %w", err)
}

// probe is a prepared request.
type probe struct {
	address string // host:port
	request []byte
}

func newProbe(u *url.URL) *probe {
	return &probe{net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "80")), request(u)}
}

// request renders the GET (RFC 9112). net/url refuses control characters anywhere, and spaces except in a query.
func request(u *url.URL) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s HTTP/1.1\r\nHost: %s\r\n", strings.ReplaceAll(u.RequestURI(), " ", "%20"), withoutZone(u.Host))
	if u.User != nil {
		password, _ := u.User.Password()
		b.WriteString("Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)) + "\r\n")
	}
	b.WriteString("User-Agent: apexd\r\nAccept: */*\r\nConnection: close\r\n\r\n")
	return []byte(b.String())
}

// withoutZone turns "[fe80::1%eth0]:80" into "[fe80::1]:80": a zone means something on this machine only (RFC 6874 section 3).
func withoutZone(host string) string {
	before, after, ok := strings.Cut(host, "%")
	if !ok {
		return host
	}
	_, port, _ := strings.Cut(after, "]")
	return before + "]" + port
}

// try makes one connection and one request; nil means ready.
func (p *probe) try(ctx context.Context) error {
	conn, err := dial(ctx, p.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) }) // ends reads and writes at once
	defer stop()
	return p.ask(conn)
}

func (p *probe) ask(conn net.Conn) error {
	if _, err := conn.Write(p.request); err != nil {
		return err
	}
	r := bufio.NewReader(io.LimitReader(conn, maxHead))
	status, err := readStatus(r)
	if err != nil {
		return err
	}
	conn.SetReadDeadline(time.Now().Add(bodyWait)) // an unread rest would make close send a reset, which servers log
	io.CopyN(io.Discard, r, maxBody)
	if status < 200 || status > 399 {
		return fmt.Errorf("answered with status %d", status)
	}
	return nil
}

// readStatus returns the status of the first answer that is not an interim one (RFC 9110 section 15.2).
func readStatus(r *bufio.Reader) (int, error) {
	for range maxInfo {
		line, err := readLine(r)
		if err != nil {
			return 0, err
		}
		status, err := parseStatus(line)
		if err != nil || status >= 200 {
			return status, err
		}
		for line != "" {
			if line, err = readLine(r); err != nil {
				return 0, err
			}
		}
	}
	return 0, errors.New("too many interim answers")
}

// readLine returns a line without its end. A line longer than the reader's buffer is an error.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case err == nil:
		return strings.TrimRight(string(line), "\r\n"), nil
	case errors.Is(err, io.EOF) && len(line) == 0:
		return "", errors.New("connection closed without an answer")
	case errors.Is(err, io.EOF), errors.Is(err, bufio.ErrBufferFull):
		return "", notHTTP(string(line))
	}
	return "", err
}

// parseStatus reads "HTTP/1.1 200 OK" (RFC 9112 section 4).
func parseStatus(line string) (int, error) {
	version, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err := strconv.ParseUint(code, 10, 16)
	if err != nil || len(code) != 3 || status < 100 || version != "HTTP/1.1" && version != "HTTP/1.0" {
		return 0, notHTTP(line)
	}
	return int(status), nil
}

func notHTTP(answer string) error { return fmt.Errorf("not an HTTP answer: %.40q", answer) }
