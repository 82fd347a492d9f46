package plist

import (
	"reflect"
	"strings"
	"testing"
)

type list struct {
	Label string            `plist:"Label"`
	Args  []string          `plist:"ProgramArguments"`
	Env   map[string]string `plist:"EnvironmentVariables,omitempty"`
	Alive *alive            `plist:"KeepAlive,omitempty"`
	Out   int               `plist:"ExitTimeOut"`
}

type alive struct {
	Success bool `plist:"SuccessfulExit"`
}

func TestEncode(t *testing.T) {
	const want = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
	<dict>
		<key>ExitTimeOut</key>
		<integer>15</integer>
		<key>KeepAlive</key>
		<dict>
			<key>SuccessfulExit</key>
			<false/>
		</dict>
		<key>Label</key>
		<string>x</string>
		<key>ProgramArguments</key>
		<array>
			<string>a&amp;&lt;b&gt;</string>
			<string>]]&gt;</string>
		</array>
	</dict>
</plist>
`
	got, err := Encode(list{Label: "x", Args: []string{"a&<b>", "]]>"}, Alive: &alive{}, Out: 15})
	if err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

// hostile are values that must come back as they were.
func hostile() []string {
	return []string{
		"", " ", "  two  blanks  ", "\t", "\n", "a\r\nb", "\r", `"quoted"`, "it's", "<&>", "&amp;", "]]>", "<!--", "{{.Path}}", "$HOME ${HOME}", "%h %%", `back\slash`, "-dash", "ü 漢字 😀",
		"\u0085\u2028", "a\u200bb", "\x7f",
	}
}

func TestRoundTrip(t *testing.T) {
	for _, s := range hostile() {
		want := list{Label: s, Args: []string{s, "x" + s + "x"}, Env: map[string]string{"A": s}, Alive: &alive{true}, Out: 1}
		roundTrip(t, want)
	}
}

func roundTrip(t *testing.T, want list) {
	t.Helper()
	text, err := Encode(want)
	if err != nil {
		t.Errorf("%q: %v", want.Label, err)
		return
	}
	var got list
	if err := Decode(text, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v: %+v\nwant %+v\n%s", err, got, want, text)
	}
}

func TestRefused(t *testing.T) {
	for _, row := range []struct {
		name string
		v    list
		want string
	}{
		{"NUL", list{Label: "a\x00b"}, `Label is "a\x00b": a property list cannot have the character U+0000`},
		{"escape", list{Args: []string{"ok", "a\x1bb"}}, `ProgramArguments[1]`},
		{"not UTF-8", list{Args: []string{"a\xffb"}}, `only text in UTF-8`},
		{"a value of a map", list{Env: map[string]string{"PATH": "/a\x01"}}, `EnvironmentVariables.PATH`},
		{"not a character", list{Label: "\ufffe"}, `U+FFFE`},
	} {
		v := row.v
		field := strings.NewReplacer("ProgramArguments", "Args", "EnvironmentVariables", "Env").Replace(row.want)
		if text, err := Encode(v); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v\n%s", row.name, err, text)
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	for _, s := range hostile() {
		f.Add(s)
	}
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, s string) {
		if checkText("", s) != nil {
			return
		}
		roundTrip(t, list{Label: s, Args: []string{s}, Env: map[string]string{"A": s}})
	})
}

// FuzzDecode: a property list that somebody else has put there is read or refused, and what was read can be written again unless it has what XML has not.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"", "<plist>", "<plist><dict><key>Label</key></dict></plist>", "<plist><array><string>a</string></array></plist>", "bplist00", "{ Label = x; }", "bplist00\xd0\x08\x00",
		"<?xml version=\"1.0\"?><plist version=\"1.0\"><dict><key>Label</key><string>x</string><key>ProgramArguments</key><array><string>a</string></array></dict></plist>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got list
		if Decode(text, &got) != nil {
			return
		}
		if again, err := Encode(got); err == nil {
			var same list
			if err := Decode(again, &same); err != nil {
				t.Errorf("%q is %+v, and written and read again: %v", text, got, err)
			}
		}
	})
}

// TestDecodeForeign: what somebody else has put there is no reason to fall over.
func TestDecodeForeign(t *testing.T) {
	for _, text := range []string{"", "x", "<plist>", "<plist><dict><key>Label</key></dict></plist>", "bplist00", "{ Label = x; }", strings.Repeat("<array>", 10000)} {
		var got list
		_ = Decode(text, &got) // an error or not
	}
}
