package dquote

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestWith(t *testing.T) {
	percent := func(b *strings.Builder, at int, r rune) bool {
		if r != '%' || at == 0 {
			return false
		}
		b.WriteString("%%")
		return true
	}
	for in, want := range map[string]string{
		"":                    `""`,
		`a "b" \c`:            `"a \"b\" \\c"`,
		"a\nb\tc\rd\x00e\x7f": `"a\nb\tc\u000dd\u0000e\u007f"`,
		"\u2028\U000e0001ü✓":  `"\u2028\U000e0001ü✓"`,
		"a\xffb":              "\"a\ufffdb\"",
		"% 7%":                `"% 7%%"`,
	} {
		if got := With(in, percent); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// FuzzYAML: what is written is read back as it was, if it was text, and stands on one line.
func FuzzYAML(f *testing.F) {
	for _, s := range []string{"", "plain", `"\`, "a\nb\u0085c\u2028", "\ufeffx", "\U0001f600\U000e0001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := YAML(s)
		var got string
		if err := yaml.Unmarshal([]byte(q), &got); err != nil || got != string([]rune(s)) {
			t.Errorf("%q as %s is read as %q, %v", s, q, got, err)
		}
		if strings.ContainsAny(q, "\n\r\u0085\u2028\u2029") {
			t.Errorf("%q is more than one line: %s", s, q)
		}
	})
}
