package history

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"
)

// following is a Follow that a test can wait for.
type following struct {
	t     *testing.T
	told  chan Event
	ended chan error
	stop  context.CancelFunc
}

func follow(t *testing.T, path string, n int) *following {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	f := &following{t: t, told: make(chan Event, 5000), ended: make(chan error, 1), stop: stop} // more than any test has events
	go func() { f.ended <- Follow(ctx, path, n, func(e Event) error { f.told <- e; return nil }) }()
	t.Cleanup(func() {
		stop()
		if err := <-f.ended; err != nil {
			t.Error(err)
		}
	})
	return f
}

// want waits for events with these reasons, in this order.
func (f *following) want(reasons ...string) {
	f.t.Helper()
	for _, want := range reasons {
		select {
		case e := <-f.told:
			if e.Reason != want {
				f.t.Fatalf("told %q, want %q", e.Reason, want)
			}
		case err := <-f.ended:
			f.ended <- err
			f.t.Fatalf("ended (%v), want %q", err, want)
		case <-time.After(time.Minute):
			f.t.Fatalf("%q is not told", want)
		}
	}
}

// event has a reason of its own.
func event(reason string) Event { return Event{At: noon, Event: Started, Reason: reason} }

// dirOf makes a project with a history directory, which a test may remove.
func dirOf(t *testing.T) (dir, path string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), ".apex")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir, filepath.Join(dir, "daemon.history")
}

func TestFollow(t *testing.T) {
	_, path := dirOf(t)
	l := open(t, path)
	appendAll(t, l, event("a"), event("b"), event("c"))
	all, last := follow(t, path, -1), follow(t, path, 2)
	all.want("a", "b", "c")
	last.want("b", "c")
	appendAll(t, l, event("d"))
	all.want("d")
	last.want("d")
}

// TestFollowNew tells nothing of what was there before. When it has begun nobody can see: so there is always another event.
func TestFollowNew(t *testing.T) {
	_, path := dirOf(t)
	l := open(t, path)
	appendAll(t, l, event("old"))
	f := follow(t, path, 0)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 6000 {
		select {
		case e := <-f.told:
			if e.Reason != "new" {
				t.Fatalf("told %q", e.Reason)
			}
			return
		case <-tick.C:
			appendAll(t, l, event("new"))
		}
	}
	t.Fatal("nothing is told")
}

// TestFollowTrim: each event is told once, in order, while the file is trimmed again and again.
func TestFollowTrim(t *testing.T) {
	_, path := dirOf(t)
	l := open(t, path)
	l.limit = 2000
	appendAll(t, l, event("first"))
	f := follow(t, path, -1)
	f.want("first")
	trims := 0
	for i := range 120 {
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		appendAll(t, l, event(fmt.Sprint(i)))
		if after, err := os.Stat(path); err != nil || after.Size() < before.Size() {
			trims++
		}
		f.want(fmt.Sprint(i)) // so that no half of the file is gone before it was looked at
	}
	if trims < 3 {
		t.Errorf("%d trims", trims)
	}
}

// TestFollowSame: two events with the same bytes are two.
func TestFollowSame(t *testing.T) {
	_, path := dirOf(t)
	l := open(t, path)
	f := follow(t, path, -1)
	for range 20 {
		appendAll(t, l, event("same"))
		f.want("same")
	}
}

// TestFollowRemoved: the directory goes and comes, as with rm -rf .apex and a daemon that heals it.
func TestFollowRemoved(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a directory that is watched cannot be made anew at once here")
	}
	dir, path := dirOf(t)
	appendAll(t, open(t, path), event("a"))
	f := follow(t, path, -1)
	f.want("a")
	for i := range 5 {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		reason := fmt.Sprint(i)
		appendAll(t, open(t, path), event(reason))
		f.want(reason)
	}
}

func TestFollowMissing(t *testing.T) {
	dir, path := dirOf(t)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	f := follow(t, path, -1)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	appendAll(t, open(t, path), event("a"))
	f.want("a")
}

// TestFollowTorn: what has no end yet is told when it has one, and what is no event never.
func TestFollowTorn(t *testing.T) {
	_, path := dirOf(t)
	appendAll(t, open(t, path), event("a"))
	f := follow(t, path, -1)
	f.want("a")
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	line, err := encode(event("b"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range [][]byte{[]byte("not ours\n"), line[:10], line[10 : len(line)-1], line[len(line)-1:]} {
		if _, err := file.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	f.want("b")
}

func TestFollowEnds(t *testing.T) {
	_, path := dirOf(t)
	appendAll(t, open(t, path), event("a"))
	enough := errors.New("enough")
	if err := Follow(t.Context(), path, -1, func(Event) error { return enough }); !errors.Is(err, enough) {
		t.Error(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := Follow(ctx, path, 0, func(Event) error { return enough }); err != nil {
		t.Error(err)
	}
}

// TestFresh walks through what a file can turn into between two looks.
func TestFresh(t *testing.T) {
	lines := func(reasons ...string) []byte {
		var b []byte
		for _, r := range reasons {
			line, err := encode(event(r))
			if err != nil {
				t.Fatal(err)
			}
			b = append(b, line...)
		}
		return b
	}
	for _, row := range []struct {
		name          string
		before, after []byte
		replaced      bool
		want          []string
	}{
		{"grew", lines("a", "b"), lines("a", "b", "c"), false, []string{"c"}},
		{"trimmed", lines("a", "b", "c"), lines("b", "c", "d"), true, []string{"d"}},
		{"trimmed, and a late one carried over out of order", lines("a", "b", "x"), lines("b", "y", "x"), true, []string{"y"}},
		{"another with the number of the inode", lines("a", "b"), lines("c", "d", "e"), false, []string{"c", "d", "e"}},
		{"truncated", lines("a", "b"), lines("c"), false, []string{"c"}},
		{"emptied", lines("a"), nil, false, nil},
		{"made anew with the same event", lines("a"), lines("a", "a"), true, []string{"a"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "h")
			f := follower{path: path, seed: maphash.MakeSeed()}
			put(t, path, row.before)
			if err := f.begin(0); err == nil {
				if row.replaced {
					put(t, filepath.Join(dir, "new"), row.after)
					if err := os.Rename(filepath.Join(dir, "new"), path); err != nil {
						t.Fatal(err)
					}
				} else {
					put(t, path, row.after)
				}
			}
			lines, err := f.look()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, e := range decoded(lines) {
				got = append(got, e.Reason)
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("%q, want %q", got, row.want)
			}
		})
	}
}

func put(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
