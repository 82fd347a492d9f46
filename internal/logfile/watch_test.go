package logfile

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

func TestWatchConcerns(t *testing.T) {
	dir := filepath.Join("p", ".apex")
	for name, tc := range map[string]struct {
		name string
		op   fsnotify.Op
		want bool
	}{
		"written":              {"daemon.log", fsnotify.Write, true},
		"made":                 {"daemon.log", fsnotify.Create, true},
		"renamed, and written": {"daemon.log-20260101", fsnotify.Write, true},
		"rotated":              {"daemon.log.1", fsnotify.Create, true},
		"mode or times":        {"daemon.log", fsnotify.Chmod, false},
		"index":                {"daemon.log.idx", fsnotify.Write, false},
		"another file":         {"daemon.pid", fsnotify.Create, false},
		"another daemon's log": {"web.log", fsnotify.Write, false},
		"same name elsewhere":  {filepath.Join("..", "daemon.log"), fsnotify.Write, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := &watch{dir: dir, base: "daemon.log"}
			if got := w.concerns(fsnotify.Event{Name: filepath.Join(dir, tc.name), Op: tc.op}); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestWatchWaits(t *testing.T) {
	path := filepath.Join(tempDir(t), "daemon.log")
	w, err := newWatch(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if !w.always {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		put(t, path+".idx", "0 1\n")
		if w.wait(ctx) {
			t.Error("woken by the index")
		}
	}
	put(t, path, "x")
	if !w.wait(context.Background()) {
		t.Error("not woken")
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	w.rest()
	for woken := 0; w.wait(done); woken++ {
		if woken == 3 { // an event may still come first
			t.Fatal("goes on though its context is done")
		}
	}
}

func TestWatchPollsWhileTheDirectoryIsGone(t *testing.T) {
	dir := tempDir(t)
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	w, err := newWatch(filepath.Join(sub, "daemon.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	w.parent = false // as on systems where nobody else tells
	if err := os.Remove(sub); err != nil {
		t.Skip("a directory in use cannot be removed here:", err)
	}
	w.concerns(fsnotify.Event{Name: sub, Op: fsnotify.Remove})
	if !w.lost || w.tick == nil {
		t.Fatalf("lost %t, polling %t", w.lost, w.tick != nil)
	}
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	w.again()
	if w.lost || w.tick != nil && !w.always {
		t.Errorf("lost %t, polling %t", w.lost, w.tick != nil)
	}
}
