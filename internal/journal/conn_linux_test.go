package journal

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/service"
)

// journald listens as it does, and reads only when it is asked.
func journald(t *testing.T) (c *net.UnixConn, path string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "apexd-journal-") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path = filepath.Join(dir, "socket")
	return listen(t, path), path
}

func listen(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func receive(t *testing.T, c *net.UnixConn) (text []byte, file *os.File) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	b, oob := make([]byte, 16), make([]byte, unix.CmsgSpace(4))
	n, k, _, _, err := c.ReadMsgUnix(b, oob)
	if err != nil {
		t.Fatal(err)
	}
	if k > 0 {
		msgs, err := unix.ParseSocketControlMessage(oob[:k])
		if err != nil {
			t.Fatal(err)
		}
		fds, err := unix.ParseUnixRights(&msgs[0])
		if err != nil {
			t.Fatal(err)
		}
		file = os.NewFile(uintptr(fds[0]), "received")
		t.Cleanup(func() { file.Close() })
	}
	return b[:n], file
}

// fill sends until the queue is full.
func fill(t *testing.T, s transport) (sent int) {
	t.Helper()
	for sent < 100_000 {
		err := s.send([]byte("x"), 0)
		if errors.Is(err, unix.EAGAIN) {
			return sent
		}
		if err != nil {
			t.Fatal(err)
		}
		sent++
	}
	t.Fatal("the queue does not fill")
	return 0
}

func TestSendWaitsForRoom(t *testing.T) {
	c, path := journald(t)
	other, s := newConn(path), newConn(path)
	defer other.close()
	defer s.close()
	fill(t, other)              // not one of the waiting entries is ours: only a connected socket is woken
	done := make(chan error, 1) // read below
	go func() { done <- s.send([]byte("mine"), 10*time.Second) }()
	for {
		if text, _ := receive(t, c); string(text) == "mine" {
			break
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestSendGivesUp(t *testing.T) {
	_, path := journald(t)
	s := newConn(path)
	defer s.close()
	fill(t, s)
	if err := s.send([]byte("y"), time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestSendConnectsAnew(t *testing.T) {
	c, path := journald(t)
	s := newConn(path)
	defer s.close()
	if err := s.send([]byte("a"), 0); err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := s.send([]byte("b"), 0); err == nil {
		t.Error("sent to nobody")
	}
	c = listen(t, path)
	if err := s.send([]byte("c"), 0); err != nil {
		t.Fatal(err)
	}
	if text, _ := receive(t, c); string(text) != "c" {
		t.Errorf("%q", text)
	}
}

func TestSendOfWhatNoDatagramHolds(t *testing.T) {
	c, path := journald(t)
	s := newConn(path)
	defer s.close()
	entry := bytes.Repeat([]byte("MESSAGE=x\n"), 1<<20)
	if err := s.send(entry, time.Second); err != nil {
		t.Fatal(err)
	}
	text, f := receive(t, c)
	if len(text) != 0 || f == nil {
		t.Fatalf("%d bytes, file %v", len(text), f)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(f)
	if err != nil || !slices.Equal(got, entry) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if want := unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE; err != nil || seals != want {
		t.Errorf("seals %x, %v", seals, err)
	}
}

func TestSendAllocatesNothing(t *testing.T) {
	c, path := journald(t)
	s := newConn(path)
	defer s.close()
	b, entry := make([]byte, 16), []byte("MESSAGE=x\n")
	if n := testing.AllocsPerRun(100, func() {
		if err := s.send(entry, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(b); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations for an entry", n)
	}
}

func TestStderrStream(t *testing.T) {
	_, path := journald(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(filepath.Dir(path), "stdout"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := Open(Options{Project: "/p", Name: "web", Unit: "u.service", Socket: path})
	if err := w.TakeStderr(func(f *os.File) error { _, err := f.WriteString("panic: x\n"); return err }); err != nil {
		t.Fatal(err)
	}
	c, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := io.ReadAll(c); err != nil || string(got) != service.RegistrationName("/p", "web")+"\nu.service\n3\n1\n0\n0\n0\npanic: x\n" {
		t.Errorf("%q, %v", got, err)
	}
}
