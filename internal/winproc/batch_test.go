package winproc

import (
	"strings"
	"testing"
)

func TestIsBatch(t *testing.T) {
	tests := []struct {
		path string
		want bool
	}{
		{`C:\node\npm.cmd`, true},
		{`C:\node\NPM.CMD`, true},
		{`C:\a.bat`, true},
		{`C:\a.bat. .`, true},
		{`C:\a.bat `, true},
		{`C:\a.exe`, false},
		{`C:\a.bat\tool`, false},
		{`C:\bat`, false},
		{``, false},
	}
	for _, tt := range tests {
		if got := IsBatch(tt.path); got != tt.want {
			t.Errorf("IsBatch(%q) = %v", tt.path, got)
		}
	}
}

func TestBatchLine(t *testing.T) {
	const prefix = `cmd.exe /e:on /v:off /d /s /c "`
	tests := []struct {
		name   string
		script string
		args   []string
		want   string // after prefix; "" is refused
	}{
		{"no argument", `C:\a.cmd`, nil, `"C:\a.cmd""`},
		{"plain ones", `C:\a.cmd`, []string{"run", "--port=80", `C:\x`}, `"C:\a.cmd" run "--port=80" C:\x"`},
		{"spaces", `C:\my dir\a.cmd`, []string{"a b"}, `"C:\my dir\a.cmd" "a b""`},
		{"empty", `C:\a.cmd`, []string{""}, `"C:\a.cmd" """`},
		{
			"operators of cmd.exe", `C:\a.cmd`,
			[]string{"a&b", "a|b", "<>", "^", "(a)", "a,b;c=d", "!x!"},
			`"C:\a.cmd" "a&b" "a|b" "<>" "^" "(a)" "a,b;c=d" "!x!""`,
		},
		{"backslashes before the quote", `C:\a.cmd`, []string{`C:\my dir\`, `a\\b c\\`}, `"C:\a.cmd" "C:\my dir\\" "a\\b c\\\\""`},
		{"non-ASCII", `C:\ä.cmd`, []string{"größe", "日本"}, `"C:\ä.cmd" "größe" "日本""`},
		{"tab", `C:\a.cmd`, []string{"a\tb"}, "\"C:\\a.cmd\" \"a\tb\"\""},
		{"quote", `C:\a.cmd`, []string{`"&calc.exe`}, ""},
		{"percent", `C:\a.cmd`, []string{"%PATH%"}, ""},
		{"one percent", `C:\a.cmd`, []string{"100%"}, ""},
		{"new line", `C:\a.cmd`, []string{"a\nb"}, ""},
		{"carriage return", `C:\a.cmd`, []string{"a\rb"}, ""},
		{"NUL", `C:\a.cmd`, []string{"a\x00b"}, ""},
		{"end of file", `C:\a.cmd`, []string{"a\x1ab"}, ""},
		{"percent in the path", `C:\%TEMP%\a.cmd`, nil, ""},
		{"too long", `C:\a.cmd`, []string{strings.Repeat("x", maxBatchLine)}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := BatchLine(tt.script, tt.args)
			if tt.want == "" {
				if err == nil {
					t.Errorf("BatchLine = %s, want an error", got)
				}
				return
			}
			if want := prefix + tt.want; err != nil || got != want {
				t.Errorf("BatchLine = %s, %v\n        want %s", got, err, want)
			}
		})
	}
}

// FuzzBatchLine: nothing that cmd.exe takes for an operator or a variable is outside of quotes or is let through.
func FuzzBatchLine(f *testing.F) {
	f.Add(`a&b`, `c d\`)
	f.Add(`"`, `%x%`)
	f.Add("", "^")
	f.Fuzz(func(t *testing.T, a, b string) {
		line, err := BatchLine(`C:\a.cmd`, []string{a, b})
		if err != nil {
			return
		}
		line = strings.TrimSuffix(strings.TrimPrefix(line, `cmd.exe /e:on /v:off /d /s /c "`), `"`)
		quoted := false
		for _, c := range line {
			switch {
			case c == '"':
				quoted = !quoted
			case strings.ContainsRune("%\r\n\x00", c), !quoted && strings.ContainsRune("&|<>^()!,;=\t", c):
				t.Fatalf("%q, %q: %q is bare in %s", a, b, c, line)
			}
		}
		if quoted {
			t.Fatalf("%q, %q: a quote is open in %s", a, b, line)
		}
	})
}
