//go:build darwin || freebsd

package fswatch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestRemoved(t *testing.T) {
	rows := []struct {
		name string
		act  func(t *testing.T, dir string)
		want bool
	}{
		{"removed", func(t *testing.T, d string) { remove(t, d+"/daemon.pid") }, true},
		{"renamed", func(t *testing.T, d string) { rename(t, d+"/daemon.pid", d+"/old") }, true},
		{"directory renamed", func(t *testing.T, d string) { rename(t, d, d+".old") }, true},
		{"directory and all removed", func(t *testing.T, d string) {
			if err := os.RemoveAll(d); err != nil {
				t.Fatal(err)
			}
		}, true},
		{"written", func(t *testing.T, d string) { write(t, d+"/daemon.pid", "{}") }, false},
		{"log written", func(t *testing.T, d string) { appendTo(t, d+"/daemon.log", 1000) }, false},
		{"log removed", func(t *testing.T, d string) { remove(t, d+"/daemon.log") }, false},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), ".apex")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, dir+"/daemon.pid", "{}")
			write(t, dir+"/daemon.log", "")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ch, err := Removed(ctx, dir, "daemon.pid", "none")
			if err != nil {
				t.Fatal(err)
			}
			r.act(t, dir)
			if r.want {
				awaken(t, ch)
			} else {
				asleep(t, ch)
			}
		})
	}
}

// TestRemovedAnew: a replacement is told once, and a watch that has begun since tells of the next one, and of a removal.
func TestRemovedAnew(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "daemon.pid")
	write(t, path, "{}")
	end := func() {}
	defer func() { end() }()
	begin := func() <-chan struct{} {
		ctx, cancel := context.WithCancel(t.Context())
		c, err := Removed(ctx, dir, "daemon.pid")
		end()
		end = cancel
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for range 3 {
		c := begin()
		write(t, path+".tmp", "{}")
		rename(t, path+".tmp", path)
		awaken(t, c)
	}
	c := begin()
	remove(t, path)
	awaken(t, c)
}

func TestRemovedNoDirectory(t *testing.T) {
	if _, err := Removed(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
