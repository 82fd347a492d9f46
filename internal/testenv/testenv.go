// Package testenv has what tests of several packages need of the machine they run on. Programs do not import it.
package testenv

import (
	"os"
	"path/filepath"
	"testing"
)

// TempDir is t.TempDir with its real path. Wine 8.0 cannot remove trees, so there the directory is left behind.
func TempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "apexd-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		t.Fatal(err)
	}
	return real
}

// Symlink makes a symbolic link, or skips the test where the system makes none.
func Symlink(t testing.TB, target, name string) {
	t.Helper()
	err := os.Symlink(target, name)
	if _, e := os.Lstat(name); err != nil || e != nil { // Wine 8.0 says yes and does nothing
		t.Skipf("this system makes no symbolic links: %v", err)
	}
}
