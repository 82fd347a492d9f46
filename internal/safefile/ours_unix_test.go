//go:build unix

package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestOurs: one directory that somebody else can exchange, anywhere in the path or in what a link of it leads to, and it is not ours.
func TestOurs(t *testing.T) {
	mode := func(m fs.FileMode) func(string) error {
		return func(dir string) error { return os.Chmod(filepath.Join(dir, "a"), m) }
	}
	owner := func(name string) func(string) error {
		return func(dir string) error { return os.Lchown(filepath.Join(dir, name), stranger, -1) }
	}
	root := os.Geteuid() == 0
	for _, row := range []struct {
		name   string
		change func(dir string) error
		path   string
		want   bool
		asRoot bool // only root can try it
	}{
		{"a directory of one's own", mode(0o700), "a/b", true, false},
		{"that others can read", mode(0o755), "a/b", true, false},
		{"that others can write, above", mode(0o777), "a/b", false, false},
		{"that others can write, itself", mode(0o777), "a", false, false},
		{"with the sticky bit", mode(0o777 | fs.ModeSticky), "a/b", true, false},
		{"that is missing", mode(0o700), "a/none", false, false},
		{"by a link of one's own", mode(0o700), "link/b", true, false},
		{"by a link to what others can write", mode(0o777), "link/b", false, false},
		{"by links without an end", mode(0o700), "loop", false, false},
		{"another user's, above", owner("a"), "a/b", false, true},
		{"another user's, itself", owner("a/b"), "a/b", false, true},
		{"by another user's link", owner("link"), "link/b", false, true},
		{"of a group of root's own", mode(0o775), "a/b", true, true},
		{"of a group of others", func(dir string) error {
			return errors.Join(mode(0o775)(dir), os.Chown(filepath.Join(dir, "a"), -1, stranger))
		}, "a/b", false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.asRoot && !root {
				t.Skip("only root makes files for others")
			}
			dir := t.TempDir()
			err := errors.Join(os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700), os.Symlink("a", filepath.Join(dir, "link")), os.Symlink("loop", filepath.Join(dir, "loop")), row.change(dir))
			if err != nil {
				t.Fatal(err)
			}
			if got := Ours(filepath.Join(dir, row.path)); got != row.want {
				t.Errorf("%v, want %v", got, row.want)
			}
		})
	}
}

// TestRemoveSame: only what was seen is removed.
func TestRemoveSame(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := errors.Join(os.WriteFile(a, nil, 0o600), os.WriteFile(b, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	fi, err := os.Lstat(a)
	if err != nil {
		t.Fatal(err)
	}
	if err := RemoveSame(b, fi); err != nil || !exists(b) {
		t.Errorf("another file: %v, still there: %v", err, exists(b))
	}
	if err := RemoveSame(a, fi); err != nil || exists(a) {
		t.Errorf("the file: %v, still there: %v", err, exists(a))
	}
	for _, path := range []string{a, filepath.Join(dir, "none", "a")} {
		if err := RemoveSame(path, fi); err != nil {
			t.Errorf("what is gone: %v", err)
		}
	}
}

// TestLink: a name that is taken is left alone.
func TestLink(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := os.WriteFile(a, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Link(a, b); err != nil || !exists(b) {
		t.Error(err)
	}
	if err := Link(a, b); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a name that is taken: %v", err)
	}
}
