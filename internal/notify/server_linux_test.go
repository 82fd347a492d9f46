package notify

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// checkSender: systemd-notify, when it may, speaks in the name of the process that called it.
func checkSender(t *testing.T, m Message, pid int) {
	t.Helper()
	if m.PID != pid && m.PID != os.Getpid() || m.UID != os.Getuid() {
		t.Errorf("the sender is PID %d, UID %d; want %d, %d", m.PID, m.UID, pid, os.Getuid())
	}
}

func TestSocketIsAbstract(t *testing.T) {
	dir := t.TempDir()
	s, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !strings.HasPrefix(s.Env(), "NOTIFY_SOCKET=@apexd/") || len(s.address) != len("@apexd/")+32 {
		t.Errorf("Env = %q", s.Env())
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("files on disk: %v", left)
	}
	other, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if s.Env() == other.Env() {
		t.Errorf("two servers at %q", s.Env())
	}
}

func TestAccept(t *testing.T) {
	asked := make(chan int, 10)
	s, messages := listening(t, func(pid int) bool {
		asked <- pid
		return pid != os.Getpid()
	})
	conn := dial(t, s)
	send(t, conn, "READY=1")
	m := receive(t, messages)
	if m.Ready || len(m.Rejected) != 1 || m.PID != os.Getpid() || m.UID != os.Getuid() {
		t.Errorf("a process that the hook refuses: %+v", m)
	}
	if pid := receive(t, asked); pid != os.Getpid() {
		t.Errorf("the hook was asked about PID %d, want %d", pid, os.Getpid())
	}
}

// A process of another user reaches an abstract socket: it has no permissions.
func TestStrangersAreRefused(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be another user for one message")
	}
	const nobody = 65534
	s, messages := listening(t, nil)
	sendAs(t, s, nobody, "READY=1\nSTATUS=evil")
	m := receive(t, messages)
	if m.Ready || m.Status != nil || m.UID != nobody || len(m.Rejected) != 1 || m.Rejected[0] != errStranger.Error() {
		t.Errorf("message of UID %d: %+v", nobody, m)
	}
	for range 50 {
		sendAs(t, s, nobody, "READY=1") // no report: there was one a moment ago
	}
	send(t, dial(t, s), "STOPPING=1")
	if m := receive(t, messages); !m.Stopping || m.Ready || len(m.Rejected) != 0 {
		t.Errorf("after many strangers: %+v", m)
	}
}

// A workload of root that dropped its privileges is heard when the hook knows it.
func TestDroppedPrivileges(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to be another user for one message")
	}
	s, messages := listening(t, func(pid int) bool { return pid == os.Getpid() })
	sendAs(t, s, 65534, "READY=1")
	if m := receive(t, messages); !m.Ready || m.UID != 65534 {
		t.Errorf("got %+v", m)
	}
}

// sendAs sends from a thread of its own with another user ID; the thread ends with its goroutine, since it stays locked.
func sendAs(t *testing.T, s *Server, uid int, datagram string) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			done <- err
			return
		}
		defer syscall.Close(fd)
		id := uintptr(uid)
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, id, id, id); errno != 0 {
			done <- errno
			return
		}
		done <- syscall.Sendto(fd, []byte(datagram), 0, &syscall.SockaddrUnix{Name: s.address})
	}()
	if err := receive(t, done); err != nil {
		t.Fatal(err)
	}
}

// Descriptors are closed whatever becomes of the message they came with.
func TestNoDescriptorLeaks(t *testing.T) {
	s, messages := listening(t, nil)
	conn := dial(t, s)
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	many := make([]int, 253) // SCM_MAX_FD
	for i := range many {
		many[i] = int(null.Fd())
	}
	before := openFiles(t)
	for range 50 {
		send(t, conn, "FDSTORE=1\nFDNAME=x", many...)
		send(t, conn, "BARRIER=1", many[0])
		send(t, conn, "nonsense\x00\x00", many[:3]...)
		send(t, conn, strings.Repeat("x", 2*maxDatagram), many[:3]...)
	}
	for range 3 * maxHeld {
		send(t, conn, "BARRIER=1\nSTATUS=x", many[0])
	}
	send(t, conn, "ERRNO=9", many...)
	for m := (Message{}); m.Errno != 9; {
		m = receive(t, messages)
	}
	receive(t, sendBarrier(t, conn)) // what came before is closed now
	if after := openFiles(t); after > before {
		t.Errorf("%d descriptors, before %d", after, before)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// What was read is handled although Close comes before it is due.
func TestServeHandsOnWhatIsPendingAtClose(t *testing.T) {
	read := make(chan int, 100)
	s, messages := listening(t, func(pid int) bool { read <- pid; return true })
	conn := dial(t, s)
	const datagrams = burst + 10
	for range datagrams {
		send(t, conn, "WATCHDOG=1")
	}
	send(t, conn, "ERRNO=9")
	for range datagrams + 1 {
		receive(t, read)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for m := (Message{}); m.Errno != 9; {
		m = receive(t, messages)
	}
}

// No wake-up while nobody speaks: no deadline is armed once everything has been handled.
func TestIdleIsIdle(t *testing.T) {
	s, err := Listen("")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	q := queue{handle: func(Message) {}, refilled: time.Now()}
	q.add(&Message{Ready: true}, nil, time.Now())
	s.wakeAt(&q)
	if q.armed.IsZero() {
		t.Fatal("nothing is due although a message is pending")
	}
	if _, _, err := s.receive(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("receive = %v", err)
	}
	q.tick(time.Now())
	s.wakeAt(&q)
	if !q.armed.IsZero() || !q.due.IsZero() {
		t.Errorf("a deadline is left: %v, %v", q.armed, q.due)
	}
}

func TestReloadingCarriesTheTime(t *testing.T) {
	s, messages := listening(t, nil)
	if err := FromEnv([]string{s.Env()}).Reloading(); err != nil {
		t.Fatal(err)
	}
	if m := receive(t, messages); !m.Reloading || m.Monotonic == nil || *m.Monotonic <= 0 {
		t.Errorf("got %+v", m)
	}
}
