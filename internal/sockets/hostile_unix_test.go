//go:build unix

package sockets

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

// TestWritableDirectory: where others can exchange the directory the socket is bound through a handle on it, and is told by the path that it was configured with.
func TestWritableDirectory(t *testing.T) {
	for _, row := range []struct {
		name string
		mode os.FileMode
		held bool
	}{
		{"one's own", 0o755, false},
		{"everybody's", 0o777, runtime.GOOS == "linux"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := shortDir(t)
			if err := os.Chmod(dir, row.mode); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "s")
			h, got := mustOpen(t, unixAt(path, service.SocketStream))
			if got[0].Address != service.UnixPrefix+path {
				t.Errorf("it is told as %q", got[0].Address)
			}
			if err := dial(got[0]); err != nil {
				t.Error(err)
			}
			sa, err := unix.Getsockname(int(h.held[0].file.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			if name := sa.(*unix.SockaddrUnix).Name; strings.HasPrefix(name, "/proc/self/fd/") != row.held || !row.held && name != path {
				t.Errorf("it was bound as %q", name)
			}
			if err := h.Close(); err != nil {
				t.Error(err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// TestExchangedDirectory: what is in the place of the socket when it is closed is not removed.
func TestExchangedDirectory(t *testing.T) {
	dir := shortDir(t)
	mine, theirs := filepath.Join(dir, ".apex"), filepath.Join(dir, "precious")
	if err := errors.Join(os.Mkdir(mine, 0o755), os.Mkdir(theirs, 0o755), os.WriteFile(filepath.Join(theirs, "s"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	h, _ := mustOpen(t, unixAt(filepath.Join(mine, "s"), service.SocketStream))
	if err := errors.Join(os.Rename(mine, mine+".moved"), os.Symlink(theirs, mine)); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); !errors.Is(err, safefile.ErrUnsafe) {
		t.Errorf("%v, want ErrUnsafe", err)
	}
	if _, err := os.Lstat(filepath.Join(theirs, "s")); err != nil {
		t.Error(err)
	}
	again := New(Options{Sockets: []service.Socket{unixAt(filepath.Join(mine, "new"), service.SocketStream)}})
	if _, err := again.Open(); !errors.Is(err, safefile.ErrUnsafe) {
		t.Errorf("a socket below a link: %v, want ErrUnsafe", err)
	}
}
