package logfile

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// tempDir is t.TempDir, except that it removes file by file: os.RemoveAll fails under Wine.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "logfile")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeTree(t, dir) })
	return dir
}

func removeTree(t testing.TB, dir string) {
	all, _ := os.ReadDir(dir)
	for _, e := range all {
		name := filepath.Join(dir, e.Name())
		if e.IsDir() {
			removeTree(t, name)
		} else if err := os.Remove(name); err != nil {
			t.Errorf("left behind: %v", err)
		}
	}
	if err := os.Remove(dir); err != nil {
		t.Errorf("left behind: %v", err)
	}
}

// clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// testWriter opens a log in a new directory.
func testWriter(t testing.TB, p service.LogPolicy) (*Writer, string) {
	t.Helper()
	return testWriterAt(t, p, time.Now)
}

func testWriterAt(t testing.TB, p service.LogPolicy, now func() time.Time) (*Writer, string) {
	t.Helper()
	if p.Path == "" {
		p.Path = filepath.Join(tempDir(t), "daemon.log")
	}
	w, err := open(p, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w, p.Path
}

func write(t testing.TB, w *Writer, s string) {
	t.Helper()
	if n, err := w.Write([]byte(s)); err != nil || n != len(s) {
		t.Fatalf("Write: %d of %d bytes, %v", n, len(s), err)
	}
}

func writeLine(t testing.TB, w *Writer, s string) {
	t.Helper()
	if err := w.WriteLine([]byte(s)); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func putGz(t testing.TB, name, text string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	put(t, name, b.String())
}

// content is a file's text, decompressed where its name says so.
func content(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(name, ".gz") {
		return string(b)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err == nil {
		b, err = io.ReadAll(z)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(b)
}

// files lists the log's files, oldest first.
func files(t testing.TB, path string) []string {
	t.Helper()
	all, err := slots(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range all {
		switch {
		case s.plain:
			names = append([]string{plainName(path, s.n)}, names...)
		case s.gz:
			names = append([]string{gzName(path, s.n)}, names...)
		}
	}
	return append(names, path)
}

// whole is the log's text over all files.
func whole(t testing.TB, path string) string {
	t.Helper()
	var b strings.Builder
	for _, name := range files(t, path) {
		b.WriteString(content(t, name))
	}
	return b.String()
}

// list is the directory as text: "daemon.log daemon.log.1".
func list(t testing.TB, path string) string {
	t.Helper()
	all, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range all {
		if !strings.HasSuffix(e.Name(), ".idx") {
			names = append(names, e.Name())
		}
	}
	return strings.Join(names, " ")
}

// numbered returns the lines "from" to "to" less one, each of width bytes with its newline.
func numbered(from, to, width int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		line := fmt.Sprintf("%08d ", i)
		b.WriteString(line)
		b.WriteString(strings.Repeat("x", max(width-len(line)-1, 0)))
		b.WriteByte('\n')
	}
	return b.String()
}

// checkNumbered checks that text is exactly the lines 0 to n-1, of any width.
func checkNumbered(t testing.TB, text string, n int) {
	t.Helper()
	lines := strings.SplitAfter(text, "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	}
	for i, line := range lines {
		var k int
		if _, err := fmt.Sscanf(line, "%08d", &k); err != nil || k != i || !strings.HasSuffix(line, "\n") {
			t.Errorf("line %d is %q", i, line[:min(len(line), 80)])
			return
		}
	}
	if len(lines) != n {
		t.Errorf("%d lines, want %d", len(lines), n)
	}
}

// eventually waits until ok says so. Other processes' and goroutines' work has no event here.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// waitPacked waits until nothing is being compressed.
func waitPacked(t testing.TB, w *Writer) {
	t.Helper()
	eventually(t, "compression done", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.packer == nil
	})
}
