package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/logfile"
)

// fake is journald's side. What is sent to it is, with an empty line after each entry, what journalctl exports.
type fake struct {
	mu       sync.Mutex
	entries  [][]byte
	err      error // what the next ones get
	patience []time.Duration
}

func (f *fake) send(entry []byte, patience time.Duration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.patience = append(f.patience, patience)
	if f.err == nil {
		f.entries = append(f.entries, slices.Clone(entry))
	}
	return f.err
}

func (f *fake) close() {}

// exported is what has been sent, in the export format.
func (f *fake) exported() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b []byte
	for i, e := range f.entries {
		b = append(append(append(b, fmt.Sprintf("__CURSOR=%d\n", i)...), e...), '\n')
	}
	return b
}

// fields are the values of one field, one for each entry, "-" where it is missing.
func (f *fake) fields(name string) []string {
	var all []string
	for _, e := range f.entries {
		p, v := newParser(bytes.NewReader(append(slices.Clone(e), '\n'))), "-"
		for end, err := p.field(); !end && err == nil; end, err = p.field() {
			if string(p.name) == name {
				v = string(p.val)
			}
		}
		all = append(all, v)
	}
	return all
}

func testWriter(f *fake) *Writer {
	w := Open(Options{Project: "/src/shop", Name: "daemon", Format: "text"})
	w.dial = func() transport { return f }
	return w
}

// relayed passes text through Relay, in writes of n bytes.
func relayed(t *testing.T, w *Writer, text string, n int) {
	t.Helper()
	r, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	done := make(chan error, 1) // read below
	go func() { done <- w.Relay(r, nil) }()
	for b := []byte(text); len(b) > 0; {
		k := min(n, len(b))
		if _, err := in.Write(b[:k]); err != nil {
			t.Fatal(err)
		}
		b = b[k:]
	}
	in.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// shown is what Show would make of exported entries.
func shown(t *testing.T, exported []byte) string {
	t.Helper()
	var out bytes.Buffer
	f, err := logfile.NewFilter(&out, logfile.View{}, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	p, pass := newParser(bytes.NewReader(exported)), reader(f, false)
	var e read
	for err = p.next(&e); err == nil; err = p.next(&e) {
		if err := pass(&e, false); err != nil {
			t.Fatal(err)
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestRelayAndBack(t *testing.T) {
	mixed := ""
	for i := range 300 {
		mixed += fmt.Sprintf("%d %s\n", i, strings.Repeat("é", i*i%5000))
	}
	for _, row := range []struct {
		name, text string
		entries    int
	}{
		{"lines", "one\ntwo\n", 2},
		{"empty lines", "\n\nx\n\n", 4},
		{"priorities", "<3>bad\n<6>fine\nplain\n", 3},
		{"no text", "", 0},
		{"bytes that are not text", "a\x00b\x1b[31m\xff\r\n=\n", 2},
		{"a line of the largest size", strings.Repeat("x", maxPart) + "\n", 1},
		{"a line longer by one", strings.Repeat("x", maxPart+1) + "\n", 2},
		{"a very long line", "a\n" + strings.Repeat("0123456789", 50_000) + "\nb\n", 13},
		{"characters of several bytes", strings.Repeat("é", 100_000) + "\n", 5},
		{"mixed", mixed, 300},
	} {
		for _, n := range []int{1 << 20, 777} {
			t.Run(fmt.Sprintf("%s by %d", row.name, n), func(t *testing.T) {
				f := &fake{}
				relayed(t, testWriter(f), row.text, n)
				if got := shown(t, f.exported()); got != row.text {
					t.Errorf("%d bytes came back of %d: %.200q", len(got), len(row.text), got)
				}
				if len(f.entries) != row.entries {
					t.Errorf("%d entries, want %d", len(f.entries), row.entries)
				}
				for _, m := range f.fields(fieldMessage) {
					if len(m) > maxPart || strings.HasPrefix(row.name, "characters") && !strings.HasSuffix(m, "é") {
						t.Errorf("an entry of %d bytes that ends with %q", len(m), m[len(m)-2:])
					}
				}
			})
		}
	}
}

func TestRelayFlushesAtTheEnd(t *testing.T) {
	f := &fake{}
	relayed(t, testWriter(f), "a\nunfinished", 100)
	if got := f.fields(fieldMessage); !slices.Equal(got, []string{"a", "unfinished"}) {
		t.Errorf("%q", got)
	}
}

func TestEntryFields(t *testing.T) {
	f := &fake{}
	w := testWriter(f)
	w.Launched(42)
	relayed(t, w, "<4>careful\nstill\nlevel=error msg=x\n  at y\n<5>note\n", 1000)
	if err := w.WriteEntry(6, "Ready (pid=42)", []byte(`level=info msg=Ready pid=42`)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"MESSAGE":           {"careful", "still", "level=error msg=x", "  at y", "note", "Ready (pid=42)"},
		"PRIORITY":          {"4", "4", "3", "3", "5", "6"},
		"APEX_STREAM":       {"output", "output", "output", "output", "output", "lifecycle"},
		"APEX_WORKLOAD_PID": {"42", "42", "42", "42", "42", "-"},
		"APEX_LINE":         {"<4>careful", "-", "-", "-", "<5>note", "level=info msg=Ready pid=42"},
		"APEX_PROJECT":      {"/src/shop", "/src/shop", "/src/shop", "/src/shop", "/src/shop", "/src/shop"},
		"APEX_DAEMON":       {"daemon", "daemon", "daemon", "daemon", "daemon", "daemon"},
	} {
		if got := f.fields(name); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if id := f.fields("SYSLOG_IDENTIFIER")[0]; !strings.HasPrefix(id, "apex-shop-") || w.Ref().Path != id {
		t.Errorf("identifier %q, ref %v", id, w.Ref())
	}
}

func TestProjectWithANewline(t *testing.T) {
	f := &fake{}
	w := Open(Options{Project: "/a\nMESSAGE=forged", Name: "daemon"})
	w.dial = func() transport { return f }
	if err := w.WriteLine([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if p, m := f.fields("APEX_PROJECT"), f.fields("MESSAGE"); p[0] != "/a\nMESSAGE=forged" || m[0] != "x" {
		t.Errorf("%q, %q", p, m)
	}
}

// A line of the daemon's own in the middle of a long line of output begins a line, as in the file.
func TestLifecycleWithinALine(t *testing.T) {
	f := &fake{}
	w := testWriter(f)
	o := output{w: w, to: f}
	o.line([]byte("part"), true)
	if err := w.WriteLine([]byte("life")); err != nil {
		t.Fatal(err)
	}
	o.line([]byte("rest"), false)
	if got := shown(t, f.exported()); got != "part\nlife\nrest\n" {
		t.Errorf("%q", got)
	}
}

func TestTapSeesLines(t *testing.T) {
	f := &fake{}
	w := testWriter(f)
	var seen []string
	w.SetTap(func(line []byte) {
		if n := len(f.entries); n != len(seen)+1 {
			t.Errorf("%q was shown with %d entries sent: what it leads to would come before it", line, n)
		}
		if seen = append(seen, string(line)); string(line) == "ready" {
			w.SetTap(nil)
		}
	})
	relayed(t, w, "one\nready\nthree\n", 3)
	if !slices.Equal(seen, []string{"one", "ready"}) {
		t.Errorf("%q", seen)
	}
}

func TestTail(t *testing.T) {
	w := testWriter(&fake{})
	if got := w.Tail(10); got != nil {
		t.Errorf("before the first line: %q", got)
	}
	relayed(t, w, "0\n1\n2\n3\n4\n5\n6\n7\n8\n", 100)
	for _, line := range []string{"nine", "ten\x1b"} {
		if err := w.WriteLine([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.Tail(3); !slices.Equal(got, []string{"8", "nine", "ten^["}) {
		t.Errorf("%q", got)
	}
	if got := w.Tail(100); len(got) != recentLines || got[0] != "1" {
		t.Errorf("%q", got)
	}
}

func TestLossIsCountedAndSaid(t *testing.T) {
	f := &fake{}
	w := testWriter(f)
	now := time.Unix(1_700_000_000, 0)
	w.now = func() time.Time { return now }
	relayed(t, w, "before\n", 100)
	f.err = os.ErrDeadlineExceeded
	relayed(t, w, "1\n2\n3\n", 100)
	if n := len(f.patience); n != 2 || f.patience[1] != outputPatience { // the first was waited for, the others not even tried
		t.Errorf("patience %v", f.patience)
	}
	now = now.Add(retryEvery)
	relayed(t, w, "4\n", 100)
	if n := len(f.patience); n != 3 || f.patience[2] != 0 {
		t.Errorf("patience %v", f.patience)
	}
	f.err, now = nil, now.Add(retryEvery)
	relayed(t, w, "after\n", 100)
	got := f.fields(fieldMessage)
	if len(got) != 3 || !strings.HasPrefix(got[1], "Lost 4 lines here: journald did not take them: ") || got[2] != "after" {
		t.Errorf("%q", got)
	}
	if line := f.fields(fieldLine)[1]; !strings.HasPrefix(line, `time="2023-`) || !strings.Contains(line, "level=warning") {
		t.Errorf("line %q", line)
	}
}

func TestLossIsSaidAtTheEnd(t *testing.T) {
	f := &fake{}
	w := testWriter(f)
	if err := w.WriteLine([]byte("x")); err != nil {
		t.Fatal(err)
	}
	f.err = errors.New("full")
	if err := w.WriteLine([]byte("y")); !errors.Is(err, f.err) {
		t.Errorf("got %v", err)
	}
	f.err = nil
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := f.fields(fieldMessage); len(got) != 2 || !strings.HasPrefix(got[1], "Lost 1 lines") {
		t.Errorf("%q", got)
	}
}
