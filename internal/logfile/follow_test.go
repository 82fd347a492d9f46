package logfile

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// follow runs Show in the background. text is what it has shown; stop ends it and waits.
type follow struct {
	mu       sync.Mutex
	b        bytes.Buffer
	warnings []string
	cancel   context.CancelFunc
	done     chan error
}

func (f *follow) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.b.Write(b)
}

func (f *follow) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.b.String()
}

func (f *follow) warned() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.warnings, "; ")
}

func (f *follow) stop(t testing.TB) {
	t.Helper()
	f.cancel()
	if err := <-f.done; err != nil {
		t.Errorf("Show: %v", err)
	}
}

// wait waits until the text ends with end.
func (f *follow) wait(t testing.TB, end string) {
	t.Helper()
	eventually(t, "the text ends with "+end, func() bool { return strings.HasSuffix(f.text(), end) })
}

func startFollow(t testing.TB, path string, v View) *follow {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &follow{cancel: cancel, done: make(chan error, 1)} // one: the result, also when nobody stops it
	v.Follow = true
	v.Warn = func(s string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.warnings = append(f.warnings, s)
	}
	go func() { f.done <- Show(ctx, f, path, v) }()
	return f
}

func TestFollowRotation(t *testing.T) {
	for name, compress := range map[string]bool{"plain": false, "compressed": true} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			w, path := testWriterAt(t, service.LogPolicy{MaxSize: 1000, MaxFiles: 300, Compress: compress}, c.now)
			write(t, w, "00000000 first\n")
			f := startFollow(t, path, all())
			for i := 1; i < 1500; i++ {
				write(t, w, numbered(i, i+1, 20+i%30))
				if i%100 == 0 {
					c.add(time.Minute) // calm: now and then something is compressed
				}
			}
			f.wait(t, numbered(1499, 1500, 20+1499%30))
			f.stop(t)
			checkNumbered(t, f.text(), 1500)
			if f.warned() != "" {
				t.Errorf("warnings: %s", f.warned())
			}
		})
	}
}

// A follower that was stopped in the middle takes up where it was, though its file has been rotated, compressed and rotated again.
func TestFollowerFindsItsPlaceAgain(t *testing.T) {
	c := newClock()
	w, path := testWriterAt(t, service.LogPolicy{MaxSize: 1000, MaxFiles: 9, Compress: true}, c.now)
	write(t, w, numbered(0, 10, 20))
	s := newShow(context.Background(), &follow{}, path, all(), 0)
	ps, err := snapshot(path, false, everything)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	s.sink.dst = &b
	f := newFollower(s, ps)
	defer f.close()
	if err := s.past(ps); err != nil {
		t.Fatal(err)
	}
	for i := 10; i < 300; i += 10 {
		write(t, w, numbered(i, i+10, 20))
		waitPacked(t, w)
		c.add(time.Minute)
	}
	if !strings.Contains(list(t, path), "daemon.log.5.gz") {
		t.Fatalf("files: %s", list(t, path))
	}
	for more := true; more; {
		if more, err = f.step(); err != nil {
			t.Fatal(err)
		}
	}
	checkNumbered(t, b.String(), 300)
}

func TestFollowSaysWhatItHasMissed(t *testing.T) {
	path := filepath.Join(tempDir(t), "daemon.log")
	put(t, plainName(path, 1), "older\n")
	put(t, path, "present\n")
	f := &follow{}
	s := newShow(context.Background(), f, path, View{Lines: -1, Warn: func(m string) { f.warnings = append(f.warnings, m) }}, 0)
	ps, err := snapshot(path, false, everything)
	if err != nil {
		t.Fatal(err)
	}
	fo := newFollower(s, ps)
	defer fo.close()
	s.past(ps)
	os.Remove(plainName(path, 1))
	os.Rename(path, path+".gone")
	put(t, plainName(path, 1), "later\n")
	put(t, path, "latest\n")
	for more := true; more; {
		if more, err = fo.step(); err != nil {
			t.Fatal(err)
		}
	}
	s.flush(true)
	if got := f.text(); got != "older\npresent\nlater\nlatest\n" || !strings.Contains(f.warned(), "rotated away") {
		t.Errorf("got %q, warned %q", got, f.warned())
	}
}

func TestFollowBeginsWithTheLastLines(t *testing.T) {
	path := threeFiles(t)
	f := startFollow(t, path, View{Lines: 150})
	f.wait(t, numbered(299, 300, 50))
	w, _ := testWriter(t, service.LogPolicy{Path: path})
	write(t, w, "new\n")
	f.wait(t, "new\n")
	f.stop(t)
	if got := f.text(); got != numbered(150, 300, 50)+"new\n" {
		t.Errorf("%d bytes", len(got))
	}
}

func TestFollowShowsUnfinishedLinesAtOnce(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{})
	f := startFollow(t, path, View{Lines: -1, Escape: true})
	write(t, w, "prompt> ")
	f.wait(t, "prompt> ")
	write(t, w, "answer\n\xe2\x82")
	f.wait(t, "prompt> answer\n")
	write(t, w, "\xac\n") // the rest of a character
	f.wait(t, "€\n")
	f.stop(t)
}

func TestFollowByLevel(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{})
	f := startFollow(t, path, View{Lines: -1, Level: "error"})
	write(t, w, "ERR")
	write(t, w, "OR one\n  trace\nINFO two\nERROR three")
	f.wait(t, "  trace\n")
	write(t, w, " ends\n")
	f.wait(t, "three ends\n")
	f.stop(t)
	if got := f.text(); got != "ERROR one\n  trace\nERROR three ends\n" {
		t.Errorf("got %q", got)
	}
}

func TestFollowTruncation(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{})
	write(t, w, "one\ntwo unfin")
	f := startFollow(t, path, all())
	f.wait(t, "unfin")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	eventually(t, "truncation noticed", func() bool { return strings.Contains(f.warned(), "truncated") })
	write(t, w, "three\n")
	f.wait(t, "three\n")
	f.stop(t)
	if got := f.text(); got != "one\ntwo unfin\nthree\n" {
		t.Errorf("got %q", got)
	}
}

func TestFollowExternalRename(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{})
	write(t, w, "one\n")
	f := startFollow(t, path, all())
	f.wait(t, "one\n")
	if err := os.Rename(path, path+"-old"); err != nil {
		f.stop(t)
		t.Skip("an open file cannot be renamed here:", err)
	}
	put(t, path, "") // logrotate's "create"
	write(t, w, "two\n")
	f.wait(t, "two\n") // still in the renamed file
	w.Reopen()
	write(t, w, "three\n")
	f.wait(t, "three\n")
	f.stop(t)
	if got := f.text(); got != "one\ntwo\nthree\n" {
		t.Errorf("got %q", got)
	}
}

func TestFollowDeletionAndCreation(t *testing.T) {
	path := filepath.Join(tempDir(t), "daemon.log")
	f := startFollow(t, path, all()) // there is none yet
	put(t, path, "one\n")
	f.wait(t, "one\n")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err == nil {
		f.stop(t)
		t.Skip("the name of an open file stays when it is removed here")
	}
	put(t, path, "two\n")
	f.wait(t, "two\n")
	f.stop(t)
	if got := f.text(); got != "one\ntwo\n" {
		t.Errorf("got %q", got)
	}
}

func TestFollowTheDirectoryGoesAndComesBack(t *testing.T) {
	dir := filepath.Join(tempDir(t), ".apex")
	os.Mkdir(dir, 0o700)
	path := filepath.Join(dir, "daemon.log")
	put(t, path, "one\n")
	f := startFollow(t, path, all())
	f.wait(t, "one\n")
	if err := errors.Join(os.Remove(path), os.Remove(dir)); err != nil {
		f.stop(t)
		t.Skip("a directory in use cannot be removed here:", err)
	}
	os.Mkdir(dir, 0o700)
	put(t, path, "two\n")
	f.wait(t, "two\n")
	f.stop(t)
}

func TestFollowWithoutADirectory(t *testing.T) {
	path := filepath.Join(tempDir(t), "none", "daemon.log")
	err := Show(context.Background(), &follow{}, path, View{Follow: true})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestFollowEndsWithItsContext(t *testing.T) {
	path := filepath.Join(tempDir(t), "daemon.log")
	put(t, path, numbered(0, 100, 50))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Show(ctx, &follow{}, path, View{Lines: -1, Follow: true}); err != nil {
		t.Error(err)
	}
	f := startFollow(t, path, all())
	f.wait(t, numbered(99, 100, 50))
	f.stop(t)
}

// The whole chain: a workload that writes as fast as it can, rotation in tiny files, compression, lifecycle lines, and a follower.
func TestFloodIsFollowedWithoutLoss(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{MaxSize: 64 << 10, MaxFiles: 500, Compress: true})
	f := startFollow(t, path, all())
	in, wait := relay(t, w, nil)
	const lines = 20_000
	for i := 0; i < lines; i += 50 {
		in.WriteString(numbered(i, i+50, 60))
	}
	wait()
	f.wait(t, numbered(lines-1, lines, 60))
	f.stop(t)
	checkNumbered(t, f.text(), lines)
	if f.warned() != "" {
		t.Errorf("warnings: %s", f.warned())
	}
	checkNumbered(t, whole(t, path), lines)
}

func TestFollowSince(t *testing.T) {
	c := newClock()
	w, path := testWriterAt(t, service.LogPolicy{}, c.now)
	write(t, w, "old\n")
	c.add(time.Hour)
	f := startFollow(t, path, View{Lines: -1, Since: c.now().Add(-time.Minute)}) // nothing is recent enough, and the file stays open all the same
	write(t, w, "new\n")
	f.wait(t, "new\n")
	write(t, w, "newer\n")
	f.wait(t, "newer\n")
	f.stop(t)
	if got := f.text(); got != "new\nnewer\n" {
		t.Errorf("got %q", got)
	}
}

func TestFollowALogWithoutIndexFromNowOn(t *testing.T) {
	path := filepath.Join(tempDir(t), "daemon.log")
	put(t, path, "time=\"2026-01-15T09:00:00Z\" old\n")
	f := startFollow(t, path, View{Lines: -1, Since: time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC)})
	g, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	g.WriteString("time=\"2026-01-15T11:00:00Z\" new\n")
	f.wait(t, "new\n")
	g.WriteString("raw\n")
	f.wait(t, "raw\n")
	f.stop(t)
	if got := f.text(); strings.Contains(got, "old") {
		t.Errorf("got %q", got)
	}
}
