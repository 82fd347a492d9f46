package logfile

import (
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

func match(pattern, s string) bool { return regexp.MustCompile(pattern).MatchString(s) }

// relay starts a relay of w. It returns the end to write to, and a function that closes it and waits for the relay.
func relay(t testing.TB, w *Writer, tee *os.File) (*os.File, func()) {
	t.Helper()
	r, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		defer r.Close()
		if err := w.Relay(r, tee); err != nil {
			t.Errorf("Relay: %v", err)
		}
	})
	return in, func() { in.Close(); wg.Wait() }
}

func TestRelayCopiesEverythingInOrder(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{MaxSize: 200_000, MaxFiles: 100})
	in, wait := relay(t, w, nil)
	for i := 0; i < 20_000; i += 4 {
		io.WriteString(in, numbered(i, i+1, 20+i%80))
		io.WriteString(in, numbered(i+1, i+4, 100))
	}
	wait()
	checkNumbered(t, whole(t, path), 20_000)
	for _, name := range files(t, path) {
		if b := content(t, name); len(b) > 200_000 || b != "" && b[len(b)-1] != '\n' {
			t.Errorf("%s: %d bytes, or ends within a line", name, len(b))
		}
	}
}

func TestRelayTakesAnything(t *testing.T) {
	for name, text := range map[string]string{
		"no newline":    strings.Repeat("x", 300_000),
		"NULs":          strings.Repeat("\x00", 100_000) + "\n\x00",
		"invalid UTF-8": "\xff\xfe\x80\n\xc3",
		"escapes":       "\x1b[2J\x1b]0;x\a\r\n",
		"only newlines": strings.Repeat("\n", 50_000),
		"nothing":       "",
	} {
		t.Run(name, func(t *testing.T) {
			w, path := testWriter(t, service.LogPolicy{MaxSize: 50_000, MaxFiles: 50})
			in, wait := relay(t, w, nil)
			io.WriteString(in, text)
			wait()
			if whole(t, path) != text {
				t.Error("the log is not what was written")
			}
		})
	}
}

func TestTapSeesEachLine(t *testing.T) {
	w, _ := testWriter(t, service.LogPolicy{})
	var got []string
	w.SetTap(func(line []byte) { got = append(got, string(line)) })
	in, wait := relay(t, w, nil)
	long := strings.Repeat("y", 100_000)
	for _, s := range []string{"one\ntwo\nthr", "ee\n", "\n", long, long + "\n", "last"} {
		io.WriteString(in, s)
	}
	wait()
	want := []string{"one", "two", "three", "", long[:tapMax], "last"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %d lines: %.200q", len(got), got)
	}
}

func TestTapSwitchesItselfOff(t *testing.T) {
	w, _ := testWriter(t, service.LogPolicy{})
	n := 0
	w.SetTap(func(line []byte) {
		if n++; string(line) == "ready" {
			w.SetTap(nil)
		}
	})
	in, wait := relay(t, w, nil)
	io.WriteString(in, "starting\nready\nready\nmore\n")
	wait()
	if n != 2 {
		t.Errorf("%d lines seen, want 2", n)
	}
}

func TestSplitterForgetsWhenThereIsNoTap(t *testing.T) {
	var s splitter
	n := 0
	tap := func(line []byte) { n++ }
	on := func() *func([]byte) { return &tap }
	s.feed([]byte("half"), on)
	s.feed([]byte(" more\n"), func() *func([]byte) { return nil })
	if s.head != nil {
		t.Error("memory is kept without a tap")
	}
	s.feed([]byte("x\n"), on)
	if n != 1 {
		t.Errorf("%d lines", n)
	}
}

func TestTeeGetsACopyAndMayGoAway(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{})
	r, tee, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	in, wait := relay(t, w, tee)
	io.WriteString(in, "one\n")
	b := make([]byte, 10)
	if n, err := r.Read(b); string(b[:n]) != "one\n" {
		t.Errorf("tee: %q, %v", b[:n], err)
	}
	r.Close()
	io.WriteString(in, "two\n")
	eventually(t, "two", func() bool { return strings.Contains(content(t, path), "two") })
	io.WriteString(in, "three\n")
	wait()
	tee.Close()
	if got := content(t, path); got != "one\ntwo\nthree\n" {
		t.Errorf("got %q", got)
	}
}

func TestRelayGoesOnWhenTheLogCannotBeWritten(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{})
	mend := breakFile(t, w)
	in, wait := relay(t, w, nil)
	text := numbered(0, 10_000, 100) // more than the pipe holds: would block
	io.WriteString(in, text)
	eventually(t, "all counted", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.lost.bytes == int64(len(text))
	})
	mend()
	io.WriteString(in, "back\n")
	wait()
	if got := content(t, path); !match(`^time=.* msg="Lost 1000000 bytes of output here: .*"\nback\n$`, got) {
		t.Errorf("got %.300q", got)
	}
}

// A line of lifecycle falls between two lines of output even in a flood, in which the file ends within a line after nearly every piece.
func TestLinesInAFloodStayWhole(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{MaxSize: 1 << 20, MaxFiles: 50})
	w.grace = time.Minute // a busy machine may stand still for longer than the usual one
	in, wait := relay(t, w, nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 20 {
			w.WriteLine([]byte("lifecycle"))
		}
	})
	for i := 0; i < 30_000; i += 1000 {
		io.WriteString(in, numbered(i, i+1000, 97))
	}
	wg.Wait()
	wait()
	text := whole(t, path)
	if n := strings.Count(text, "lifecycle\n"); n != 20 {
		t.Errorf("%d lifecycle lines", n)
	}
	checkNumbered(t, strings.ReplaceAll(text, "lifecycle\n", ""), 30_000)
}

func TestRelayEndsAtADeadline(t *testing.T) {
	w, path := testWriter(t, service.LogPolicy{})
	r, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer in.Close()
	if err := r.SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
		t.Skip("pipes have no deadlines here:", err)
	}
	done := make(chan error)
	go func() { done <- w.Relay(r, nil) }()
	io.WriteString(in, "held open by a grandchild\n")
	eventually(t, "line", func() bool { return content(t, path) != "" })
	if err := r.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
