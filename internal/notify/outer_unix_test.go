//go:build unix

package notify

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestOuterSends(t *testing.T) {
	conn, err := bind(filepath.Join(shortDir(t), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	o := FromEnv([]string{"NOTIFY_SOCKET=" + conn.LocalAddr().String()})
	if !o.Enabled() {
		t.Error("not enabled")
	}
	tests := []struct {
		name string
		call func() error
		want string
	}{
		{"ready", func() error { return o.Ready("") }, "READY=1"},
		{"ready with status", func() error { return o.Ready("up\nMAINPID=1") }, "READY=1\nSTATUS=up MAINPID=1"},
		{"stopping", o.Stopping, "STOPPING=1"},
		{"watchdog", o.Watchdog, "WATCHDOG=1"},
		{"status", func() error { return o.Status("a\x1bb\n") }, "STATUS=a b"},
		{"extend", func() error { return o.ExtendTimeout(1500 * time.Millisecond) }, "EXTEND_TIMEOUT_USEC=1500000"},
		{"extend by nothing", func() error { return o.ExtendTimeout(-1) }, "EXTEND_TIMEOUT_USEC=0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.call(); err != nil {
				t.Fatal(err)
			}
			if got := read(t, conn); got != tt.want {
				t.Errorf("sent %q, want %q", got, tt.want)
			}
		})
	}
}

func read(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	buf := make([]byte, maxDatagram)
	conn.SetReadDeadline(time.Now().Add(wait))
	n, err := conn.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.Clone(buf[:n]))
}

// What the outer half sends the inner half understands.
func TestOuterToServer(t *testing.T) {
	s, messages := listening(t, nil)
	o := FromEnv([]string{s.Env()})
	if err := errors.Join(o.Reloading(), o.Ready("again")); err != nil {
		t.Fatal(err)
	}
	if m := receive(t, messages); !m.Reloading || len(m.Rejected) > 0 {
		t.Errorf("got %+v", m)
	}
	if m := receive(t, messages); !m.Ready || *m.Status != "again" {
		t.Errorf("got %+v", m)
	}
}

func TestOuterErrors(t *testing.T) {
	nobody := filepath.Join(shortDir(t), "s")
	conn, err := bind(nobody)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	for address, want := range map[string]error{
		"vsock:2:1234":     errors.ErrUnsupported,
		"relative":         errors.ErrUnsupported,
		"/nonexistent/s":   os.ErrNotExist,
		nobody:             syscall.ECONNREFUSED,
		"@apexd/not/there": nil, // ECONNREFUSED on Linux, ENOENT elsewhere
	} {
		err := FromEnv([]string{"NOTIFY_SOCKET=" + address}).Ready("")
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", address, err, want)
		}
	}
}

// A manager that does not read fills its queue; the daemon must not hang.
func TestOuterDoesNotHang(t *testing.T) {
	conn, err := bind(filepath.Join(shortDir(t), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	o := FromEnv([]string{"NOTIFY_SOCKET=" + conn.LocalAddr().String()})
	began := time.Now()
	for range 100_000 {
		if err = o.trySend("WATCHDOG=1", 20*time.Millisecond); err != nil {
			break
		}
	}
	if err == nil { // macOS and the BSDs say ENOBUFS at once
		t.Fatal("the queue never filled")
	}
	if took := time.Since(began); took > wait {
		t.Errorf("it took %v to give up", took)
	}
	t.Log(err)
}
