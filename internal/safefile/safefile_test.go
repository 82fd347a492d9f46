package safefile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// hostile makes other things than a plain file at a path.
var hostile = []struct {
	name string
	make func(path string) error
}{
	{"link to a file", func(p string) error {
		return errors.Join(os.WriteFile(p+".target", []byte("precious"), 0o644), os.Symlink(p+".target", p))
	}},
	{"dangling link", func(p string) error { return os.Symlink(p+".target", p) }},
	{"directory", func(p string) error { return os.Mkdir(p, 0o755) }},
	{"FIFO", mkfifo},
	{"hard link", func(p string) error {
		return errors.Join(os.WriteFile(p+".target", []byte("precious"), 0o644), os.Link(p+".target", p))
	}},
}

func TestHostile(t *testing.T) {
	for _, tt := range hostile {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			if err := tt.make(path); err != nil {
				t.Skipf("this system cannot make one: %v", err)
			}
			refused := func(what string, err error) {
				t.Helper()
				if !errors.Is(err, ErrUnsafe) {
					t.Errorf("%s: %v, want it refused", what, err)
				}
			}
			_, _, err := Read(path, 100)
			refused("Read", err)
			_, err = Open(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
			refused("Open to write", err)
			refused("Replace", Replace(path, []byte("new"), 0o644))
			if b, err := os.ReadFile(path + ".target"); err == nil && string(b) != "precious" {
				t.Errorf("the target holds %q", b)
			} else if tt.name == "dangling link" && err == nil {
				t.Error("the target was made")
			}
		})
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if _, _, err := Read(path, 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, fi, err := Read(path, 10)
	if err != nil || string(b) != "0123456789" || fi.Size() != 10 {
		t.Errorf("%q, %v", b, err)
	}
	if _, _, err := Read(path, 9); !errors.Is(err, ErrTooLarge) {
		t.Errorf("over the limit: %v, want %v", err, ErrTooLarge)
	}
}

// ways are the forms of Replace.
func ways() map[string]func(string, []byte, fs.FileMode) error {
	return map[string]func(string, []byte, fs.FileMode) error{"Replace": Replace, "ReplaceOwn": replaceOwn, "ReplaceState": ReplaceState}
}

func replaceOwn(path string, data []byte, perm fs.FileMode) error {
	_, err := ReplaceOwn(path, data, perm)
	return err
}

// TestReplaceOwnFinds: whoever replaces is told whether there was anything.
func TestReplaceOwnFinds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "record")
	for i, want := range []bool{false, true, true} {
		if found, err := ReplaceOwn(path, []byte("x"), 0o644); err != nil || found != want {
			t.Errorf("%d: %v, %v, want %v", i, found, err, want)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if found, err := ReplaceOwn(path, []byte("x"), 0o644); err != nil || found {
		t.Errorf("after it was deleted: %v, %v", found, err)
	}
}

func TestReplace(t *testing.T) {
	for name, replace := range ways() {
		t.Run(name, func(t *testing.T) { testReplace(t, replace) })
	}
}

func testReplace(t *testing.T, replace func(string, []byte, fs.FileMode) error) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, content := range []string{"one", "a longer second", ""} {
		if err := replace(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != content {
			t.Errorf("%q, %v, want %q", b, err, content)
		}
	}
	if err := replace(filepath.Join(dir, "none", "f"), nil, 0o640); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestReplaceIsWhole: readers see one content or the other, never a part or nothing.
func TestReplaceIsWhole(t *testing.T) {
	for name, replace := range ways() {
		t.Run(name, func(t *testing.T) { testReplaceIsWhole(t, replace) })
	}
}

func testReplaceIsWhole(t *testing.T, replace func(string, []byte, fs.FileMode) error) {
	path := filepath.Join(t.TempDir(), "f")
	a, b := bytes.Repeat([]byte("a"), 3000), bytes.Repeat([]byte("b"), 5000)
	if err := replace(path, a, 0o644); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if got, _, err := Read(path, 10000); err != nil || !bytes.Equal(got, a) && !bytes.Equal(got, b) {
					t.Errorf("read %d bytes, %v", len(got), err)
					return
				}
			}
		})
	}
	for i := range 100 {
		content := a
		if i%2 == 0 {
			content = b
		}
		if err := replace(path, content, 0o644); err != nil {
			t.Error(err)
			break
		}
	}
	close(done)
	readers.Wait()
}

// TestInUse: a file that a reader has open for a moment is replaced and removed all the same.
func TestInUse(t *testing.T) {
	tests := []struct {
		name string
		do   func(path string) error
	}{
		{"replace", func(p string) error { return Replace(p, []byte("new"), 0o644) }},
		{"remove", Remove},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
				t.Fatal(err)
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(patience/10, func() { f.Close() })
			if err := tt.do(path); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOverwrite: the new content is all there is but for spaces, whichever is longer.
func TestOverwrite(t *testing.T) {
	for _, tt := range []struct{ old, data, want string }{
		{"old", "newer", "newer"},
		{"older", "new", "new  "},
		{"same", "test", "test"},
		{"", "x", "x"},
	} {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(tt.old), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := Overwrite(path, []byte(tt.data)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); string(got) != tt.want || err != nil {
			t.Errorf("%q over %q: %q, %v", tt.data, tt.old, got, err)
		}
	}
	if err := Overwrite(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// TestPatiently: it is tried again only for what may pass, and not for ever.
func TestPatiently(t *testing.T) {
	other := errors.New("another reason")
	tries := 0
	if err := patiently(func() error { tries++; return other }); !errors.Is(err, other) || tries != 1 {
		t.Errorf("%v after %d tries, want %v after one", err, tries, other)
	}
	if !inUse(fs.ErrPermission) {
		return // no reason may pass here
	}
	tries = 0
	if err := patiently(func() error { tries++; return fs.ErrPermission }); !errors.Is(err, fs.ErrPermission) || tries < 2 {
		t.Errorf("%v after %d tries, want %v after several", err, tries, fs.ErrPermission)
	}
}

// TestRemoveTemps: what a process that was killed in Replace has left, and nothing else.
func TestRemoveTemps(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "web.pid")
	stays := []string{"web.pid", ".web.pid.lock", ".web2.pid.1-1.tmp", "web.pid.1-1.tmp"}
	for _, name := range append(stays, ".web.pid.12-1.tmp", ".web.pid.4194304-17.tmp") {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	RemoveTemps(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	slices.Sort(stays)
	if !slices.Equal(left, stays) {
		t.Errorf("left: %q, want %q", left, stays)
	}
	RemoveTemps(filepath.Join(dir, "none", "web.pid")) // no such directory: nothing to do
}

// A file that is appended to is read all the same: a reader that gave up there would lose all of it.
func TestReadWhatGrows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const line = "0123456789abcde\n"
	written := make(chan error, 1) // one: nobody may be there to take it
	go func() {
		for range 5000 {
			if _, err := f.WriteString(line); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	for done := false; !done; {
		select {
		case err := <-written:
			if err != nil {
				t.Fatal(err)
			}
			done = true
		default:
		}
		b, _, err := Read(path, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if whole := bytes.Repeat([]byte(line), len(b)/len(line)); !bytes.HasPrefix(b, whole) {
			t.Fatalf("%q", b)
		}
	}
}
