package term

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestWidth(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "Größe": 5, "日本": 4, "e\u0301": 1, "🚀x": 3, "…": 1, "ｆ": 2, "가": 2} {
		if got := Width(s); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
	}
}

func TestFit(t *testing.T) {
	for _, r := range []struct {
		s               string
		n               int
		fit, end, whole string
	}{
		{"/src/shop", 20, "/src/shop", "/src/shop", "/src/shop"},
		{"/src/shop", 9, "/src/shop", "/src/shop", "/src/shop"},
		{"/src/shop", 6, "/src/…", "…/shop", "/src/s"},
		{"日本語", 4, "日…", "…語", "日本"},
		{"日本語", 5, "日本…", "…本語", "日本"},
		{"abc", 1, "…", "…", "a"},
		{"日", 1, "…", "…", "日"},
		{"abc", 0, "", "", "a"},
	} {
		if got := Fit(r.s, r.n); got != r.fit {
			t.Errorf("Fit(%q, %d) = %q, want %q", r.s, r.n, got, r.fit)
		}
		if got := FitEnd(r.s, r.n); got != r.end {
			t.Errorf("FitEnd(%q, %d) = %q, want %q", r.s, r.n, got, r.end)
		}
		if got := Cut(r.s, r.n); got != r.whole {
			t.Errorf("Cut(%q, %d) = %q, want %q", r.s, r.n, got, r.whole)
		}
	}
}

// TestTable: columns stand below each other, and what a narrow terminal has no room for is left out in order.
func TestTable(t *testing.T) {
	table := Table{
		Columns: []Column{{Title: "NAME"}, {Title: "PID", Right: true}, {Title: "UP", Spare: 1}, {Title: "BACKEND", Spare: 2}, {Title: "PROJECT", Keep: KeepEnd}},
		Rows: [][]Cell{
			{{"web", Plain}, {"7", Plain}, {"3 s", Plain}, {"direct", Plain}, {"/home/alice/projects/shop", Plain}},
			{{"日本", Good}, {"12345", Plain}, {"2 d", Plain}, {"systemd", Plain}, {"/x", Plain}},
		},
	}
	for _, r := range []struct {
		name  string
		width int
		want  []string
	}{
		{"no terminal", 0, []string{"NAME    PID  UP   BACKEND  PROJECT", "web       7  3 s  direct   /home/alice/projects/shop", "日本  12345  2 d  systemd  /x"}},
		{"cut", 50, []string{"NAME    PID  UP   BACKEND  PROJECT", "web       7  3 s  direct   …me/alice/projects/shop", "日本  12345  2 d  systemd  /x"}},
		{"without one", 40, []string{"NAME    PID  UP   PROJECT", "web       7  3 s  …e/alice/projects/shop", "日本  12345  2 d  /x"}},
		{"without two", 33, []string{"NAME    PID  PROJECT", "web       7  …alice/projects/shop", "日本  12345  /x"}},
		{"hardly any", 16, []string{"NAME    PID  PR…", "web       7  …op", "日本  12345  /x"}},
	} {
		got := table.Lines(r.width, Style{})
		for _, line := range got {
			if r.width > 0 && Width(line) > r.width {
				t.Errorf("%s: %q has %d cells", r.name, line, Width(line))
			}
		}
		if !slices.Equal(got, r.want) {
			t.Errorf("%s:\n%s\nwant\n%s", r.name, strings.Join(got, "\n"), strings.Join(r.want, "\n"))
		}
	}
}

// TestChange: only what is another line is written.
func TestChange(t *testing.T) {
	for _, r := range []struct {
		name      string
		old, next []string
		want      string
	}{
		{"first", nil, []string{"a", "b"}, "\x1b[2J\x1b[1;1Ha\x1b[K\x1b[2;1Hb\x1b[K"},
		{"nothing", []string{"a"}, []string{"a"}, ""},
		{"one", []string{"a", "b"}, []string{"a", "c"}, "\x1b[2;1Hc\x1b[K"},
		{"fewer", []string{"a", "b"}, []string{"a"}, "\x1b[2;1H\x1b[J"},
		{"more", []string{"a"}, []string{"a", "b"}, "\x1b[2;1Hb\x1b[K"},
	} {
		if got := change(r.old, r.next); got != r.want {
			t.Errorf("%s: %q, want %q", r.name, got, r.want)
		}
	}
}

func TestUnicode(t *testing.T) {
	for _, r := range []struct {
		goos string
		env  map[string]string
		want bool
	}{
		{"linux", map[string]string{"LANG": "de_DE.UTF-8"}, true},
		{"linux", map[string]string{"LANG": "C.utf8"}, true},
		{"linux", map[string]string{"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, false},
		{"linux", nil, false},
		{"darwin", nil, true},
	} {
		if got := Unicode(r.goos, func(k string) string { return r.env[k] }); got != r.want {
			t.Errorf("%s %v: %v", r.goos, r.env, got)
		}
	}
}

// TestNoTerminal: a file, and /dev/null, which is a character device, are none, and nothing is coloured there.
func TestNoTerminal(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	none := func(string) string { return "" }
	if IsTerminal(null) || IsTerminal(nil) {
		t.Error("/dev/null is a terminal")
	}
	if got := NewStyle(null, none).Paint(Good, "x"); got != "x" {
		t.Errorf("painted %q", got)
	}
	if _, err := Open(null, null, none); err != ErrNoTerminal {
		t.Errorf("opened a screen: %v", err)
	}
	if w, h := Size(null); w != 0 || h != 0 {
		t.Errorf("size %d, %d", w, h)
	}
}

func FuzzFit(f *testing.F) {
	f.Add("/src/日本", 4)
	f.Fuzz(func(t *testing.T, s string, n int) {
		for _, got := range []string{Fit(s, n), FitEnd(s, n)} {
			if Width(got) > max(n, 0) && Width(got) > 0 {
				t.Errorf("%q in %d: %q has %d", s, n, got, Width(got))
			}
		}
		if len(Cut(s, n)) == 0 && s != "" {
			t.Errorf("%q: nothing", s)
		}
	})
}
