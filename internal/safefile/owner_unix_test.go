//go:build unix

package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

const stranger = 4711 // a user ID that need not exist

// strangersDir is a directory of another user, as root meets it.
func strangersDir(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root makes files for others")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, stranger, -1); err != nil {
		t.Skipf("root may not give files away here: %v", err)
	}
	return dir
}

func wantOwner(t *testing.T, path string, want int) {
	t.Helper()
	fi, err := os.Lstat(path)
	if err != nil {
		t.Error(err)
		return
	}
	if got := ownerOf(fi); got != want {
		t.Errorf("%s belongs to %d, want %d", filepath.Base(path), got, want)
	}
}

// TestOwner: what root makes is the directory's owner's, and what is there already keeps its owner.
func TestOwner(t *testing.T) {
	tests := []struct {
		name string
		make func(path string) error
		want int
	}{
		{"Open", func(p string) error { return Make(p, 0o640) }, stranger},
		{"Open of a file that is there", func(p string) error {
			return errors.Join(os.WriteFile(p, nil, 0o600), Make(p, 0o640))
		}, 0},
		{"Replace", func(p string) error { return Replace(p, []byte("x"), 0o640) }, stranger},
		{"Replace of a file that is there", func(p string) error {
			return errors.Join(os.WriteFile(p, nil, 0o600), Replace(p, []byte("x"), 0o640))
		}, stranger},
		{"ReplaceOwn", func(p string) error { return replaceOwn(p, []byte("x"), 0o640) }, 0},
		{"MkdirAll", func(p string) error { return MkdirAll(p, 0o755) }, stranger},
		{"MkdirAll of more than one", func(p string) error { return errors.Join(MkdirAll(p+"/a/b", 0o755), Make(p+"/a/b/f", 0o600)) }, stranger},
		{"MkdirAll of one that is there", func(p string) error {
			return errors.Join(os.Mkdir(p, 0o755), MkdirAll(p, 0o755))
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(strangersDir(t), "f")
			if err := tt.make(path); err != nil {
				t.Fatal(err)
			}
			wantOwner(t, path, tt.want)
			for _, below := range []string{"a", "a/b", "a/b/f"} {
				if p := filepath.Join(path, below); exists(p) {
					wantOwner(t, p, tt.want)
				}
			}
		})
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// TestOwnerHostile: root gives away nothing that it has not made.
func TestOwnerHostile(t *testing.T) {
	dir := strangersDir(t)
	roots := filepath.Join(t.TempDir(), "roots")
	if err := os.WriteFile(roots, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("link to root's file", func(t *testing.T) {
		path := filepath.Join(dir, "link")
		if err := os.Symlink(roots, path); err != nil {
			t.Fatal(err)
		}
		if err := Make(path, 0o640); !errors.Is(err, ErrUnsafe) {
			t.Errorf("%v, want it refused", err)
		}
		wantOwner(t, roots, 0)
	})
	t.Run("dangling link", func(t *testing.T) {
		path, target := filepath.Join(dir, "dangling"), filepath.Join(filepath.Dir(roots), "none")
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		if err := Make(path, 0o640); !errors.Is(err, ErrUnsafe) || exists(target) {
			t.Errorf("%v, want it refused; made: %v", err, exists(target))
		}
	})
	t.Run("directory is a link to root's", func(t *testing.T) {
		path := filepath.Join(dir, "elsewhere")
		if err := os.Symlink(filepath.Dir(roots), path); err != nil {
			t.Fatal(err)
		}
		if err := Make(filepath.Join(path, "new"), 0o640); err != nil {
			t.Fatal(err)
		}
		wantOwner(t, filepath.Join(filepath.Dir(roots), "new"), 0)
	})
	t.Run("exclusive", func(t *testing.T) {
		if _, err := Open(roots, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%v, want it to exist", err)
		}
	})
	t.Run("missing directory", func(t *testing.T) {
		if err := Make(filepath.Join(dir, "none", "f"), 0o640); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v, want it not to exist", err)
		}
	})
}

func TestKeepsOwner(t *testing.T) {
	dir := strangersDir(t)
	path := filepath.Join(dir, "f")
	for owner, want := range map[int]bool{stranger: true, 0: true, stranger + 1: false} {
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chown(path, owner, -1)); err != nil {
			t.Fatal(err)
		}
		fi, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := KeepsOwner(path, fi); got != want {
			t.Errorf("of %d: %v, want %v", owner, got, want)
		}
	}
}
