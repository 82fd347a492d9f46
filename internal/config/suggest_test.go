package config

import (
	"strings"
	"testing"
)

func TestSuggest(t *testing.T) {
	all := names("")
	cases := []struct{ word, want string }{
		{"comand", "command"},
		{"commnad", "command"},
		{"stop_timeout", "stopTimeout"},
		{"stop-timeout", "stopTimeout"},
		{"STOPTIMEOUT", "stopTimeout"},
		{"pidfile", "pidFile"},
		{"loglevel", "logLevel"},
		{"env", "environment"},
		{"cwd", "workingDirectory"},
		{"envFile", "environmentFile"},
		{"kill_timeout", "stopTimeout"},
		{"logs", "log"},
		{"apu", "api"},
		{"port", ""},
		{"x", ""},
		{"", ""},
		{"completelyelse", ""},
		{strings.Repeat("command", 100), ""},
	}
	for _, c := range cases {
		if got := suggest(c.word, all); got != c.want {
			t.Errorf("%q: %q, want %q", c.word, got, c.want)
		}
	}
}

func TestDistance(t *testing.T) {
	cases := []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "ab", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}, {"ä", "a", 1}}
	for _, c := range cases {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q, %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func FuzzSuggest(f *testing.F) {
	for _, s := range []string{"comand", "", "\xff", "STOP", strings.Repeat("a", 65)} {
		f.Add(s, "command")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) > 200 || len(b) > 200 {
			return
		}
		ab, ba := distance(a, b), distance(b, a)
		if ab != ba || ab > max(len(a), len(b)) || ab < 0 || distance(a, a) != 0 {
			t.Errorf("distance(%q, %q) = %d, the other way %d", a, b, ab, ba)
		}
		if got := suggest(a, []string{b}); got != "" && got != b {
			t.Errorf("suggest(%q) = %q", a, got)
		}
		for _, k := range names("") {
			if got := suggest(k, names("")); got != k {
				t.Errorf("suggest(%q) = %q", k, got)
			}
		}
	})
}
