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

func TestRemovedNoDirectory(t *testing.T) {
	if _, err := Removed(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
