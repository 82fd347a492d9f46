package install

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestQuoteWord(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		e        expansion
		want     string
	}{
		{"plain", "/usr/bin/apexd", expandVariables, "/usr/bin/apexd"},
		{"empty", "", expandVariables, `""`},
		{"space", "a b", expandVariables, `"a b"`},
		{"double quote", `a"b`, expandVariables, `"a\"b"`},
		{"single quote", "a'b", expandVariables, `"a'b"`},
		{"backslash", `a\b`, expandVariables, `"a\\b"`},
		{"specifier in a command", "50%x", expandVariables, `"50%%x"`},
		{"specifier elsewhere", "50%x", expandSpecifiers, `"50%%x"`},
		{"specifier where there are none", "50%x", expandNothing, `"50%x"`},
		{"variable in a command", "${HOME}", expandVariables, `"$${HOME}"`},
		{"variable elsewhere", "$HOME", expandSpecifiers, `"$HOME"`},
		{"newline and tab", "a\nb\t", expandVariables, `"a\x0ab\x09"`},
		{"a separator of commands", ";", expandVariables, `";"`},
		{"prefixes of a program", "-@:+!", expandVariables, `"-@:+!"`},
		{"comment", "#x", expandVariables, `"#x"`},
		{"not ASCII", "é😀", expandVariables, `"é😀"`},
		{"not UTF-8", "a\xffb", expandVariables, `"a\xffb"`},
		{"the replacement character itself", "\ufffd", expandVariables, "\"\ufffd\""},
		{"template", "{{.Name}}", expandVariables, `"{{.Name}}"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := quoteWord(tt.in, tt.e); got != tt.want {
				t.Errorf("%q becomes %s, want %s", tt.in, got, tt.want)
			}
		})
	}
}

func TestUnquoteRefuses(t *testing.T) {
	for _, in := range []string{`"`, `"a`, `a b`, `"a"b"`, `"\x0"`, `"\xgg"`, `"\q"`, `"a\"`} {
		if got, err := unquoteWord(in); err == nil {
			t.Errorf("%s is read as %q", in, got)
		}
	}
}

func FuzzQuoteWord(f *testing.F) {
	for _, s := range []string{"", "a b", "\\\"\n\xff%$", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := quoteWord(s, expandNothing)
		if back, err := unquoteWord(q); err != nil || back != s {
			t.Errorf("%q becomes %s becomes %q, %v", s, q, back, err)
		}
		for _, e := range []expansion{expandSpecifiers, expandVariables} {
			q := quoteWord(s, e)
			if strings.ContainsAny(q, "\n\r") || !utf8.ValidString(q) {
				t.Errorf("%q becomes %q, which is no line of text", s, q)
			}
		}
	})
}

func TestCommandLine(t *testing.T) {
	for _, tt := range []struct {
		name    string
		argv    []string
		want    string
		refused string
	}{
		{"a program with a space", []string{"/opt/a b/apexd", "run"}, `"/opt/a b/apexd" run`, ""},
		{"a program with specifiers and variables", []string{"/opt/%h$HOME/apexd", "$HOME"}, `@"/opt/%%h$HOME/apexd" "/opt/%%h$$HOME/apexd" "$$HOME"`, ""},
		{"a relative program", []string{"apexd"}, "", "not absolute"},
		{"a program with a quote", []string{`/opt/"x/apexd`}, "", "has a quote"},
		{"a program with a backslash", []string{`/opt/\x/apexd`}, "", "has a quote, a backslash"},
		{"a program with a newline", []string{"/opt/a\nb"}, "", "control character"},
		{"a program that is not UTF-8", []string{"/opt/\xff"}, "", "not UTF-8"},
		{"an argument with NUL", []string{"/x", "a\x00b"}, "", "NUL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := commandLine(tt.argv)
			if got != tt.want || (err == nil) != (tt.refused == "") || err != nil && !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("%s, %v; want %s, %q", got, err, tt.want, tt.refused)
			}
		})
	}
}

func TestDirectory(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		ok       bool
	}{
		{"/srv/a b", "/srv/a b", true}, // K2: not quoted, since nothing would unquote it
		{`/srv/"a"\b`, `/srv/"a"\b`, true},
		{"/srv/50%x", "/srv/50%%x", true},
		{"/srv/{{x", "/srv/{{x", true},
		{"/srv/a ", "", false},
		{`/srv/a\`, "", false},
		{"/srv/a\nUser=nobody", "", false},
		{"/srv/\xff", "", false},
		{"srv", "", false},
	} {
		if got, ok := directory(tt.in); got != tt.want || ok != tt.ok {
			t.Errorf("%q: %q, %v", tt.in, got, ok)
		}
	}
}

func TestAssignmentAndPathRefuse(t *testing.T) {
	for _, in := range []string{"A=b\nc", "A=\xff", "A=\x07"} {
		if got, err := assignment(in); err == nil || !strings.Contains(err.Error(), `"A"`) {
			t.Errorf("%q becomes %s, %v", in, got, err)
		}
		if got, err := pathWord("/" + in); err == nil {
			t.Errorf("%q becomes %s", in, got)
		}
	}
	if got, err := assignment("PATH=/a b:/50%$x"); err != nil || got != `"PATH=/a b:/50%%$x"` { // K5
		t.Errorf("%s, %v", got, err)
	}
}

func TestWords(t *testing.T) {
	if got := words("/a\nUser=nobody%\xff"); got != "/a?User=nobody%%?" { // K5: a newline in Description set another user
		t.Errorf("%q", got)
	}
}
