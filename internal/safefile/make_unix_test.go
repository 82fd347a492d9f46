//go:build unix

package safefile

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestMakeMode: a file that is made has the mode that was asked for, whatever the umask; one that was there keeps its own.
func TestMakeMode(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	defer syscall.Umask(syscall.Umask(0o077))
	for path, want := range map[string]os.FileMode{filepath.Join(dir, "new"): 0o644, there: 0o600} {
		if err := Make(path, 0o644); err != nil {
			t.Error(err)
		}
		fi, err := os.Stat(path)
		if err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", path, fi.Mode(), err, want)
		}
	}
}
