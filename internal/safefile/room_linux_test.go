package safefile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// TestReplaceFrom: readers see the old or the new, the file is as long as its content, and nothing else is left. A link is not replaced.
func TestReplaceFrom(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "record")
	const perm = 0o644
	if err := replaceOwn(path, bytes.Repeat([]byte("a"), 700), perm); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	readers.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			b, err := os.ReadFile(path)
			if err != nil || len(b) < 700 || len(b) > 800 || bytes.Count(b, b[:1]) != len(b) {
				t.Errorf("%d bytes, %v", len(b), err)
				return
			}
		}
	})
	stop := sync.OnceFunc(func() { close(done); readers.Wait() })
	defer stop()
	for i := range 200 {
		room, err := Reserve(path, 4096, perm)
		if errors.Is(err, syscall.EOPNOTSUPP) {
			t.Skipf("this file system has no files without a name: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := ReplaceFrom(room, path, bytes.Repeat([]byte{byte('a' + i%26)}, 700+i%100)); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	room, err := Reserve(path, 4096, perm)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(path), os.Symlink("elsewhere", path)); err != nil {
		t.Fatal(err)
	}
	if err := ReplaceFrom(room, path, []byte("x")); !errors.Is(err, ErrUnsafe) {
		t.Errorf("over a link: %v", err)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 1 {
		t.Errorf("left: %v, %v", names, err)
	}
}
