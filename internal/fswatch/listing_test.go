package fswatch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestListing(t *testing.T) {
	dir := tempDir(t)
	ch, err := Listing(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	woken := func(what string) {
		t.Helper()
		select {
		case <-ch:
		case <-time.After(time.Minute):
			t.Fatalf("not woken by %s", what)
		}
	}
	write(t, filepath.Join(dir, "a"), "x")
	woken("a new entry")
	if err := os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	woken("a rename")
	if _, err := Listing(t.Context(), filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
