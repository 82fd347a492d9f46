package apiserver

import (
	"context"
	"errors"
	"net"
	"time"
)

// buffer holds first the head of a request and then the answer. A longer answer gets memory of its own.
type buffer [maxHead]byte

// maxUnread is how much of a body, which nobody reads, a client may send before it is cut off.
const maxUnread = 64 << 10

// converse reads one request, answers it and closes the connection: there is nothing to keep between two, and nothing that the second could
// be taken for. It is cut off when overdue is done; when ctx is, only while it has not asked.
func (s *Server) converse(ctx, overdue context.Context, c *net.TCPConn) {
	defer c.Close()
	defer context.AfterFunc(overdue, func() { c.Close() })()
	buf := s.buffers.Get().(*buffer)
	defer s.buffers.Put(buf)
	answer, head, ok := s.receive(ctx, c, buf[:])
	if !ok {
		return
	}
	b := answer.appendTo(buf[:0], time.Now(), head)
	c.SetWriteDeadline(time.Now().Add(s.limits.write))
	if _, err := c.Write(b); err != nil {
		return // the client is gone, or does not read
	}
	s.linger(c, buf[:])
}

// receive returns the answer to the request that comes, and whether it goes without its body. ok is false when no request came: the client went
// away, took too long, or ctx is done.
func (s *Server) receive(ctx context.Context, c *net.TCPConn, buf []byte) (answer response, head, ok bool) {
	c.SetReadDeadline(time.Now().Add(s.limits.read))
	stop := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) }) // now
	b, err := readHead(c, buf)
	stop()
	var r request
	if err == nil {
		r, err = parse(string(b))
	}
	if err == nil {
		return s.api.respond(r), r.method == "HEAD", true
	}
	if no, is := errors.AsType[*refusal](err); is {
		return text(no.code, no.why), r.method == "HEAD", true
	}
	return response{}, false, false
}

// linger ends our side and waits until the client has ended its own, for a short time and not much data: with something unread in it, closing
// a socket resets the connection (tcp(7); RFC 9112, section 9.6), and what the client has not read of its answer by then is lost.
func (s *Server) linger(c *net.TCPConn, buf []byte) {
	c.CloseWrite() // if that fails, reading does
	c.SetReadDeadline(time.Now().Add(s.limits.linger))
	for left := maxUnread; left > 0; {
		n, err := c.Read(buf[:min(left, len(buf))])
		if err != nil {
			return
		}
		left -= n
	}
}
