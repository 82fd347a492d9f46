package logfile

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSanitize(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"plain":                  {"hello\tworld\n", "hello\tworld\n"},
		"other scripts":          {"größe 日本 👍 שלום", "größe 日本 👍 שלום"},
		"colour":                 {"\x1b[31mred\x1b[0m", "^[[31mred^[[0m"},
		"title":                  {"\x1b]0;owned\a", "^[]0;owned^G"},
		"NUL and DEL":            {"a\x00b\x7f", "a^@b^?"},
		"backspace":              {"safe\b\b\b\bevil", "safe^H^H^H^Hevil"},
		"carriage return":        {"good\rbad!", "good^Mbad!"},
		"carriage return at end": {"x\r", "x^M"},
		"Windows line":           {"a\r\nb\r\n", "a\nb\n"},
		"two carriage returns":   {"a\r\r\n", "a^M\n"},
		"raw C1":                 {"\x9b31m", `\x9b31m`},
		"C1 as UTF-8":            {"\u009b31m\u0085", `\u009b31m\u0085`},
		"invalid UTF-8":          {"\xff\xc3(", `\xff\xc3(`},
		"cut character":          {"a\xe2\x82", `a\xe2\x82`},
		"surrogate":              {"\xed\xa0\x80", `\xed\xa0\x80`},
		"overlong":               {"\xc0\x80", `\xc0\x80`},
		"Trojan Source":          {"a\u202eb\u2066c\u2069", `a\u202eb\u2066c\u2069`},
		"replacement character":  {"\uFFFD", "\uFFFD"},
		"empty":                  {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Sanitize(tc.in); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if got := escapeInPieces(t, tc.in, 1); got != tc.want {
				t.Errorf("byte by byte: got %q, want %q", got, tc.want)
			}
		})
	}
}

func escapeInPieces(t *testing.T, s string, size int) string {
	t.Helper()
	var b strings.Builder
	e := NewEscaper(&b)
	for len(s) > 0 {
		n := min(size, len(s))
		if k, err := e.Write([]byte(s[:n])); k != n || err != nil {
			t.Fatalf("Write: %d, %v", k, err)
		}
		s = s[n:]
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func FuzzEscaper(f *testing.F) {
	f.Add("\x1b[2J\x00\xff\u202e\r\n", uint8(1))
	f.Add("\xf0\x9f\x91\x8d ok\n", uint8(3))
	f.Add("\r\r\n\xe2\x80\xae", uint8(2))
	f.Fuzz(func(t *testing.T, s string, size uint8) {
		got := Sanitize(s)
		for i, r := range got {
			if r == utf8.RuneError && got[i] != "\uFFFD"[0] || r < ' ' && r != '\n' && r != '\t' || r == 0x7f || hidden(r) {
				t.Fatalf("%q has %q at %d", got, r, i)
			}
		}
		if again := Sanitize(got); again != got {
			t.Errorf("not idempotent: %q, then %q", got, again)
		}
		if strings.Count(got, "\n") != strings.Count(s, "\n") {
			t.Errorf("the number of lines has changed")
		}
		if p := escapeInPieces(t, s, int(size)+1); p != got {
			t.Errorf("in pieces %q, at once %q", p, got)
		}
	})
}

func TestSanitizeLine(t *testing.T) {
	for in, want := range map[string]string{"plain é": "plain é", "a\nb\r\nc\td": "a^Jb^Jc^Id", "\x1b[2J\x9b\u202e": `^[[2J\x9b\u202e`} {
		if got := SanitizeLine(in); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// FuzzSanitizeJSON: the same value, and nothing in it that a terminal acts on.
func FuzzSanitizeJSON(f *testing.F) {
	for _, s := range []string{"", "plain", "\x7f\u009b2J\u202eé\x1b[2J", "a\u2066"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var want, got string
		safe := SanitizeJSON(b)
		if err := errors.Join(json.Unmarshal(b, &want), json.Unmarshal(safe, &got)); err != nil || got != want {
			t.Errorf("%s became %s: %v", b, safe, err)
		}
		if visible := Sanitize(string(safe)); visible != string(safe) {
			t.Errorf("%q is left in it", safe)
		}
	})
}
