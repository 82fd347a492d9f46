package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

var noon = time.Date(2025, 1, 15, 12, 0, 0, 120_000_000, time.UTC)

// historyPath is t.TempDir with a clean-up that works under Wine, which has no os.RemoveAll.
func historyPath(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "history")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			os.Remove(filepath.Join(dir, e.Name()))
		}
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "daemon.history")
}

func open(t testing.TB, path string) *Log {
	t.Helper()
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func appendAll(t testing.TB, l *Log, events ...Event) {
	t.Helper()
	for _, e := range events {
		if err := l.Append(e); err != nil {
			t.Fatal(err)
		}
	}
}

func content(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func numbered(n int) Event { return Event{At: noon, Event: Ready, Restarts: n} }

func read(t testing.TB, path string, n int) (restarts []int, skipped int) {
	t.Helper()
	events, skipped, err := Read(path, n)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		restarts = append(restarts, e.Restarts)
	}
	return restarts, skipped
}

func TestRoundTrip(t *testing.T) {
	uptime := int64(0)
	events := []Event{
		{At: noon, Event: Starting},
		{
			At: noon, Event: Exited, PID: 1, WorkloadPID: 2, By: "user uid=1000 (alice) pid=123", Reason: "a && b <c>\n\x1b[31m", Exit: &service.Exit{Code: -1, Signal: "SIGKILL", At: noon},
			Restarts: 3, Version: "0.4.0", ConfigHash: "1a2b", Backend: "systemd", UptimeMs: &uptime,
		},
	}
	path := historyPath(t)
	l := open(t, path)
	appendAll(t, l, events...)
	got, skipped, err := Read(path, -1)
	if err != nil || skipped != 0 || !reflect.DeepEqual(got, events) {
		t.Errorf("Read = %+v, %d, %v, want %+v", got, skipped, err, events)
	}
}

func TestLineFormat(t *testing.T) {
	zero := int64(0)
	tests := []struct {
		name  string
		event Event
		want  string
	}{
		{"least", Event{At: noon, Event: Ready}, `{"at":"2025-01-15T12:00:00.12Z","event":"ready"}`},
		{"an uptime of zero is a fact", Event{At: noon, Event: Failed, UptimeMs: &zero}, `{"at":"2025-01-15T12:00:00.12Z","event":"failed","uptimeMs":0}`},
		{"shell and newline", Event{At: noon, Event: Exited, Reason: "a && b\nc"}, `{"at":"2025-01-15T12:00:00.12Z","event":"exited","reason":"a && b\nc"}`},
		{
			"exit",
			Event{At: noon, Event: Exited, WorkloadPID: 7, Exit: &service.Exit{Code: 1, At: noon}},
			`{"at":"2025-01-15T12:00:00.12Z","event":"exited","workloadPid":7,"exit":{"code":1,"signal":"","at":"2025-01-15T12:00:00.12Z"}}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			line, err := encode(tt.event)
			if err != nil || string(line) != tt.want+"\n" {
				t.Errorf("encode = %s, %v, want %s", line, err, tt.want)
			}
		})
	}
}

func TestLongTextsAreCut(t *testing.T) {
	long := strings.Repeat("wörld ", 1000)
	tests := []struct {
		name  string
		event Event
	}{
		{"reason", Event{Reason: long}},
		{"by", Event{By: long, Reason: "short"}},
		{"every text", Event{Event: long, Reason: long, By: long, Version: long, ConfigHash: long, Backend: long, Exit: &service.Exit{Signal: long}}},
		{"control characters take six bytes", Event{Reason: strings.Repeat("\x01", 2000)}},
		{"not UTF-8", Event{Reason: strings.Repeat("\xff", 2000)}},
		{"one byte too long", Event{Reason: strings.Repeat("x", maxLine)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.event.At = noon
			line, err := encode(tt.event)
			if err != nil || len(line) > maxLine {
				t.Fatalf("encode = %d bytes, %v, want at most %d", len(line), err, maxLine)
			}
			var got Event
			if err := json.Unmarshal(line, &got); err != nil {
				t.Fatal(err)
			}
			if got.Reason == tt.event.Reason && got.By == tt.event.By {
				t.Error("nothing was cut")
			}
			if !strings.Contains(string(line), "…") || strings.Contains(string(line), "\ufffd…") && tt.name != "not UTF-8" {
				t.Errorf("not cut at a rune boundary, or not marked: %q", line[len(line)-80:])
			}
		})
	}
}

func TestCutLeavesTheCallersExit(t *testing.T) {
	exit := &service.Exit{Signal: strings.Repeat("S", 2*maxLine)}
	if _, err := encode(Event{At: noon, Event: Exited, Exit: exit}); err != nil || len(exit.Signal) != 2*maxLine {
		t.Errorf("the caller's signal has %d bytes afterwards (%v)", len(exit.Signal), err)
	}
}

func TestExactFitIsNotCut(t *testing.T) {
	least, _ := encode(Event{At: noon, Event: Ready, Reason: "x"})
	line, err := encode(Event{At: noon, Event: Ready, Reason: strings.Repeat("x", maxLine-len(least)+1)})
	if err != nil || len(line) != maxLine || bytes.Contains(line, []byte("…")) {
		t.Errorf("encode = %d bytes, %v, want %d and nothing cut", len(line), err, maxLine)
	}
	if _, ok := decode(bytes.TrimSuffix(line, []byte("\n"))); !ok {
		t.Error("the longest line we write is not read")
	}
}

func TestUnencodable(t *testing.T) {
	path := historyPath(t)
	l := open(t, path)
	if err := l.Append(Event{At: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), Event: Ready}); err == nil {
		t.Error("Append wrote a time that JSON cannot hold")
	}
	if got := content(t, path); got != "" {
		t.Errorf("file has %q, want nothing", got)
	}
}

func TestTornLineIsEnded(t *testing.T) {
	path := historyPath(t)
	if err := os.WriteFile(path, []byte(`{"at":"2025-01-15T12:00:00Z","ev`), 0o640); err != nil {
		t.Fatal(err)
	}
	l := open(t, path)
	if got, skipped := read(t, path, -1); len(got) != 0 || skipped != 1 {
		t.Errorf("before: Read = %v, %d skipped, want none and 1", got, skipped)
	}
	appendAll(t, l, numbered(1), numbered(2))
	if got, skipped := read(t, path, -1); !reflect.DeepEqual(got, []int{1, 2}) || skipped != 1 {
		t.Errorf("after: Read = %v, %d skipped, want [1 2] and 1", got, skipped)
	}
	if n := strings.Count(content(t, path), "\n"); n != 3 {
		t.Errorf("%d lines, want 3: %q", n, content(t, path))
	}
}

func TestBound(t *testing.T) {
	path := historyPath(t)
	l := open(t, path)
	l.limit = 4_000
	const count = 300
	for i := range count {
		appendAll(t, l, numbered(i))
		fi, err := os.Stat(path)
		if err != nil || fi.Size() > l.limit+100 {
			t.Fatalf("after %d events: %v, %v", i, fi, err)
		}
	}
	got, skipped := read(t, path, -1)
	if skipped != 0 || len(got) < 2000/60 {
		t.Fatalf("%d events and %d skipped, want at least the newest half and none", len(got), skipped)
	}
	for i, n := range got {
		if n != count-len(got)+i {
			t.Fatalf("event %d is %d: not a tail without gaps: %v", i, n, got)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestDefaultBound(t *testing.T) {
	path := historyPath(t)
	l := open(t, path)
	e := Event{At: noon, Event: Exited, Reason: strings.Repeat("r", 3900)}
	sizes := map[bool]int{}
	for range 100 {
		appendAll(t, l, e)
		fi, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		sizes[fi.Size() > 256<<10+maxLine]++
	}
	if fi, _ := os.Stat(path); sizes[true] > 0 || fi.Size() > 256<<10 || fi.Size() < 128<<10 {
		t.Errorf("%d times past the bound, %d bytes in the end", sizes[true], fi.Size())
	}
}

func TestTrimKeepsTheMode(t *testing.T) {
	path := historyPath(t)
	l := open(t, path)
	l.limit = 200
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	before, _ := os.Stat(path)
	for i := range 20 {
		appendAll(t, l, numbered(i))
	}
	if after, err := os.Stat(path); err != nil || after.Mode() != before.Mode() || after.Size() > 300 {
		t.Errorf("%v then %v (%v), or it was not trimmed", before, after, err)
	}
}

func TestTrimOfGarbage(t *testing.T) {
	tests := []struct {
		name, old string
		want      []int
	}{
		{"one endless line", strings.Repeat("x", 500), []int{1}},
		{"only newlines", strings.Repeat("\n", 500), []int{1}},
		{"zeros", strings.Repeat("\x00", 500) + "\n", []int{1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := historyPath(t)
			if err := os.WriteFile(path, []byte(tt.old), 0o640); err != nil {
				t.Fatal(err)
			}
			l := open(t, path)
			l.limit = 200
			appendAll(t, l, numbered(1))
			if got, _ := read(t, path, -1); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Read = %v, want %v", got, tt.want)
			}
			if n := len(content(t, path)); n > 300 {
				t.Errorf("%d bytes are left", n)
			}
		})
	}
}

// TestMeanwhile lets another process act between the reading of the old file and its replacement.
func TestMeanwhile(t *testing.T) {
	if !replaceWhileOpen {
		t.Skip("an open file cannot be replaced on this system")
	}
	whole, torn := `{"at":"2025-01-15T12:00:00Z","event":"ready","restarts":`, `{"at":"2025-01-15T`
	tests := []struct {
		name, old string
		do        func(l *Log) error
		want      []int
		skipped   int
	}{
		{"nothing", whole + "1}\n", func(*Log) error { return nil }, []int{1}, 0},
		{"two appends", whole + "1}\n", func(l *Log) error { return errors.Join(l.Append(numbered(2)), l.Append(numbered(3))) }, []int{1, 2, 3}, 0},
		{"more than the limit", whole + "1}\n", func(l *Log) error {
			var lines strings.Builder
			for i := 2; i <= 20; i++ {
				fmt.Fprintf(&lines, "%s%d}\n", whole, i)
			}
			l.limit = 200
			return addText(l.path, lines.String())
		}, []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, 0},
		{"an append to a torn line", whole + "1}\n" + torn, func(l *Log) error { return l.Append(numbered(2)) }, []int{1, 2}, 1},
		{"a line half written when it was read", whole + "1}\n" + whole, func(l *Log) error { return addText(l.path, "2}\n") }, []int{1, 2}, 0},
		{"a line half written all the time", whole + "1}\n", func(l *Log) error { return addText(l.path, torn) }, []int{1}, 0},
		{"a trim", whole + "1}\n", func(l *Log) error { return safefile.Replace(l.path, []byte(whole+"9}\n"), mode) }, []int{9}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := historyPath(t)
			if err := os.WriteFile(path, []byte(tt.old), 0o640); err != nil {
				t.Fatal(err)
			}
			l := open(t, path)
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			fi, _ := f.Stat()
			lines, end, err := tail(f, fi.Size(), 1000)
			if err := errors.Join(err, tt.do(l), l.replace(f, fi, lines, end)); err != nil {
				t.Fatal(err)
			}
			if got, skipped := read(t, path, -1); !reflect.DeepEqual(got, tt.want) || skipped != tt.skipped {
				t.Errorf("Read = %v, %d skipped, want %v, %d: %q", got, skipped, tt.want, tt.skipped, content(t, path))
			}
		})
	}
}

func addText(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func TestFull(t *testing.T) {
	path := historyPath(t)
	l := open(t, path)
	l.limit, l.full = 100, 400
	if err := os.WriteFile(path, bytes.Repeat([]byte("x\n"), 300), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := l.write([]byte("{}\n")); !errors.Is(err, ErrFull) {
		t.Errorf("write = %v, want ErrFull", err)
	}
	appendAll(t, l, numbered(1)) // trims first
}

// TestReplacedWhileWriting opens the file, has another process trim it, and only then writes.
func TestReplacedWhileWriting(t *testing.T) {
	tests := []struct {
		name string
		do   func(path string) error
		want bool
	}{
		{"undisturbed", func(string) error { return nil }, false},
		{"replaced", func(path string) error { return safefile.Replace(path, nil, mode) }, true},
		{"removed", os.Remove, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !replaceWhileOpen && tt.want {
				t.Skip("an open file can neither be replaced nor removed on this system")
			}
			path := historyPath(t)
			l := open(t, path)
			f, err := openAppend(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := tt.do(path); err != nil {
				t.Fatal(err)
			}
			if replaced, err := l.writeTo(f, []byte("{}\n")); replaced != tt.want || err != nil {
				t.Errorf("writeTo = %t, %v, want %t", replaced, err, tt.want)
			}
		})
	}
}

func TestDeletedFileIsMadeAgain(t *testing.T) {
	path := historyPath(t)
	l := open(t, path)
	appendAll(t, l, numbered(1))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	appendAll(t, l, numbered(2))
	if got, _ := read(t, path, -1); !reflect.DeepEqual(got, []int{2}) {
		t.Errorf("Read = %v, want [2]", got)
	}
}

func TestLifetime(t *testing.T) {
	path := historyPath(t)
	l := open(t, path)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Append(numbered(1)); !errors.Is(err, os.ErrClosed) || !strings.Contains(err.Error(), "daemon.history") {
		t.Errorf("Append after Close = %v, want os.ErrClosed with the path", err)
	}
	var none *Log
	if err := errors.Join(none.Append(numbered(1)), none.Close()); err != nil {
		t.Errorf("nil Log: %v", err)
	}
	if _, err := Open(filepath.Join(filepath.Dir(path), "missing", "daemon.history")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open without a directory = %v, want fs.ErrNotExist", err)
	}
}

func TestGoroutines(t *testing.T) {
	path := historyPath(t)
	l := open(t, path)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				if err := l.Append(numbered(1000*w + i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got, skipped := read(t, path, -1)
	seen := map[int]bool{}
	for _, n := range got {
		seen[n] = true
	}
	if len(seen) != 400 || len(got) != 400 || skipped != 0 {
		t.Errorf("%d events, %d different, %d skipped, want 400, 400, 0", len(got), len(seen), skipped)
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("plain", "user uid=0", "SIGTERM")
	f.Add(strings.Repeat("é", 2100), strings.Repeat("\x00", 200), strings.Repeat("\"", 100))
	f.Add(strings.Repeat("\xff\xfe", 400), "\u2028\n", "")
	f.Fuzz(func(t *testing.T, reason, by, signal string) {
		line, err := encode(Event{At: noon, Event: Exited, Reason: reason, By: by, Exit: &service.Exit{Signal: signal}})
		if err != nil || len(line) > maxLine || bytes.IndexByte(line, '\n') != len(line)-1 || !utf8.Valid(line) {
			t.Fatalf("encode = %d bytes %q, %v", len(line), line, err)
		}
		e, ok := decode(line[:len(line)-1])
		if !ok {
			t.Fatalf("cannot read back %q", line)
		}
		if want := strings.ToValidUTF8(strings.TrimSuffix(e.Reason, "…"), "\ufffd"); !strings.HasPrefix(replaceInvalid(reason), want) && e.Reason != "…" {
			t.Errorf("reason %q became %q", reason, e.Reason)
		}
	})
}

// replaceInvalid does what encoding/json does: one U+FFFD for each byte that is not UTF-8.
func replaceInvalid(s string) string {
	var b strings.Builder
	for _, r := range s {
		b.WriteRune(r)
	}
	return b.String()
}

func BenchmarkAppend(b *testing.B) {
	l := open(b, historyPath(b))
	for i := 0; b.Loop(); i++ {
		if err := l.Append(numbered(i)); err != nil {
			b.Fatal(err)
		}
	}
}
