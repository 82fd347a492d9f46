//go:build unix

package safefile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestLinkedDirectory: nothing is done through a link called .apex, nor through one below it.
func TestLinkedDirectory(t *testing.T) {
	for _, row := range []struct {
		name string
		do   func(path string) error
	}{
		{"Open", func(p string) error { _, err := Open(p, os.O_RDWR, 0); return err }},
		{"Make", func(p string) error { return Make(p+".new", 0o600) }},
		{"Read", func(p string) error { _, _, err := Read(p, 100); return err }},
		{"Replace", func(p string) error { return Replace(p, []byte("mine"), 0o600) }},
		{"ReplaceOwn", func(p string) error { return replaceOwn(p, []byte("mine"), 0o600) }},
		{"Overwrite", func(p string) error { return Overwrite(p, []byte("mine")) }},
		{"Remove", Remove},
		{"RemoveSame", func(p string) error {
			fi, err := os.Lstat(p)
			return errors.Join(err, RemoveSame(p, fi))
		}},
		{"Link", func(p string) error { return Link(p, p+".new") }},
		{"Rename", func(p string) error { return Rename(p, p+".new") }},
		{"SetTime", func(p string) error { return SetTime(p, time.Unix(1, 0)) }},
		{"List", func(p string) error { _, err := List(p); return err }},
		{"Hold", func(p string) error { _, _, err := Hold(p); return err }},
		{"MkdirAll", func(p string) error { return MkdirAll(p+".new", 0o700) }},
		{"RemoveTemps", func(p string) error { RemoveTemps(p); return ErrUnsafe }},
	} {
		for _, below := range []string{".apex", ".apex/sub"} {
			t.Run(row.name+" "+below, func(t *testing.T) {
				dir, precious := t.TempDir(), t.TempDir()
				link := filepath.Join(dir, below)
				err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o700), os.Symlink(precious, link))
				for _, name := range []string{"f", ".f.1-1.tmp"} {
					err = errors.Join(err, os.WriteFile(filepath.Join(precious, name), []byte("precious"), 0o600))
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := row.do(filepath.Join(link, "f")); !errors.Is(err, ErrUnsafe) {
					t.Errorf("%v, want ErrUnsafe", err)
				}
				entries, err := os.ReadDir(precious)
				b, e := os.ReadFile(filepath.Join(precious, "f"))
				if err != nil || e != nil || len(entries) != 2 || string(b) != "precious" {
					t.Errorf("there is %v, %q: %v, %v", entries, b, err, e)
				}
			})
		}
	}
}

// TestHeldDirectory: what was begun in a directory ends there, although it was moved away and a link is in its place.
func TestHeldDirectory(t *testing.T) {
	dir, precious := t.TempDir(), t.TempDir()
	apex, moved := filepath.Join(dir, DirName), filepath.Join(dir, "moved")
	if err := os.Mkdir(apex, 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := openParent(filepath.Join(apex, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if err := errors.Join(os.Rename(apex, moved), os.Symlink(precious, apex)); err != nil {
		t.Fatal(err)
	}
	f, err := p.open("tmp", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		err = errors.Join(f.Close(), p.rename("tmp", "f"), p.mkdir("d", 0o700))
	}
	if err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(precious); err != nil || len(left) > 0 {
		t.Errorf("where the link leads: %v, %v", left, err)
	}
	if !exists(filepath.Join(moved, "f")) || !exists(filepath.Join(moved, "d")) {
		t.Error("it is not where it was begun")
	}
}
