//go:build unix

package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/pidfile"
)

// listener runs `apexd events` and reads what it prints.
type listener struct {
	t     *testing.T
	out   *os.File
	lines *bufio.Scanner
	ended chan int
}

func listen(t *testing.T, args ...string) *listener {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{t, r, bufio.NewScanner(r), make(chan int, 1)}
	go func() {
		defer w.Close()
		l.ended <- Main(append([]string{"events"}, args...), os.Stdin, w, os.Stderr)
	}()
	return l
}

// want reads a line with this reason of the daemon called name.
func (l *listener) want(name, reason string) {
	l.t.Helper()
	if err := l.out.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		l.t.Fatal(err)
	}
	if !l.lines.Scan() {
		l.t.Fatalf("no %s: %v", reason, l.lines.Err())
	}
	var e daemonEvent
	if err := json.Unmarshal(l.lines.Bytes(), &e); err != nil || e.Schema != 1 || e.Name != name || e.Reason != reason || e.At.IsZero() {
		l.t.Fatalf("%v: %s, want %s of %s", err, l.lines.Bytes(), reason, name)
	}
}

// hangUp ends it as `| head` does: with what is appended next.
func (l *listener) hangUp(path string) {
	l.t.Helper()
	l.out.Close()
	note(l.t, path, "unheard")
	if code := <-l.ended; code != exitDone {
		l.t.Errorf("exit status %d", code)
	}
}

func note(t *testing.T, path string, reasons ...string) {
	t.Helper()
	h, err := history.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, reason := range reasons {
		if err := h.Append(history.Event{At: time.Now(), Event: history.Started, Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
}

// projectDir makes a project, and says where the events of its daemon called name are.
func projectDir(t *testing.T, name string) (dir, path string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, ".apex"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, ".apex", name+".history")
}

func TestEventsFollow(t *testing.T) {
	dir, path := projectDir(t, "daemon")
	note(t, path, "a", "b")
	l := listen(t, "-f", "-n", "1", "--project", dir)
	l.want("daemon", "b")
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	note(t, path, "c")
	l.want("daemon", "c")
	l.hangUp(path)
}

// ownIndex makes an empty index of daemons for this test, and returns what enters one and says where its events are.
func ownIndex(t *testing.T) (enter func(name string) (path string)) {
	t.Helper()
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	t.Setenv("LocalAppData", state)
	t.Setenv("HOME", state)
	index := filepath.Join(ownStateDir(), "daemons")
	if err := os.MkdirAll(index, 0o700); err != nil {
		t.Fatal(err)
	}
	return func(name string) (path string) {
		dir, path := projectDir(t, name)
		b, err := json.Marshal(pidfile.Entry{PIDFile: filepath.Join(dir, ".apex", name+".pid"), Project: dir, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		temp := filepath.Join(index, name) // in one step, as a daemon does: half an entry is none, and nobody looks at it again
		if err := errors.Join(os.WriteFile(temp, b, 0o600), os.Rename(temp, temp+".json")); err != nil {
			t.Fatal(err)
		}
		return path
	}
}

// TestEventsAll: also of a daemon that is started later.
func TestEventsAll(t *testing.T) {
	enter := ownIndex(t)
	web := enter("web")
	note(t, web, "a")
	l := listen(t, "-f", "--all", "-n", "-1")
	l.want("web", "a")
	note(t, enter("worker"), "b")
	l.want("worker", "b")
	note(t, web, "c")
	l.want("web", "c")
	l.hangUp(web)
}

// TestEventsMeanwhile: what a daemon does that came after the index was read, and before anybody watched it, is heard too.
func TestEventsMeanwhile(t *testing.T) {
	enter := ownIndex(t)
	began := time.Now()
	note(t, enter("worker"), "b")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{t, r, bufio.NewScanner(r), make(chan int, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer w.Close()
		if err := (&app{out: w, err: os.Stderr}).followAll(ctx, nil, -1, began); err != nil {
			t.Error(err)
		}
		l.ended <- exitDone
	}()
	l.want("worker", "b")
	cancel()
	<-l.ended
	r.Close()
}
