//go:build unix

package history

import (
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/safefile"
)

func TestHostileFiles(t *testing.T) {
	tests := []struct {
		name string
		make func(path, victim string) error
	}{
		{"symbolic link", func(path, victim string) error { return os.Symlink(victim, path) }},
		{"dangling link", func(path, victim string) error { return os.Symlink(victim+".missing", path) }},
		{"hard link", func(path, victim string) error { return os.Link(victim, path) }},
		{"FIFO", func(path, _ string) error { return syscall.Mkfifo(path, 0o666) }},
		{"directory", func(path, _ string) error { return os.Mkdir(path, 0o777) }},
		{"device", func(path, _ string) error { return os.Symlink("/dev/zero", path) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := historyPath(t)
			victim := path + ".victim"
			if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
			l := open(t, path) // a good one first: it may be swapped later
			l.limit = 1
			if err := errors.Join(os.Remove(path), tt.make(path, victim)); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(path); err == nil {
				t.Error("Open took it")
			}
			if err := l.Append(numbered(1)); err == nil {
				t.Error("Append took it")
			}
			if events, _, err := Read(path, -1); err == nil {
				t.Errorf("Read took it: %v", events)
			}
			if got := content(t, victim); got != "precious" {
				t.Errorf("the victim has %q", got)
			}
			if _, err := os.Lstat(victim + ".missing"); err == nil {
				t.Error("a dangling link was followed")
			}
		})
	}
}

func TestHostileFilesAreNamed(t *testing.T) {
	path := historyPath(t)
	if err := os.Symlink("/etc/passwd", path); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, safefile.ErrUnsafe) || !strings.Contains(err.Error(), path) {
		t.Errorf("Open = %v, want ErrUnsafe and the path", err)
	}
}

func TestMode(t *testing.T) {
	old := syscall.Umask(0o022)
	defer syscall.Umask(old)
	path := historyPath(t)
	l := open(t, path)
	l.limit = 100
	for i := range 10 {
		appendAll(t, l, numbered(i))
		if fi, err := os.Stat(path); err != nil || fi.Mode() != 0o640 {
			t.Fatalf("mode %v, %v, want 0640", fi.Mode(), err)
		}
	}
}

// TestOtherOwner: root appends to the file of a user and leaves it theirs.
func TestOtherOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to give a file away")
	}
	path := historyPath(t)
	l := open(t, path)
	l.limit, l.full = 100, 400
	appendAll(t, l, numbered(0), numbered(1))
	if err := os.Chown(path, 65534, 65534); err != nil {
		t.Skipf("cannot give a file away here: %v", err)
	}
	appendAll(t, l, numbered(2), numbered(3))
	fi, err := os.Stat(path)
	if err != nil || fi.Sys().(*syscall.Stat_t).Uid != 65534 {
		t.Errorf("the file has changed hands: %+v, %v", fi.Sys(), err)
	}
	if got, _ := read(t, path, -1); !reflect.DeepEqual(got, []int{0, 1, 2, 3}) {
		t.Errorf("Read = %v, want all four", got)
	}
	for i := range 20 {
		err = l.Append(numbered(i))
	}
	if !errors.Is(err, ErrFull) {
		t.Errorf("Append = %v, want ErrFull: nobody trims and the file grows", err)
	}
}

// TestFullDisk stands in for one: a limit on the file size (setrlimit(2), RLIMIT_FSIZE) cuts a line off after ten bytes.
func TestFullDisk(t *testing.T) {
	path := historyPath(t)
	l := open(t, path)
	appendAll(t, l, numbered(1))
	withFileLimit(t, uint64(len(content(t, path)))+10, func() {
		if err := l.Append(numbered(2)); !errors.Is(err, syscall.EFBIG) {
			t.Errorf("Append = %v, want EFBIG", err)
		}
		if err := l.Append(numbered(3)); !errors.Is(err, syscall.EFBIG) {
			t.Errorf("Append = %v, want EFBIG", err)
		}
	})
	appendAll(t, l, numbered(4))
	if got, skipped := read(t, path, -1); !reflect.DeepEqual(got, []int{1, 4}) || skipped != 1 {
		t.Errorf("Read = %v, %d skipped, want [1 4] and 1", got, skipped)
	}
}

func withFileLimit(t *testing.T, limit uint64, do func()) {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	now := old
	setLimit(&now, limit)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &now); err != nil {
		t.Fatal(err)
	}
	do()
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
}

// setLimit sets the soft limit. Its type is uint64, or int64 on FreeBSD.
func setLimit(r *syscall.Rlimit, limit uint64) {
	reflect.ValueOf(r).Elem().FieldByName("Cur").Set(reflect.ValueOf(limit).Convert(reflect.TypeOf(r.Cur)))
}

func TestNoDirectory(t *testing.T) {
	path := historyPath(t)
	l := open(t, path)
	l.path = path + ".gone/daemon.history"
	if err := l.Append(numbered(1)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Append = %v, want fs.ErrNotExist", err)
	}
}
