package journal

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// conn is a connected socket to journald: only a connected one is told when a full queue has room again.
type conn struct {
	path  string
	c     *net.UnixConn // nil: not connected
	raw   syscall.RawConn
	entry []byte
	err   error
	try   func(fd uintptr) bool
}

func newConn(path string) transport {
	s := &conn{path: path}
	s.try = func(fd uintptr) bool { // kept, so that an entry costs no closure
		_, s.err = unix.Write(int(fd), s.entry)
		return true
	}
	return s
}

func (s *conn) dial() error {
	if s.c != nil {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.path, Net: "unixgram"})
	if err != nil {
		return err
	}
	if s.raw, err = c.SyscallConn(); err != nil {
		return errors.Join(err, c.Close())
	}
	s.c = c
	return nil
}

func (s *conn) close() {
	if s.c != nil {
		s.c.Close()
		s.c = nil
	}
}

// send implements transport. journald's socket belongs to PID 1 and outlives journald; when it is made anew this connects once more.
func (s *conn) send(entry []byte, patience time.Duration) error {
	err := s.once(entry, patience)
	if errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.ENOTCONN) {
		s.close()
		err = s.once(entry, patience)
	}
	return err
}

func (s *conn) once(entry []byte, patience time.Duration) error {
	if err := s.dial(); err != nil {
		return err
	}
	s.entry = entry
	err := s.raw.Write(s.try)
	s.entry = nil
	if err == nil {
		err = s.err
	}
	switch {
	case errors.Is(err, unix.EAGAIN) && patience > 0:
		return s.wait(patience, func() error { _, err := s.c.Write(entry); return err })
	case errors.Is(err, unix.EMSGSIZE), errors.Is(err, unix.ENOBUFS):
		return s.sendFile(entry, patience)
	}
	return err
}

// wait calls f, which writes, with a deadline.
func (s *conn) wait(patience time.Duration, f func() error) error {
	if err := s.c.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	err := f()
	_ = s.c.SetWriteDeadline(time.Time{}) // it was set a moment ago
	return err
}

// sendFile sends an entry that no datagram can hold, as systemd.io/JOURNAL_NATIVE_PROTOCOL says: in a sealed memfd.
func (s *conn) sendFile(entry []byte, patience time.Duration) error {
	fd, err := unix.MemfdCreate("apexd-journal", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "journal entry")
	defer f.Close()
	if _, err := f.Write(entry); err != nil {
		return err
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE); err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	return s.wait(max(patience, time.Millisecond), func() error {
		var sent error // not by WriteMsgUnix, which refuses connected sockets
		err := s.raw.Write(func(to uintptr) bool {
			sent = unix.Sendmsg(int(to), nil, unix.UnixRights(fd), nil, 0)
			return !errors.Is(sent, unix.EAGAIN)
		})
		return errors.Join(err, sent)
	})
}

// openStream connects to journald as a program's standard error is (sd_journal_stream_fd(3)): identifier, unit, priority 3, no prefixes, not forwarded.
func openStream(socket, identifier, unit string) (*os.File, error) {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: filepath.Join(filepath.Dir(socket), "stdout"), Net: "unix"})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	const severity = 3
	if _, err := c.Write([]byte(identifier + "\n" + unit + "\n" + strconv.Itoa(severity) + "\n1\n0\n0\n0\n")); err != nil {
		return nil, err
	}
	f, err := c.File()
	if err != nil {
		return nil, err
	}
	return f, unix.SetNonblock(int(f.Fd()), false) // whoever has it as standard error expects that
}
