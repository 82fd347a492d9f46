package logfile

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// through passes text to a sink in pieces of size bytes and returns what comes out and how many wanted lines there were.
func through(t *testing.T, s *sink, text string, size int) string {
	t.Helper()
	var b bytes.Buffer
	s.dst = &b
	for len(text) > 0 {
		n := min(size, len(text))
		if k, err := s.Write([]byte(text[:n])); k != n || err != nil {
			t.Fatalf("Write: %d of %d, %v", k, n, err)
		}
		text = text[n:]
	}
	if err := s.finish(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestSink(t *testing.T) {
	since := time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC)
	long := strings.Repeat("l", 3*headMax)
	for name, tc := range map[string]struct {
		pick picker
		skip int
		in   string
		want string
	}{
		"everything":               {picker{}, 0, "a\nb", "a\nb"},
		"skip":                     {picker{}, 2, "a\nb\nc\nd", "c\nd"},
		"skip more than there are": {picker{}, 9, "a\nb\n", ""},
		"by level":                 {picker{min: levelError, level: levelInfo}, 0, "a\nERROR b\n c\nINFO d\n", "ERROR b\n c\n"},
		"skip by level":            {picker{min: levelError, level: levelInfo}, 1, "ERROR a\nINFO b\nERROR c\n", "ERROR c\n"},
		"long wanted line":         {picker{min: levelError, level: levelInfo}, 0, "ERROR " + long + "\nINFO " + long + "\n", "ERROR " + long + "\n"},
		"long line skipped":        {picker{min: levelError, level: levelInfo}, 1, "ERROR " + long + "\nERROR x", "ERROR x"},
		"unfinished, not wanted":   {picker{min: levelError, level: levelInfo}, 0, "ERROR a\nINFO b", "ERROR a\n"},
		"by time":                  {picker{stamps: true, since: since}, 0, "x\n2026-01-15T09:00:00Z a\n b\n2026-01-15T11:00:00Z c\n d\n", "2026-01-15T11:00:00Z c\n d\n"},
		"by time and level": {
			picker{stamps: true, since: since, min: levelWarn, level: levelInfo},
			0,
			"2026-01-15T09:00:00Z ERROR a\n2026-01-15T11:00:00Z INFO b\n2026-01-15T11:00:00Z ERROR c\n", "2026-01-15T11:00:00Z ERROR c\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range []int{1, 7, 1 << 20} {
				if got := through(t, &sink{pick: tc.pick, skip: tc.skip}, tc.in, size); got != tc.want {
					t.Errorf("in pieces of %d: got %.80q, want %.80q", size, got, tc.want)
				}
			}
		})
	}
}

// FuzzSink: how text is cut into pieces changes neither what comes out nor the count, and counting first and then skipping gives the last lines.
func FuzzSink(f *testing.F) {
	f.Add("ERROR a\n b\nINFO c\n\nlevel=error d", uint8(3), uint8(1))
	f.Add(strings.Repeat("x", 5000)+"\n[error] y\n", uint8(250), uint8(0))
	f.Fuzz(func(t *testing.T, text string, size, keep uint8) {
		for _, pick := range []picker{{}, {min: levelError, level: levelInfo}} {
			whole := through(t, &sink{pick: pick}, text, len(text)+1)
			if got := through(t, &sink{pick: pick}, text, int(size)+1); got != whole {
				t.Fatalf("in pieces of %d: %q, at once: %q", int(size)+1, got, whole)
			}
			counter := sink{pick: pick}
			if _, err := counter.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if err := counter.finish(); err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(whole, "\n")
			if lines[len(lines)-1] == "" {
				lines = lines[:len(lines)-1]
			}
			if counter.found != len(lines) {
				t.Fatalf("counted %d lines, there are %d in %q", counter.found, len(lines), whole)
			}
			skip := max(counter.found-int(keep), 0)
			if got := through(t, &sink{pick: pick, skip: skip}, text, int(size)+1); got != strings.Join(lines[skip:], "") {
				t.Fatalf("the last %d: %q", keep, got)
			}
		}
	})
}

func TestBreakLine(t *testing.T) {
	for name, tc := range map[string]struct {
		pick     picker
		in, want string
	}{
		"nothing":         {picker{}, "", "next\n"},
		"after a line":    {picker{}, "a\n", "a\nnext\n"},
		"within a line":   {picker{}, "a", "a\nnext\n"},
		"within, by head": {picker{min: levelInfo, level: levelInfo}, "a", "a\nnext\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			s := sink{dst: &b, pick: tc.pick}
			for _, step := range []func() error{
				func() error { _, err := s.Write([]byte(tc.in)); return err },
				s.breakLine,
				func() error { _, err := s.Write([]byte("next\n")); return err },
				s.finish,
			} {
				if err := step(); err != nil {
					t.Fatal(err)
				}
			}
			if b.String() != tc.want {
				t.Errorf("got %q, want %q", b.String(), tc.want)
			}
		})
	}
}
