package proc

import (
	"os"
	"path/filepath"
	"testing"
)

func TestHasOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !HasOpen(os.Getpid(), path) {
		t.Error("our own file is not found")
	}
	if HasOpen(os.Getpid(), filepath.Dir(path)) || HasOpen(os.Getpid(), path+"y") || HasOpen(os.Getppid(), path) {
		t.Error("found what is not open there")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if HasOpen(os.Getpid(), path) {
		t.Error("found what was closed")
	}
}
