package notify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	// maxControl is more than any kernel delivers with one datagram: 253 descriptors on Linux (SCM_MAX_FD), one mbuf cluster of 2 KiB on
	// the BSDs and macOS, whose kernels leak into the process what does not fit.
	maxControl = 4096

	reportEvery = time.Minute // strangers and nonsense are reported at most this often: each report is a line in the log
	maxErrors   = 16          // consecutive failures of recvmsg(2) before Serve gives up

	// maxDrain bounds what one Drain reads, for senders that do not stop. No queue is longer (unix(7): net.unix.max_dgram_qlen is 10, systemd makes it 512).
	maxDrain = 1024
)

// Server receives the workload's notifications. Create it with [Listen].
type Server struct {
	// Accept, where set before Serve, decides whether a message is the workload's. It is called, one call at a time, for each
	// datagram whose sender the kernel names (Linux); pid may have exited already, and is 0 when it is in a foreign PID namespace.
	//
	// Before that the UID is looked at. Messages of root and of this process's user go to Accept, or are accepted if there is none.
	// Those of other users are refused, except that a Server of root asks Accept about them, since its workload may have dropped privileges.
	Accept func(pid, uid int) bool

	conn    *net.UnixConn
	raw     syscall.RawConn // of conn
	address string          // as in NOTIFY_SOCKET
	remove  func() error    // the socket file and its directory; nil for an abstract socket
	now     func() time.Time

	mu    sync.Mutex
	busy  bool          // Serve reads a datagram, or has one that is not handled yet
	asked chan struct{} // by Drain, nil when nobody waits
	ended bool          // Serve has returned

	closing  sync.Once
	closeErr error
	reported time.Time // when Rejected was last filled, owned by Serve
	buf      [maxDatagram]byte
	control  [maxControl]byte
}

// Listen opens a socket for notifications; call Serve to read it and Close to remove it. On Linux it is abstract and dir matters
// only where abstract sockets are forbidden. Elsewhere it is in a new directory apexd-notify-* below dir, which must exist, or, where dir
// is "", cannot be written, has no sockets or is too long (104 bytes for the whole path), below the temporary directory. What a
// daemon killed earlier left there is removed. Without Unix sockets (Windows): errors.ErrUnsupported.
func Listen(dir string) (*Server, error) {
	conn, remove, err := listen(dir)
	if err != nil {
		return nil, fmt.Errorf("listen for notifications: %w", err)
	}
	return newServer(conn, remove)
}

func newServer(conn *net.UnixConn, remove func() error) (*Server, error) {
	raw, err := conn.SyscallConn() // fails only on a closed one
	return &Server{conn: conn, raw: raw, address: conn.LocalAddr().String(), remove: remove, now: time.Now}, err
}

// Env returns the NOTIFY_SOCKET=… entry for the workload's environment.
func (s *Server) Env() string { return "NOTIFY_SOCKET=" + s.address }

// Close ends Serve and removes the socket. It does not wait for Serve. A second Close returns what the first did.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.closeErr = s.conn.Close()
		if s.remove != nil {
			s.closeErr = errors.Join(s.closeErr, s.remove())
		}
	})
	return s.closeErr
}

// Serve reads messages and calls handle for them, one call at a time, until ctx ends or s is closed, then closes s and returns nil. Any
// other error means that the socket is broken. It is to be called once, costs one parked goroutine, and no wake-up while the workload is silent.
//
// The first 32 messages of a burst are handed on one by one; what comes faster than 10 a second after that is read all the same and
// merged into one Message per 100 ms. While handle runs nothing is read, and senders wait once the kernel's queue is full. A datagram
// that was refused as a whole is reported as a Message with only Rejected, PID and UID set. Rejected is filled at most once a minute.
//
// Descriptors sent along are closed, after handle has returned for all that came before them. That is what a sender of
// BARRIER=1 waits for (sd_notify_barrier(3)).
func (s *Server) Serve(ctx context.Context, handle func(Message)) error {
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	defer s.end()
	defer s.Close()
	q := queue{handle: handle, tokens: burst, refilled: s.now()}
	defer q.flush()
	for failed := 0; ; {
		var (
			m    *Message
			held descriptors
		)
		err := s.await(&q)
		if err == nil {
			m, held, err = s.receive()
		}
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded): // the queue is due
			q.tick(s.now())
		case err != nil:
			if failed++; failed == maxErrors {
				return fmt.Errorf("read notifications: %w", err)
			}
		default:
			failed = 0
			q.add(m, held, s.now())
		}
		s.wakeAt(&q)
		for done := s.takeAsked(); done != nil; done = s.takeAsked() {
			s.drain(&q)
			close(done)
		}
	}
}

// await waits for a datagram, or until q is due.
func (s *Server) await(q *queue) error {
	s.rest(q)
	return s.raw.Read(func(fd uintptr) bool {
		if !waiting(fd) {
			return false
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.busy = true
		return true
	})
}

// rest says that there is nothing which was received and not handled, but for what is in q.
func (s *Server) rest(q *queue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = q.pending != nil
}

// Drain returns a channel that is closed when handle has returned for everything that was sent before this call, or nil where that is so already, as after the end of
// Serve. Serve must have been called, or be about to be. Of a sender that goes on, 1024 datagrams are read.
func (s *Server) Drain() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || !s.busy && !s.waiting() {
		return nil
	}
	if s.asked == nil {
		s.asked = make(chan struct{})
	}
	s.conn.SetReadDeadline(time.Unix(1, 0)) // ends the read that waits
	return s.asked
}

// waiting reports whether a datagram can be read at once.
func (s *Server) waiting() (now bool) {
	err := s.raw.Control(func(fd uintptr) { now = waiting(fd) })
	return now && err == nil
}

// takeAsked is for the reader. Who asks later asks anew.
func (s *Server) takeAsked() chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := s.asked
	s.asked = nil
	return done
}

// drain reads what is there and handles all of it now.
func (s *Server) drain(q *queue) {
	q.armed = time.Time{}
	s.conn.SetReadDeadline(q.armed) // the one of Drain would have each read fail
	for range maxDrain {
		if !s.waiting() {
			break
		}
		m, held, err := s.receive()
		if err != nil { // the next read says it too
			break
		}
		q.add(m, held, s.now())
	}
	q.flush()
}

// end releases who waits for Drain.
func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	if s.asked != nil {
		close(s.asked)
		s.asked = nil
	}
}

// wakeAt makes the next read end when q is due, or never while nothing is pending.
func (s *Server) wakeAt(q *queue) {
	if q.due != q.armed {
		q.armed = q.due
		s.conn.SetReadDeadline(q.due) // fails only on a closed socket, which the read will say
	}
}

// receive reads one datagram. The result is nil for one that is to be passed over in silence; its descriptors are the caller's.
func (s *Server) receive() (*Message, descriptors, error) {
	n, cn, flags, _, err := s.conn.ReadMsgUnix(s.buf[:], s.control[:])
	if err != nil {
		return nil, nil, err
	}
	from, fds := parseControl(s.control[:cn])
	m, err := s.read(s.buf[:n], flags, from)
	if err != nil {
		m = Message{PID: from.pid, UID: from.uid}
		m.reject(err.Error())
	}
	if len(m.Rejected) > 0 && !s.mayReport() {
		m.Rejected = nil
		if err != nil {
			return nil, fds, nil
		}
	}
	return &m, fds, nil
}

func (s *Server) read(datagram []byte, flags int, from sender) (Message, error) {
	if !admit(from, os.Getuid(), os.Geteuid(), s.Accept) {
		return Message{}, errStranger
	}
	if truncated(flags) {
		return Message{}, errTooLong
	}
	return parse(datagram, from)
}

var errStranger = errors.New("the sender is not of this workload")

// admit decides as documented at Accept, for a process of user uid, euid. Where the OS names no sender the directory's mode has
// kept strangers out.
func admit(from sender, uid, euid int, accept func(pid, uid int) bool) bool {
	if from.uid < 0 {
		return true
	}
	known := from.uid == 0 || from.uid == uid || from.uid == euid
	if accept == nil {
		return known
	}
	return (known || uid == 0) && accept(from.pid, from.uid)
}

func (s *Server) mayReport() bool {
	now := s.now()
	if !s.reported.IsZero() && now.Sub(s.reported) < reportEvery {
		return false
	}
	s.reported = now
	return true
}
