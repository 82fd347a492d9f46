package config

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestSplitCommand(t *testing.T) {
	good := map[string][]string{
		"node server.js":       {"node", "server.js"},
		"  a \t b  ":           {"a", "b"},
		"a\n":                  {"a"},
		`'a b' "c d"`:          {"a b", "c d"},
		`a'b'"c"d`:             {"abcd"},
		`a '' ""`:              {"a", "", ""},
		`a\ b \"c\" \'d \\`:    {"a b", `"c"`, "'d", `\`},
		`"a\"b\\c\$d"`:         {`a"b\c$d`},
		`"C:\node\n.exe" x`:    {`C:\node\n.exe`, "x"},
		`'C:\node' '\'`:        {`C:\node`, `\`},
		`sh -c 'a | b; c'`:     {"sh", "-c", "a | b; c"},
		`sh -c "echo $HOME"`:   {"sh", "-c", "echo $HOME"},
		"a \\; \\$x \\`":       {"a", ";", "$x", "`"},
		"a *.js [b] {c} #d !e": {"a", "*.js", "[b]", "{c}", "#d", "!e"},
		"a x=~/y b~":           {"a", "x=~/y", "b~"},
		"a '~/b' \\~":          {"a", "~/b", "~"},
		"./A=B=c":              {"./A=B=c"},
		"ä ö\u00a0ü":           {"ä", "ö\u00a0ü"},
		"'a\nb'":               {"a\nb"},
	}
	for s, want := range good {
		if got, f := splitCommand(s); f != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, %v; want %q", s, got, f, want)
		}
	}
	bad := map[string]string{
		"": "it is empty", " \n": "it is empty", "'a": "a ' is never closed", `"a`: `a " is never closed`, `"a\"`: `a " is never closed`, `a \`: "ends it",
		`C:\node x`: `before "n"`, "a;b": `";"`, "a | b": `"|"`, "a && b": `"&"`, "a <b": `"<"`, "a >b": `">"`, "a $b": `"$"`, "a `b`": "\"`\"", "a\nb": `"\n"`,
		"~/a": "not expanded", "a ~": "not expanded", "A=1 b": "is not a program", " _x9=": "is not a program",
	}
	for s, want := range bad {
		if got, f := splitCommand(s); f == nil || !strings.Contains(f.text, want) || f.fix == "" {
			t.Errorf("%q: %q, %v; want %q", s, got, f, want)
		}
	}
}

// quoteCommand is the inverse of splitCommand.
func quoteCommand(argv []string) string {
	words := make([]string, len(argv))
	for i, a := range argv {
		words[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
	}
	return strings.Join(words, " ")
}

// doubleQuote is another.
func doubleQuote(argv []string) string {
	words := make([]string, len(argv))
	for i, a := range argv {
		words[i] = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(a) + `"`
	}
	return strings.Join(words, "\t")
}

func FuzzSplitCommand(f *testing.F) {
	for _, s := range []string{"node server.js", `a "b c" 'd'`, `'`, `\`, "a\x00b", `"\"`, "A=1 x", "~", "a\\\nb", "C:\\x", "sh -c 'a | b'"} {
		f.Add(s)
	}
	pattern, assignment := regexp.MustCompile(commandPattern), regexp.MustCompile(assignmentPattern)
	f.Fuzz(func(t *testing.T, s string) {
		for _, quoted := range []string{quoteCommand([]string{s, "x", s}), doubleQuote([]string{s, "x", s})} {
			if got, f := splitCommand(quoted); f != nil || !reflect.DeepEqual(got, []string{s, "x", s}) {
				t.Errorf("%q: %q, %v", quoted, got, f)
			}
		}
		words, fault := splitCommand(s)
		if fault != nil {
			return
		}
		if got, f := splitCommand(quoteCommand(words)); f != nil || !reflect.DeepEqual(got, words) {
			t.Errorf("%q: %q, then %q, %v", s, words, got, f)
		}
		if !pattern.MatchString(s) || assignment.MatchString(s) || !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(" \t\r\n", r) }) {
			t.Errorf("the schema refuses %q", s)
		}
	})
}
