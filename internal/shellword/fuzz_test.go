package shellword

import (
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/testenv"
)

// FuzzQuote reads each word as POSIX.1-2024, 2.2 says; TestQuote asks a real shell.
func FuzzQuote(f *testing.F) {
	for _, s := range testenv.Hostile() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := Quote(s)
		if err != nil {
			if strings.IndexByte(s, 0) < 0 {
				t.Errorf("%q: %v", s, err)
			}
			return
		}
		if got, ok := posixWord(q); !ok || got != s {
			t.Errorf("%q becomes %s, which is %q, %t", s, q, got, ok)
		}
	})
}

// posixWord is what a POSIX shell makes of one word with single quotes, escaped quotes and characters that mean nothing; false of any other.
func posixWord(q string) (string, bool) {
	var b strings.Builder
	if q == "" {
		return "", false
	}
	for q != "" {
		if rest, ok := strings.CutPrefix(q, `\'`); ok {
			b.WriteByte('\'')
			q = rest
			continue
		}
		if rest, ok := strings.CutPrefix(q, "'"); ok {
			inside, after, closed := strings.Cut(rest, "'")
			if !closed {
				return "", false
			}
			b.WriteString(inside)
			q = after
			continue
		}
		if !Plain(q[:1]) {
			return "", false
		}
		b.WriteByte(q[0])
		q = q[1:]
	}
	return b.String(), true
}
