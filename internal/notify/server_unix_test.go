//go:build unix

package notify

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

const (
	wait      = 30 * time.Second // for what must happen
	senderEnv = "APEXD_TEST_SEND"
)

// TestMain lets the test binary be a workload: it sends $APEXD_TEST_SEND with go-systemd and exits.
func TestMain(m *testing.M) {
	state, ok := os.LookupEnv(senderEnv)
	if !ok {
		os.Exit(m.Run())
	}
	if sent, err := daemon.SdNotify(false, state); !sent || err != nil {
		os.Stderr.WriteString("not sent: " + strconv.FormatBool(sent))
		os.Exit(1)
	}
}

// serve starts Serve on s; what is handled arrives in the channel. Everything has ended when the test is over.
func serve(t *testing.T, s *Server) <-chan Message {
	t.Helper()
	messages := make(chan Message, 1000) // more than a test lets the server hand on
	done := make(chan error, 1)
	go func() { done <- s.Serve(t.Context(), func(m Message) { messages <- m }) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := receive(t, done); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return messages
}

func listening(t *testing.T, accept func(int) bool) (*Server, <-chan Message) {
	t.Helper()
	s, err := Listen(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if accept != nil {
		s.Accept = func(pid, _ int) bool { return accept(pid) }
	}
	return s, serve(t, s)
}

func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(wait):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func dial(t *testing.T, s *Server) *net.UnixConn {
	t.Helper()
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// send waits while the queue is full. (net.UnixConn.WriteMsgUnix refuses a connected datagram socket.)
func send(t *testing.T, conn *net.UnixConn, datagram string, fds ...int) {
	t.Helper()
	var control []byte
	if len(fds) > 0 {
		control = syscall.UnixRights(fds...)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var sendErr error
	err = raw.Write(func(fd uintptr) bool {
		sendErr = syscall.Sendmsg(int(fd), []byte(datagram), control, nil, 0)
		return sendErr != syscall.EAGAIN
	})
	if err = errors.Join(err, sendErr); err != nil {
		t.Fatalf("send %.40q: %v", datagram, err)
	}
}

func TestRealSenders(t *testing.T) {
	const python = `import os, socket
a = os.environ["NOTIFY_SOCKET"]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect("\0" + a[1:] if a[0] == "@" else a)
s.send(b"READY=1\nSTATUS=from outside\nMAINPID=%d\n" % os.getpid())`
	tests := []struct {
		name string
		argv []string
		env  string
	}{
		{"go-systemd", []string{os.Args[0]}, senderEnv + "=READY=1\nSTATUS=from outside"},
		{"python", []string{"python3", "-c", python}, ""},
		{"systemd-notify", []string{"systemd-notify", "--ready", "--status=from outside"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(tt.argv[0]); err != nil {
				t.Skipf("no sender to test with: %v", err)
			}
			s, messages := listening(t, nil)
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			defer cancel()
			cmd := exec.CommandContext(ctx, tt.argv[0], tt.argv[1:]...)
			cmd.Env = append(Strip(os.Environ()), s.Env(), tt.env)
			if out, err := cmd.CombinedOutput(); err != nil { // systemd-notify fails too when its barrier stays closed for 5 s
				t.Fatalf("%v: %s", err, out)
			}
			m := receive(t, messages)
			if !m.Ready || m.Status == nil || *m.Status != "from outside" {
				t.Errorf("got %+v", m)
			}
			checkSender(t, m, cmd.Process.Pid)
		})
	}
}

func TestServeKeepsOrder(t *testing.T) {
	s, messages := listening(t, nil)
	conn := dial(t, s)
	for i := range burst {
		send(t, conn, "STATUS="+strconv.Itoa(i))
	}
	for i := range burst {
		if m := receive(t, messages); *m.Status != strconv.Itoa(i) {
			t.Fatalf("message %d says %q", i, *m.Status)
		}
	}
}

func TestServeSurvivesNonsense(t *testing.T) {
	s, messages := listening(t, nil)
	conn := dial(t, s)
	send(t, conn, "")
	for _, bad := range []string{"READY=1\x00\x00", "READY=1\n" + strings.Repeat("x", maxDatagram), "\xff\xfe"} {
		send(t, conn, bad)
	}
	send(t, conn, "STOPPING=1\nMAINPID=1") // its report is dropped: there was one a moment ago
	var reports []string
	for {
		m := receive(t, messages)
		if m.Ready {
			t.Errorf("a refused datagram made it ready: %+v", m)
		}
		reports = append(reports, m.Rejected...)
		if m.Stopping {
			break
		}
	}
	if len(reports) != 1 || reports[0] != errNUL.Error() {
		t.Errorf("reports %q, want only the first", reports)
	}
}

func TestBarrier(t *testing.T) {
	s, err := Listen(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	handling, proceed := make(chan Message), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- s.Serve(t.Context(), func(m Message) {
			handling <- m
			<-proceed
		})
	}()
	conn := dial(t, s)
	send(t, conn, "READY=1")
	released := sendBarrier(t, conn)
	if m := receive(t, handling); !m.Ready {
		t.Fatalf("first message %+v", m)
	}
	select {
	case <-released:
		t.Error("the barrier opened before the message ahead of it was handled")
	default:
	}
	close(proceed)
	if m := receive(t, handling); !m.Barrier {
		t.Errorf("second message %+v", m)
	}
	receive(t, released)
	s.Close()
	if err := receive(t, done); err != nil {
		t.Error(err)
	}
}

// sendBarrier does what sd_notify_barrier(3) does: it sends the write end of a pipe and waits for the hang-up.
func sendBarrier(t *testing.T, conn *net.UnixConn) <-chan struct{} {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	send(t, conn, "BARRIER=1", int(w.Fd()))
	w.Close()
	released := make(chan struct{})
	go func() {
		defer close(released)
		defer r.Close()
		r.Read(make([]byte, 1))
	}()
	return released
}

func TestBarriersInFloodAreReleased(t *testing.T) {
	s, messages := listening(t, nil)
	conn := dial(t, s)
	for range burst {
		send(t, conn, "WATCHDOG=1")
	}
	send(t, conn, "READY=1")
	receive(t, sendBarrier(t, conn))
	for m := range messages { // READY=1 was handled before the barrier opened, so it is in the channel already
		if m.Ready {
			return
		}
		if len(messages) == 0 {
			t.Fatal("the barrier opened before READY=1 was handled")
		}
	}
}

func TestFlood(t *testing.T) {
	const datagrams = 100_000
	s, messages := listening(t, nil)
	conn := dial(t, s)
	began := time.Now()
	send(t, conn, "READY=1")
	for i := range datagrams {
		if i%1000 == 500 {
			send(t, conn, "STOPPING=1\nMAINPID=7")
		}
		send(t, conn, "WATCHDOG=1\nSTATUS="+strconv.Itoa(i))
	}
	send(t, conn, "ERRNO=99")
	calls, ready, stopping, last := 0, false, false, ""
	for m := (Message{}); m.Errno != 99; calls++ {
		m = receive(t, messages)
		ready, stopping = ready || m.Ready, stopping || m.Stopping
		if m.Status != nil {
			last = *m.Status
		}
	}
	took := time.Since(began)
	t.Logf("%d datagrams in %v, %d calls", datagrams, took, calls)
	if limit := burst + int(took/spacing) + 1; calls > limit {
		t.Errorf("%d calls in %v, want at most %d", calls, took, limit)
	}
	if !ready || !stopping || last != strconv.Itoa(datagrams-1) {
		t.Errorf("ready %t, stopping %t, last status %q: something was lost", ready, stopping, last)
	}
}

func TestServeEndsWithContext(t *testing.T) {
	s, err := Listen(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, func(Message) {}) }()
	conn := dial(t, s)
	cancel()
	if err := receive(t, done); err != nil {
		t.Errorf("Serve = %v", err)
	}
	if _, err := conn.Write([]byte("READY=1")); err == nil {
		t.Error("the socket is still open after Serve returned")
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// TestDrain: everything that was sent before is handled when it returns, whatever the rate; so it is once Serve has ended.
func TestDrain(t *testing.T) {
	s, messages := listening(t, nil)
	conn := dial(t, s)
	for round := range 3 {
		for i := range 2 * burst {
			send(t, conn, "STATUS="+strconv.Itoa(i))
		}
		drained(t, s)
		last := ""
		for len(messages) > 0 {
			last = *(<-messages).Status
		}
		if want := strconv.Itoa(2*burst - 1); last != want {
			t.Errorf("round %d: the last that was handled is %q, want %q", round, last, want)
		}
	}
	send(t, conn, "READY=1") // it waits for messages as before
	if m := receive(t, messages); !m.Ready {
		t.Errorf("%+v", m)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	drained(t, s)
	drained(t, s)
}

// drained waits until there is nothing to wait for.
func drained(t *testing.T, s *Server) {
	t.Helper()
	for c := s.Drain(); c != nil; c = s.Drain() {
		receive(t, c)
	}
}
