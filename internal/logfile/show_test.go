package logfile

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

// shown is what Show writes, and its warnings.
func shown(t testing.TB, path string, v View) (text string, warnings []string) {
	t.Helper()
	var b bytes.Buffer
	v.Warn = func(s string) { warnings = append(warnings, s) }
	if err := Show(context.Background(), &b, path, v); err != nil {
		t.Fatal(err)
	}
	return b.String(), warnings
}

func all() View { return View{Lines: -1} }

// threeFiles makes a log of the lines 0 to 299, in a compressed, a rotated and a present file.
func threeFiles(t testing.TB) string {
	t.Helper()
	path := filepath.Join(tempDir(t), "daemon.log")
	putGz(t, gzName(path, 2), numbered(0, 100, 50))
	put(t, plainName(path, 1), numbered(100, 200, 50))
	put(t, path, numbered(200, 300, 50))
	return path
}

func TestShowJoinsTheFiles(t *testing.T) {
	path := threeFiles(t)
	got, warnings := shown(t, path, all())
	checkNumbered(t, got, 300)
	if len(warnings) > 0 {
		t.Errorf("warnings %q", warnings)
	}
}

func TestShowLastLines(t *testing.T) {
	path := threeFiles(t)
	for _, n := range []int{0, 1, 99, 100, 101, 199, 200, 201, 299, 300, 1000} {
		got, _ := shown(t, path, View{Lines: n})
		if want := numbered(max(300-n, 0), 300, 50); got != want {
			t.Errorf("-n %d: %d bytes, want %d", n, len(got), len(want))
		}
	}
}

func TestShowLastLinesOfALargeFile(t *testing.T) {
	path := filepath.Join(tempDir(t), "daemon.log")
	const lines = 20_000 // 2 MB: several windows
	put(t, path, numbered(0, lines, 100))
	for _, n := range []int{1, 655, 656, 6000, lines, lines + 1} {
		got, _ := shown(t, path, View{Lines: n})
		if want := numbered(max(lines-n, 0), lines, 100); got != want {
			t.Errorf("-n %d: %d bytes, want %d", n, len(got), len(want))
		}
	}
}

func TestShowUnfinishedAndLongLines(t *testing.T) {
	long := strings.Repeat("z", 300_000)
	for name, tc := range map[string]struct {
		text string
		n    int
		want string
	}{
		"unfinished end counts":  {"a\nb\nc", 2, "b\nc"},
		"long line":              {"a\n" + long + "\nb\n", 2, long + "\nb\n"},
		"only a long unfinished": {long, 1, long},
		"empty lines":            {"\n\n\n", 2, "\n\n"},
		"empty file":             {"", 5, ""},
		"NULs":                   {"\x00\x00\n\x00\n", 1, "\x00\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(tempDir(t), "daemon.log")
			put(t, path, tc.text)
			if got, _ := shown(t, path, View{Lines: tc.n}); got != tc.want {
				t.Errorf("got %d bytes, want %d", len(got), len(tc.want))
			}
		})
	}
}

func TestShowALineThatGoesOnInTheNextFile(t *testing.T) {
	path := filepath.Join(tempDir(t), "daemon.log")
	put(t, plainName(path, 1), "one\nERROR two be")
	put(t, path, "gins and ends\nINFO three\n")
	if got, _ := shown(t, path, View{Lines: -1, Level: "error"}); got != "ERROR two begins and ends\n" {
		t.Errorf("by level: %q", got)
	}
	if got, _ := shown(t, path, View{Lines: 3}); got != "one\nERROR two begins and ends\nINFO three\n" {
		t.Errorf("by number: %q", got)
	}
}

func TestShowByLevel(t *testing.T) {
	path := filepath.Join(tempDir(t), "daemon.log")
	put(t, plainName(path, 1), "before any level\nDEBUG d\nINFO i\nERROR e1\n\tat stack\n")
	put(t, path, "\tmore stack\nlevel=warning w\nINFO j\n[error] e2\n")
	for name, tc := range map[string]struct {
		v    View
		want string
	}{
		"all":           {View{Lines: -1, Level: "debug"}, "before any level\nDEBUG d\nINFO i\nERROR e1\n\tat stack\n\tmore stack\nlevel=warning w\nINFO j\n[error] e2\n"},
		"info":          {View{Lines: -1, Level: "info"}, "before any level\nINFO i\nERROR e1\n\tat stack\n\tmore stack\nlevel=warning w\nINFO j\n[error] e2\n"},
		"warn":          {View{Lines: -1, Level: "WARN"}, "ERROR e1\n\tat stack\n\tmore stack\nlevel=warning w\n[error] e2\n"},
		"the last one":  {View{Lines: 1, Level: "error"}, "[error] e2\n"},
		"the last two":  {View{Lines: 2, Level: "error"}, "\tmore stack\n[error] e2\n"},
		"the last four": {View{Lines: 4, Level: "error"}, "ERROR e1\n\tat stack\n\tmore stack\n[error] e2\n"},
		"more than any": {View{Lines: 40, Level: "error"}, "ERROR e1\n\tat stack\n\tmore stack\n[error] e2\n"},
		"none":          {View{Lines: -1, Level: "fatal"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, warnings := shown(t, path, tc.v)
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if len(warnings) > 0 {
				t.Errorf("warnings %q", warnings)
			}
		})
	}
}

func TestShowByLevelFromTheEndOfALargeFile(t *testing.T) {
	path := filepath.Join(tempDir(t), "daemon.log")
	var b strings.Builder
	for i := range 10_000 {
		level := "INFO "
		if i%100 == 7 {
			level = "ERROR"
		}
		b.WriteString(level + " " + numbered(i, i+1, 60) + "  continued\n")
	}
	put(t, path, b.String())
	every, _ := shown(t, path, View{Lines: -1, Level: "error"})
	lines := strings.SplitAfter(every, "\n")
	lines = lines[:len(lines)-1]
	if len(lines) != 200 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, n := range []int{1, 2, 3, 50, 199, 200, 201} {
		got, _ := shown(t, path, View{Lines: n, Level: "error"})
		if want := strings.Join(lines[max(0, 200-n):], ""); got != want {
			t.Errorf("-n %d: got %d bytes, want %d", n, len(got), len(want))
		}
	}
}

func TestShowWarnsWhenNoLineHasALevel(t *testing.T) {
	path := filepath.Join(tempDir(t), "daemon.log")
	put(t, path, "a\nb\n")
	got, warnings := shown(t, path, View{Lines: -1, Level: "warn"})
	if got != "" || len(warnings) != 1 || !strings.Contains(warnings[0], "level") {
		t.Errorf("%q, %q", got, warnings)
	}
	if err := Show(context.Background(), &bytes.Buffer{}, path, View{Level: "loud"}); err == nil {
		t.Error("an unknown level was accepted")
	}
}

func TestShowSinceByIndex(t *testing.T) {
	c := newClock()
	w, path := testWriterAt(t, service.LogPolicy{MaxSize: 1000, MaxFiles: 10, Compress: true}, c.now)
	start := c.now()
	for i := range 200 { // raw lines, one a minute, over several files
		write(t, w, numbered(i, i+1, 20))
		waitPacked(t, w)
		c.add(time.Minute)
	}
	if !strings.Contains(list(t, path), ".gz") {
		t.Fatal("nothing is compressed")
	}
	for _, first := range []int{0, 1, 40, 60, 120, 199} {
		got, warnings := shown(t, path, View{Lines: -1, Since: start.Add(time.Duration(first)*time.Minute - time.Second)})
		if got != numbered(first, 200, 20) {
			t.Errorf("since line %d: got %.12q… (%d bytes)", first, got, len(got))
		}
		if len(warnings) > 0 {
			t.Errorf("warnings %q", warnings)
		}
	}
	if got, _ := shown(t, path, View{Lines: -1, Since: c.now()}); got != "" {
		t.Errorf("since now: %q", got)
	}
	if got, _ := shown(t, path, View{Lines: 3, Since: start.Add(195*time.Minute - time.Second)}); got != numbered(197, 200, 20) {
		t.Errorf("with -n: %q", got)
	}
	if got, _ := shown(t, path, View{Lines: 30, Since: start.Add(195*time.Minute - time.Second)}); got != numbered(195, 200, 20) {
		t.Errorf("with a larger -n: %q", got)
	}
}

func TestShowSinceBeginsWithAWholeLine(t *testing.T) {
	c := newClock()
	w, path := testWriterAt(t, service.LogPolicy{}, c.now)
	write(t, w, "old\nbegun ")
	c.add(time.Hour)
	write(t, w, "and ended\nnew\n")
	if got, _ := shown(t, path, View{Lines: -1, Since: c.now().Add(-time.Minute)}); got != "begun and ended\nnew\n" {
		t.Errorf("got %q", got)
	}
}

func TestShowSinceByTheLinesOwnTimes(t *testing.T) {
	since := time.Date(2026, 1, 15, 10, 0, 0, 0, time.UTC)
	const old, fresh = "time=\"2026-01-15T09:59:59Z\" old\n", "time=\"2026-01-15T10:00:01Z\" new\n"
	for name, tc := range map[string]struct {
		text, want string
		warn       bool
	}{
		"in order":              {old + " more\n" + fresh + " more\n", fresh + " more\n", false},
		"lines before an old":   {"raw\n" + old + fresh, fresh, false},
		"lines before a new":    {"raw\n" + fresh, "raw\n" + fresh, true},
		"no time at all":        {"raw\nlines\n", "raw\nlines\n", true},
		"all old":               {old + old, "", false},
		"clock set back within": {fresh + old + fresh, fresh + fresh, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(tempDir(t), "daemon.log")
			put(t, path, tc.text)
			got, warnings := shown(t, path, View{Lines: -1, Since: since})
			if got != tc.want || len(warnings) > 0 != tc.warn {
				t.Errorf("got %q, warnings %q", got, warnings)
			}
			got, _ = shown(t, path, View{Lines: 1, Since: since})
			if i := strings.LastIndex(strings.TrimSuffix(tc.want, "\n"), "\n"); got != tc.want[i+1:] {
				t.Errorf("-n 1: %q", got)
			}
		})
	}
	t.Run("not written since", func(t *testing.T) {
		path := filepath.Join(tempDir(t), "daemon.log")
		put(t, plainName(path, 1), "raw\n")
		put(t, path, fresh)
		at := since.Add(-time.Hour)
		if err := os.Chtimes(plainName(path, 1), at, at); err != nil {
			t.Fatal(err)
		}
		if got, warnings := shown(t, path, View{Lines: -1, Since: since}); got != fresh || len(warnings) > 0 {
			t.Errorf("got %q, warnings %q", got, warnings)
		}
	})
}

func TestShowEscapes(t *testing.T) {
	path := filepath.Join(tempDir(t), "daemon.log")
	text := "a\x1b[31m\x00\xff\n" + strings.Repeat("é", 70_000) + "\xc3"
	put(t, path, text)
	got, _ := shown(t, path, View{Lines: -1, Escape: true})
	if got != Sanitize(text) {
		t.Errorf("got %d bytes: %.60q", len(got), got)
	}
	if raw, _ := shown(t, path, all()); raw != text {
		t.Error("changed without Escape")
	}
}

func TestShowWithoutALog(t *testing.T) {
	path := filepath.Join(tempDir(t), "daemon.log")
	if err := Show(context.Background(), &bytes.Buffer{}, path, all()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := Show(context.Background(), &bytes.Buffer{}, filepath.Join(path, "x", "y.log"), all()); err == nil {
		t.Error("no error for a missing directory")
	}
	put(t, plainName(path, 1), "only a rotated one\n")
	if got, _ := shown(t, path, all()); got != "only a rotated one\n" {
		t.Errorf("got %q", got)
	}
}

func TestShowDamagedFile(t *testing.T) {
	path := threeFiles(t)
	b := content(t, plainName(path, 1))
	put(t, gzName(path, 2), "this is not gzip")
	got, warnings := shown(t, path, all())
	if !strings.HasPrefix(got, b) || len(warnings) != 1 {
		t.Errorf("%d bytes, %q", len(got), warnings)
	}
}

func TestShowRefusesALink(t *testing.T) {
	dir := tempDir(t)
	put(t, filepath.Join(dir, "secret"), "root:x\n")
	path := filepath.Join(dir, "daemon.log")
	if err := os.Symlink(filepath.Join(dir, "secret"), path); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	if fi, err := os.Lstat(path); err != nil || fi.Mode()&fs.ModeSymlink == 0 {
		t.Skip("a symbolic link does not look like one here (Wine)")
	}
	var b bytes.Buffer
	if err := Show(context.Background(), &b, path, all()); !errors.Is(err, safefile.ErrUnsafe) || b.Len() > 0 {
		t.Errorf("%v, %q", err, &b)
	}
}

type brokenPipe struct{}

var errPipe = errors.New("broken pipe")

func (brokenPipe) Write([]byte) (int, error) { return 0, errPipe }

func TestShowGivesBackTheErrorOfItsOutput(t *testing.T) {
	path := threeFiles(t)
	putGz(t, gzName(path, 2), numbered(0, 5000, 50)) // more than is buffered, and not taken for a damaged file
	for _, v := range []View{all(), {Lines: 10}, {Lines: -1, Escape: true}, {Lines: -1, Level: "info"}} {
		if err := Show(context.Background(), brokenPipe{}, path, v); !errors.Is(err, errPipe) {
			t.Errorf("%+v: %v", v, err)
		}
	}
}

func TestTail(t *testing.T) {
	long := strings.Repeat("é", 2000)
	for name, tc := range map[string]struct {
		older, text string
		n           int
		want        []string
	}{
		"some":             {"", "a\nb\nc\n", 2, []string{"b", "c"}},
		"unfinished":       {"", "a\nb\nc", 2, []string{"b", "c"}},
		"also the older":   {"x\ny\n", "a\n", 2, []string{"y", "a"}},
		"fewer than asked": {"y\n", "a\n", 9, []string{"y", "a"}},
		"escaped":          {"", "\x1b[31mred\r\n", 1, []string{"^[[31mred"}},
		"empty":            {"", "", 3, nil},
		"long line":        {"", long + "\n", 1, []string{long[:1024] + "…"}},
		"odd cut":          {"", "x" + long + "\n", 1, []string{"x" + long[:1022] + "…"}},
		"huge last line":   {"", strings.Repeat("q", 2<<20), 1, []string{"…" + strings.Repeat("q", 1024) + "…"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(tempDir(t), "daemon.log")
			put(t, path, tc.text)
			if tc.older != "" {
				put(t, plainName(path, 1), tc.older)
			}
			got, err := Tail(path, tc.n)
			if err != nil || strings.Join(got, "|") != strings.Join(tc.want, "|") {
				t.Errorf("got %.300q, %v", got, err)
			}
		})
	}
	if _, err := Tail(filepath.Join(tempDir(t), "none"), 3); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
