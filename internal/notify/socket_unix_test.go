//go:build unix

package notify

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestListenPath(t *testing.T) {
	parent := shortDir(t)
	s := pathServer(t, parent)
	dir := filepath.Dir(s.address)
	if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 || filepath.Dir(dir) != parent {
		t.Fatalf("socket in %v %v, %v; want a 0700 directory below %s", dir, fi, err, parent)
	}
	messages := serve(t, s)
	send(t, dial(t, s), "READY=1")
	if m := receive(t, messages); !m.Ready {
		t.Errorf("got %+v", m)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(parent); len(left) != 0 {
		t.Errorf("Close left %v", left)
	}
}

func TestListenPathFallsBack(t *testing.T) {
	parent := shortDir(t)
	long := filepath.Join(parent, strings.Repeat("long project name ", 8))
	if err := os.Mkdir(long, 0o755); err != nil {
		t.Fatal(err)
	}
	edge := filepath.Join(parent, strings.Repeat("x", 79-len(parent))) // gives 104 to 106 bytes: Linux would take them, macOS not
	if err := os.Mkdir(edge, 0o755); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(parent, "everybody's")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777)); err != nil { // whatever the umask
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"others can exchange it": open, "too long for macOS": edge, "too long": long, "missing": filepath.Join(parent, "missing"), "none": ""} {
		t.Run(name, func(t *testing.T) {
			s := pathServer(t, dir)
			if len(s.address) > maxPath || strings.HasPrefix(s.address, parent) {
				t.Errorf("socket at %q", s.address)
			}
			s.Close()
			if _, err := os.Stat(filepath.Dir(s.address)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("Close left %q: %v", filepath.Dir(s.address), err)
			}
			if left, _ := os.ReadDir(long); len(left) != 0 {
				t.Errorf("left %v in the directory that was too long", left)
			}
		})
	}
}

func TestCloseWhenTheDirectoryIsGone(t *testing.T) {
	s := pathServer(t, shortDir(t))
	if err := os.RemoveAll(filepath.Dir(s.address)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
}

// pathServer is what Listen returns where there are no abstract sockets.
func pathServer(t *testing.T, dir string) *Server {
	t.Helper()
	conn, remove, err := listenPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newServer(conn, remove)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// shortDir is t.TempDir without the test's name in it, which may be too long for a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "apexd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestRemoveLeftovers(t *testing.T) {
	old := time.Now().Add(-2 * leftoverAge)
	leave := func(dir string) error { // a daemon that was killed: bound, then closed without removing
		conn, err := bind(filepath.Join(dir, sockName))
		if err != nil {
			return err
		}
		return conn.Close()
	}
	tests := []struct {
		name   string
		dir    string
		fill   func(dir string) error
		mode   os.FileMode
		at     time.Time
		remove bool
	}{
		{"of a killed daemon", dirPrefix + "1", leave, 0o700, old, true},
		{"killed before bind", dirPrefix + "2", nil, 0o700, old, true},
		{"just made", dirPrefix + "3", nil, 0o700, time.Now(), false},
		{"not private, so not ours", dirPrefix + "4", leave, 0o755, old, false},
		{"another name", "other-5", leave, 0o700, old, false},
		{"something else is in it", dirPrefix + "6", func(dir string) error { return os.WriteFile(filepath.Join(dir, "x"), nil, 0o600) }, 0o700, old, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			parent := shortDir(t)
			dir := filepath.Join(parent, tt.dir)
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if tt.fill != nil {
				if err := tt.fill(dir); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(os.Chmod(dir, tt.mode), os.Chtimes(dir, tt.at, tt.at)); err != nil {
				t.Fatal(err)
			}
			removeLeftovers(parent)
			if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) != tt.remove {
				t.Errorf("after the clean-up: %v; want removed %t", err, tt.remove)
			}
		})
	}
}

func TestListenPathRemovesLeftovers(t *testing.T) {
	parent := shortDir(t)
	dir := filepath.Join(parent, dirPrefix+"1")
	old := time.Now().Add(-2 * leftoverAge)
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Chtimes(dir, old, old)); err != nil {
		t.Fatal(err)
	}
	pathServer(t, parent)
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after the next daemon started: %v", err)
	}
}

func TestRemoveLeftoversSparesTheLiving(t *testing.T) {
	parent := shortDir(t)
	s := pathServer(t, parent)
	old := time.Now().Add(-2 * leftoverAge)
	if err := os.Chtimes(filepath.Dir(s.address), old, old); err != nil {
		t.Fatal(err)
	}
	removeLeftovers(parent)
	if _, err := os.Stat(s.address); err != nil {
		t.Errorf("the socket of a living daemon is gone: %v", err)
	}
	s.conn.SetReadDeadline(time.Now().Add(-1))
	if n, _, _, _, err := s.conn.ReadMsgUnix(make([]byte, 1), nil); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the clean-up sent it something: %d bytes, %v", n, err)
	}
}

func TestRemoveLeftoversDoesNotFollowLinks(t *testing.T) {
	parent, other := shortDir(t), shortDir(t)
	if err := os.Symlink(other, filepath.Join(parent, dirPrefix+"link")); err != nil {
		t.Fatal(err)
	}
	removeLeftovers(parent)
	if _, err := os.Lstat(filepath.Join(parent, dirPrefix+"link")); err != nil {
		t.Errorf("the link: %v", err)
	}
}
