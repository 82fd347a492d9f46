package logfile

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

func TestRotatedFilesAreCompressed(t *testing.T) {
	c := newClock()
	w, path := testWriterAt(t, service.LogPolicy{MaxSize: 1000, MaxFiles: 4, Compress: true}, c.now)
	var times []time.Time
	for i := range 5 {
		write(t, w, numbered(i*50, i*50+50, 20)) // each fills one file
		fi, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, fi.ModTime())
		c.add(time.Minute)
		waitPacked(t, w)
	}
	if got := list(t, path); got != "daemon.log daemon.log.1 daemon.log.2.gz daemon.log.3.gz daemon.log.4.gz" {
		t.Errorf("files: %s", got)
	}
	checkNumbered(t, whole(t, path), 250)
	if fi, err := os.Stat(gzName(path, 4)); err != nil || !fi.ModTime().Equal(times[0]) {
		t.Errorf("the time of last write is not kept: %v", err)
	}
}

func TestCrashLeftoversAreCleared(t *testing.T) {
	path := tempDir(t) + "/daemon.log"
	put(t, tempName(path), "half")
	put(t, goneName(path)+"x", "removed")
	put(t, filepath.Join(filepath.Dir(path), ".daemon.log.idx.1-2.tmp"), "half an index")
	put(t, plainName(path, 1), "1\n")
	put(t, plainName(path, 2), "2\n")
	putGz(t, gzName(path, 2), "2\n") // compressed, but the plain one not removed yet
	put(t, plainName(path, 3), "3\n")
	putGz(t, gzName(path, 4), "4\n")
	put(t, indexName(path, 7), "0 1\n")
	w, _ := testWriter(t, service.LogPolicy{Path: path, MaxFiles: 5, Compress: true})
	waitPacked(t, w)
	if got := list(t, path); got != "daemon.log daemon.log.1 daemon.log.2.gz daemon.log.3.gz daemon.log.4.gz" {
		t.Errorf("files: %s", got)
	}
	if got := whole(t, path); got != "4\n3\n2\n1\n" {
		t.Errorf("content %q", got)
	}
	if _, err := os.Stat(indexName(path, 7)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("an index without its log is left")
	}
}

func TestNothingIsCompressedInAFlood(t *testing.T) {
	c := newClock()
	w, path := testWriterAt(t, service.LogPolicy{MaxSize: 1000, MaxFiles: 20, Compress: true}, c.now)
	for i := range 10 {
		write(t, w, numbered(i*50, i*50+50, 20))
		c.add(10 * time.Millisecond)
	}
	waitPacked(t, w)
	if got := list(t, path); strings.Contains(got, ".gz") {
		t.Errorf("files: %s", got)
	}
	c.add(floodGap)
	write(t, w, numbered(500, 550, 20))
	waitPacked(t, w)
	if got := list(t, path); strings.Count(got, ".gz") != 9 {
		t.Errorf("after the flood: %s", got)
	}
	checkNumbered(t, whole(t, path), 550)
}

func TestCloseGivesCompressionUp(t *testing.T) {
	path := tempDir(t) + "/daemon.log"
	put(t, plainName(path, 2), noise(64<<20)) // a second's work; holes are not compressed
	w, _ := testWriter(t, service.LogPolicy{Path: path, MaxFiles: 5, Compress: true})
	eventually(t, "compression begun", func() bool { return strings.Contains(list(t, path), ".tmp") })
	k := w.packer
	start := time.Now()
	w.Close()
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("Close took %v", took)
	}
	<-k.done
	if got := list(t, path); got != "daemon.log daemon.log.2" {
		t.Errorf("files: %s", got)
	}
}

// noise cannot be compressed, which takes longest.
func noise(n int) string {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	r.Read(b)
	return string(b)
}

func TestRotationDuringCompressionIsFollowed(t *testing.T) {
	path := tempDir(t) + "/daemon.log"
	big := noise(2 << 20)
	put(t, plainName(path, 1), "one\n")
	put(t, plainName(path, 2), big)
	w, _ := testWriter(t, service.LogPolicy{Path: path, MaxSize: 100, MaxFiles: 9, Compress: true})
	write(t, w, numbered(0, 6, 20)) // the first rotation is a calm one: .2 becomes .3 while it is compressed
	waitPacked(t, w)
	if got := list(t, path); got != "daemon.log daemon.log.1 daemon.log.2.gz daemon.log.3.gz" {
		t.Fatalf("files: %s", got)
	}
	if content(t, gzName(path, 3)) != big {
		t.Error("the compressed file has another content")
	}
}

func TestFileRemovedDuringCompressionStaysRemoved(t *testing.T) {
	path := tempDir(t) + "/daemon.log"
	put(t, plainName(path, 2), noise(2<<20))
	w, _ := testWriter(t, service.LogPolicy{Path: path, MaxSize: 100, MaxFiles: 2, Compress: true})
	w.SetPolicy(service.LogPolicy{MaxSize: 100, MaxFiles: 1, Compress: true})
	waitPacked(t, w)
	if got := list(t, path); got != "daemon.log" {
		t.Errorf("files: %s", got)
	}
}

func BenchmarkCompress(b *testing.B) {
	text := []byte(numbered(0, 100_000, 100))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
		io.Copy(z, bytes.NewReader(text))
		z.Close()
	}
}
