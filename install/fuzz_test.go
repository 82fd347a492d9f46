package install

import (
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/shellword"
	"github.com/joshuaaferguson/apexd/internal/testenv"
)

// FuzzOwnerOf: whatever stands in a unit, nobody is taken for its owner by half, and what ownership needs cannot be said outside of our own section.
func FuzzOwnerOf(f *testing.F) {
	f.Add("[Unit]\nDescription=x\n[" + ownSection + "]\nSchema=1\nProject=\"/src/a b\"\nName=daemon\n")
	f.Add("[" + ownSection + "]\nSchema=1\nProject=\"\\x\nName=\n")
	f.Add("Project=/x\nName=daemon\nSchema=1\r\n")
	f.Fuzz(func(t *testing.T, unit string) {
		o, ok := ownerOf(unit)
		if ok && (o.project == "" || o.name == "" || !strings.Contains(unit, "["+ownSection+"]")) {
			t.Errorf("%+v owns %q", o, unit)
		}
		if m, ok := ownerOfMark(unit); ok && (m.project == "" || m.name == "") {
			t.Errorf("%+v owns the script %q", m, unit)
		}
	})
}

// FuzzReadUnit: the program is found that commandLine has written, whatever else is in the unit.
func FuzzReadUnit(f *testing.F) {
	f.Add("/opt/a b/apexd", "User=x\n", "run")
	f.Add("/opt/%h$HOME/apexd", "ExecStart=\"", "--project=\"")
	f.Add("/", "", "")
	f.Fuzz(func(t *testing.T, program, before, arg string) {
		_ = readUnit(before + program + arg) // must not panic
		line, err := commandLine([]string{program, arg})
		if err != nil {
			return
		}
		if got := readUnit(before + "\nExecStart=" + line + "\n").Program; got != program {
			t.Errorf("%q is read from %q, want %q", got, line, program)
		}
	})
}

// FuzzShellQuote reads each word as POSIX.1-2024, 2.2 says; shellword.TestQuote asks a real shell.
func FuzzShellQuote(f *testing.F) {
	for _, s := range testenv.Hostile() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := shellword.Quote(s)
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
		if !shellword.Plain(q[:1]) {
			return "", false
		}
		b.WriteByte(q[0])
		q = q[1:]
	}
	return b.String(), true
}
