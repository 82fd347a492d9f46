package fswatch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/safefile"
)

// patience is how long an event may take, and quiet how long we listen for one that must not come.
const (
	patience = 30 * time.Second
	quiet    = 30 * time.Millisecond
)

// tempDir is t.TempDir without RemoveAll, which does not work under Wine.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fswatch")
	if err != nil {
		t.Fatal(err)
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { clear(t, dir) })
	return dir
}

// clear removes dir and the files in it.
func clear(t *testing.T, dir string) {
	t.Helper()
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			t.Error(err)
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func appendTo(t *testing.T, path string, times int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for range times {
		if _, err := f.WriteString("a line of the log\n"); err != nil {
			t.Fatal(err)
		}
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func awaken(t *testing.T, ch <-chan struct{}) {
	t.Helper()
	select {
	case _, ok := <-ch:
		if !ok {
			t.Fatal("the channel was closed")
		}
	case <-time.After(patience):
		t.Fatal("no event")
	}
}

func asleep(t *testing.T, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
		t.Fatal("an event that concerns nobody")
	case <-time.After(quiet):
	}
}

func TestChanged(t *testing.T) {
	rows := []struct {
		name string
		act  func(t *testing.T, dir, path string)
	}{
		{"written", func(t *testing.T, _, path string) { appendTo(t, path, 1) }},
		{"truncated", func(t *testing.T, _, path string) {
			if err := os.Truncate(path, 0); err != nil {
				t.Fatal(err)
			}
		}},
		{"replaced", func(t *testing.T, dir, path string) {
			write(t, filepath.Join(dir, "tmp"), "new")
			rename(t, filepath.Join(dir, "tmp"), path)
		}},
		{"removed", func(t *testing.T, _, path string) { remove(t, path) }},
		{"renamed away", func(t *testing.T, dir, path string) { rename(t, path, filepath.Join(dir, "log.1")) }},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			dir := tempDir(t)
			path := filepath.Join(dir, "log")
			write(t, path, "old\n")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ch, err := Changed(ctx, path)
			if err != nil {
				t.Fatal(err)
			}
			asleep(t, ch)
			r.act(t, dir, path)
			awaken(t, ch)
		})
	}
}

func TestChangedCreated(t *testing.T) {
	dir := tempDir(t)
	path := filepath.Join(dir, "record")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ch, err := Changed(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	asleep(t, ch)
	write(t, path, "{}")
	awaken(t, ch)
}

func TestChangedRelativePath(t *testing.T) {
	t.Chdir(tempDir(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ch, err := Changed(ctx, "record")
	if err != nil {
		t.Fatal(err)
	}
	write(t, "record", "{}")
	awaken(t, ch)
	cancel()
	t.Chdir(os.TempDir()) // else the directory cannot be removed on Windows
}

func TestChangedNoDirectory(t *testing.T) {
	path := filepath.Join(tempDir(t), "none", "log")
	if _, err := Changed(t.Context(), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestLinkedApex: what a link called .apex leads to is not watched.
func TestLinkedApex(t *testing.T) {
	link := filepath.Join(tempDir(t), safefile.DirName)
	if err := os.Symlink(tempDir(t), link); err != nil {
		t.Skip("no links here: " + err.Error())
	}
	_, err := Changed(t.Context(), filepath.Join(link, "daemon.pid"))
	errs := map[string]error{"Changed": err}
	if ch, err := Removed(t.Context(), link, "daemon.pid"); err != nil || ch != nil { // else there is no such thing here
		errs["Removed"] = err
		_, errs["RemovedOwn"] = RemovedOwn(t.Context(), link, "daemon.pid")
	}
	for name, err := range errs {
		if !errors.Is(err, safefile.ErrUnsafe) {
			t.Errorf("%s: %v, want ErrUnsafe", name, err)
		}
	}
}

func TestConcerns(t *testing.T) {
	dir := filepath.Join("a", "b")
	path := filepath.Join(dir, "log")
	rows := []struct {
		name, event string
		want        bool
	}{
		{"the file", path, true},
		{"the directory", dir, true},
		{"spelled otherwise", filepath.Join("a", "b") + string(filepath.Separator) + "." + string(filepath.Separator) + "log", true},
		{"a neighbour", path + ".1", false},
		{"in another directory", filepath.Join("a", "log"), false},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			if got := concerns(r.event, path); got != r.want {
				t.Errorf("concerns(%q) = %v", r.event, got)
			}
		})
	}
}

func TestSizeOf(t *testing.T) {
	path := filepath.Join(tempDir(t), "log")
	if n := sizeOf(path); n != -1 {
		t.Errorf("no file: %d", n)
	}
	write(t, path, "12345")
	if n := sizeOf(path); n != 5 {
		t.Errorf("size %d", n)
	}
}

func TestWakeCoalesces(t *testing.T) {
	ch := make(chan struct{}, 1)
	for range 3 {
		wake(ch)
	}
	<-ch
	select {
	case <-ch:
		t.Error("more than one value")
	default:
	}
}
