package logfile

import (
	"errors"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

func TestSlotsOf(t *testing.T) {
	names := []string{
		"daemon.log", "daemon.log.2.gz", "daemon.log.1", "daemon.log.2.idx", "daemon.log.10", "daemon.log.idx", "daemon.log.gz.tmp", "daemon.log.02",
		"daemon.log.0", "daemon.log.-1", "daemon.log.3.bz2", "daemon.log.1.gz.tmp", "daemon.logx.1", "web.log.1", "daemon.log-20260101", "daemon.log.4.",
	}
	want := []slot{{n: 1, plain: true}, {n: 2, gz: true, idx: true}, {n: 10, plain: true}}
	if got := slotsOf("daemon.log", names); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestIndexesFollowTheirFiles(t *testing.T) {
	c := newClock()
	w, path := testWriterAt(t, service.LogPolicy{MaxSize: 100, MaxFiles: 2}, c.now)
	base := c.now().UnixMilli()
	for range 4 {
		write(t, w, numbered(0, 5, 20)) // fills one file
		c.add(time.Minute)
	}
	for n, want := range []int64{3, 2, 1} {
		all := readIndex(path, n)
		if len(all) != 1 || all[0].ms != base+want*60_000 || all[0].off != 0 {
			t.Errorf("index of %d: %v", n, all)
		}
	}
	if _, err := os.Stat(indexName(path, 3)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an index without its log is left: %v", err)
	}
}

func TestGapsAreNotShifted(t *testing.T) {
	path := tempDir(t) + "/daemon.log"
	put(t, plainName(path, 1), "one")
	put(t, plainName(path, 3), "three")
	w, _ := testWriter(t, service.LogPolicy{Path: path, MaxSize: 100, MaxFiles: 5})
	write(t, w, numbered(0, 6, 20))
	if got := list(t, path); got != "daemon.log daemon.log.1 daemon.log.2 daemon.log.3" {
		t.Errorf("files: %s", got)
	}
	if a, b := content(t, plainName(path, 2)), content(t, plainName(path, 3)); a != "one" || b != "three" {
		t.Errorf("moved wrongly: %q, %q", a, b)
	}
}

func TestRefusedRotationLosesNothingAndIsTriedAgain(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{MaxSize: 1000, MaxFiles: 1})
	blocker := plainName(path, 1)
	if err := os.MkdirAll(blocker+"/x", 0o700); err != nil { // cannot be removed, and is in the way
		t.Fatal(err)
	}
	for i := range 500 {
		write(t, w, numbered(i, i+1, 20))
	}
	text := content(t, path)
	if n := strings.Count(text, "Cannot rotate the log"); n != 1 {
		t.Errorf("said %d times", n)
	}
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "Cannot rotate") {
			lines = append(lines, line)
		}
	}
	checkNumbered(t, strings.Join(lines, ""), 500)
	os.Remove(blocker + "/x")
	os.Remove(blocker)
	for i := 500; i < 800; i++ {
		write(t, w, numbered(i, i+1, 20))
	}
	write(t, w, "last\n")
	if got := content(t, path); len(got) > 1000 || !strings.HasSuffix(got, "last\n") {
		t.Errorf("not rotated when it was possible: %d bytes", len(got))
	}
}

func TestOldFilesAreRemoved(t *testing.T) {
	path := tempDir(t) + "/daemon.log"
	c := newClock()
	for n, age := range map[int]time.Duration{1: time.Hour, 2: 30 * time.Hour, 3: 50 * time.Hour} {
		put(t, plainName(path, n), "x\n")
		put(t, indexName(path, n), "0 1\n")
		at := c.now().Add(-age)
		if err := os.Chtimes(plainName(path, n), at, at); err != nil {
			t.Fatal(err)
		}
	}
	w, _ := testWriterAt(t, service.LogPolicy{Path: path, MaxSize: 100, MaxFiles: 9, MaxAge: 40 * time.Hour}, c.now)
	if got := list(t, path); got != "daemon.log daemon.log.1 daemon.log.2" {
		t.Errorf("after Open: %s", got)
	}
	c.add(20 * time.Hour)
	write(t, w, numbered(0, 6, 20))
	if got := list(t, path); got != "daemon.log daemon.log.1 daemon.log.2" { // the one now .3 was too old
		t.Errorf("after a rotation: %s", got)
	}
	if _, err := os.Stat(indexName(path, 3)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the index of a removed file is left")
	}
}

func TestAFileThatIsNeverFullIsRotatedByAge(t *testing.T) {
	c := newClock()
	w, path := testWriterAt(t, service.LogPolicy{MaxSize: 1 << 20, MaxFiles: 3, MaxAge: 24 * time.Hour}, c.now)
	write(t, w, "first\n")
	c.add(23 * time.Hour)
	write(t, w, "second\n")
	c.add(2 * time.Hour)
	write(t, w, "third\n")
	if got := content(t, path); got != "third\n" {
		t.Errorf("got %q", got)
	}
	if got := content(t, plainName(path, 1)); got != "first\nsecond\n" {
		t.Errorf("rotated: %q", got)
	}
	w.Close()
	c.add(25 * time.Hour)
	w, _ = testWriterAt(t, service.LogPolicy{Path: path, MaxSize: 1 << 20, MaxFiles: 3, MaxAge: 24 * time.Hour}, c.now)
	write(t, w, "fourth\n") // the age is known from the index
	if got := content(t, path); got != "fourth\n" {
		t.Errorf("after reopening: %q", got)
	}
}

func TestOnReopenIsCalledAtEachRotation(t *testing.T) {
	w, _ := testWriter(t, service.LogPolicy{MaxSize: 100, MaxFiles: 2})
	var got *os.File
	n := 0
	w.OnReopen(func(f *os.File) { got = f; n++ })
	write(t, w, numbered(0, 25, 20))
	if n != 4 || got != w.File() {
		t.Errorf("%d calls, present file %t", n, got == w.File())
	}
}
