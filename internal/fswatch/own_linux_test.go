package fswatch

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The signal is the whole process's: what is removed in one row could wake the next. So the rows that must not wake come first, and nothing is cleaned up between them.
func TestRemovedOwn(t *testing.T) {
	base := t.TempDir()
	tests := []struct {
		name string
		do   func(dir string) error
		want bool
	}{
		{"written", func(dir string) error { return os.WriteFile(filepath.Join(dir, "a"), []byte("more"), 0o600) }, false},
		{"another made", func(dir string) error { return os.WriteFile(filepath.Join(dir, "b"), nil, 0o600) }, false},
		{"removed", func(dir string) error { return os.Remove(filepath.Join(dir, "a")) }, true},
		{"renamed away", func(dir string) error {
			return os.Rename(filepath.Join(dir, "a"), dir+"-b")
		}, true},
		{"all of it removed", os.RemoveAll, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(base, strings.ReplaceAll(tt.name, " ", "-"))
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "a"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c, err := RemovedOwn(ctx, dir, "a")
			if err != nil {
				t.Fatal(err)
			}
			for n := range 2 { // it tells again
				if n > 0 && (!tt.want || tt.name == "all of it removed") {
					break
				}
				if n > 0 {
					if err := os.WriteFile(filepath.Join(dir, "a"), nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if err := tt.do(dir); err != nil {
					t.Fatal(err)
				}
				limit := 10 * time.Second
				if !tt.want {
					limit = 100 * time.Millisecond
				}
				select {
				case <-c:
					if !tt.want {
						t.Error("woken")
					}
				case <-time.After(limit):
					if tt.want {
						t.Fatal("not woken")
					}
				}
			}
		})
	}
}

// TestRemovedOwnAnew: the end of a watch does not end the one that has begun before it.
func TestRemovedOwnAnew(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a")
	end := func() {}
	defer func() { end() }()
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		c, err := RemovedOwn(ctx, dir, "a")
		end()
		end = cancel
		if err != nil {
			t.Fatal(err)
		}
		write(t, file, "")
		remove(t, file)
		awaken(t, c)
	}
}

func TestRemovedOwnErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(dir, "none")} {
		if _, err := RemovedOwn(t.Context(), path, "a"); err == nil {
			t.Errorf("%s can be watched", path)
		}
	}
}
