//go:build unix

package logfile

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

// A hostile .apex: what stands in the place of one of our files is neither waited for nor written to nor shown.
func TestHostileFilesAreRefused(t *testing.T) {
	secret := filepath.Join(tempDir(t), "secret")
	put(t, secret, "secret\n")
	for name, plant := range map[string]func(path string) error{
		"FIFO":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"link":      func(path string) error { return os.Symlink(secret, path) },
		"hard link": func(path string) error { return os.Link(secret, path) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(tempDir(t), "daemon.log")
			if err := plant(path); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(service.LogPolicy{Path: path}); !errors.Is(err, safefile.ErrUnsafe) {
				t.Errorf("Open: %v", err)
			}
			if err := Show(t.Context(), &follow{}, path, all()); !errors.Is(err, safefile.ErrUnsafe) {
				t.Errorf("Show: %v", err)
			}
			if lines, err := Tail(path, 3); !errors.Is(err, safefile.ErrUnsafe) {
				t.Errorf("Tail: %q, %v", lines, err)
			}
		})
		t.Run(name+" as index and as rotated file", func(t *testing.T) {
			w, path := testWriter(t, service.LogPolicy{MaxSize: 100, MaxFiles: 3, Compress: true})
			for _, other := range []string{indexName(path, 0), plainName(path, 2), tempName(path)} {
				if err := plant(other); err != nil {
					t.Fatal(err)
				}
			}
			write(t, w, numbered(0, 30, 20))
			waitPacked(t, w)
			if got := content(t, secret); got != "secret\n" {
				t.Fatalf("the target was changed: %q", got)
			}
		})
	}
}
