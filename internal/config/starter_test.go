package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/service"
)

func TestInitFirst(t *testing.T) {
	for name, argv := range map[string][]string{
		"none": nil, "plain": {"node", "server.js"}, "hostile": {"a b", `c"d\e`, "100%", "${X}", "{{", "x: y", "# z", "", "1", "true", "~", "\n\t\r\x01\u0085\u2028\ufeff", "ünï→😀"},
	} {
		dir := testenv.TempDir(t)
		if err := Init(dir, service.DefaultName, Starter{Command: argv}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		c := mustLoad(t, Input{Project: dir})
		if !reflect.DeepEqual(c.Spec.Command, argv) {
			t.Errorf("%s: %q, want %q", name, c.Spec.Command, argv)
		}
		if pid, _, err := Locate(Input{Project: dir}); err != nil || filepath.Base(pid) != "daemon.pid" {
			t.Errorf("%s: Locate = %q, %v", name, pid, err)
		}
	}
}

// A starter that is not changed must not make status parse YAML.
func TestStarterIsCheap(t *testing.T) {
	if text, err := (Starter{Command: []string{"node"}}).entries(service.DefaultName); err != nil || mentionsPaths([]byte(starterHead+newSection(service.DefaultName, text))) {
		t.Errorf("%v\n%s", err, text)
	}
}

// The lines that are comments in the starter are good too.
func TestStarterComments(t *testing.T) {
	text, err := Starter{}.entries(service.DefaultName)
	if err != nil {
		t.Fatal(err)
	}
	text = newSection(service.DefaultName, text)
	dir := projectWith(t, strings.ReplaceAll(text, "\n  # ", "\n  "))
	c := mustLoad(t, Input{Project: dir})
	if len(c.Spec.Command) != 2 || c.Spec.Readiness.Kind != service.ReadyHTTP || len(c.Spec.Env) != 1 {
		t.Errorf("%+v", c.Spec)
	}
}

func TestInitReady(t *testing.T) {
	for word, want := range map[string]service.Readiness{
		"notify":                 {Kind: service.ReadyNotify},
		"http://[::1]:80/a b":    {},
		"http://127.0.0.1:80/?%": {Kind: service.ReadyHTTP, URL: "http://127.0.0.1:80/?%"},
		"8080":                   {Kind: service.ReadyTCP, Address: "127.0.0.1:8080"},
		"[::1]:1":                {Kind: service.ReadyTCP, Address: "[::1]:1"},
		`/a\s"#: %/b/`:           {Kind: service.ReadyLog, Pattern: regexp.MustCompile(`a\s"#: %/b`)},
		"/ /":                    {Kind: service.ReadyLog, Pattern: regexp.MustCompile(" ")},
		"https://localhost/":     {}, "ftp://x": {}, "": {}, "/": {}, "//": {}, "/x": {}, "/(/": {}, "started": {}, "localhost": {}, "/\xff/": {}, "/\x00/": {}, "0": {},
	} {
		r, err := ParseReadiness(word)
		if (err != nil) != (want.Kind == "") {
			t.Errorf("%q: %v", word, err)
		}
		if err != nil {
			continue
		}
		dir := testenv.TempDir(t)
		if err := Init(dir, service.DefaultName, Starter{Ready: r}); err != nil {
			t.Fatalf("%q: %v", word, err)
		}
		got := mustLoad(t, Input{Project: dir}).Spec.Readiness
		if got.Kind != want.Kind || got.URL != want.URL || got.Address != want.Address || fmt.Sprint(got.Pattern) != fmt.Sprint(want.Pattern) {
			t.Errorf("%q: %+v", word, got)
		}
	}
}

func TestInitAppends(t *testing.T) {
	cases := []struct{ name, old string }{
		{"other sections", "agents:\n  - a\n"},
		{"no newline at the end", "agents: [a]"},
		{"CRLF", "agents:\r\n  - a\r\n"},
		{"CRLF without newline at the end", "a: 1\r\nb: 2"},
		{"BOM", "\ufeffagents: 1\n"},
		{"empty", ""},
		{"comment", "# mine\n"},
		{"null", "---\n"},
		{"other daemons", "daemons:\n  web: {command: x}\n"},
		{"block text", "a: |\n  text\n"},
		{"block text that keeps its newlines", "a: |+\n  text\n\n"},
		{"doubled keys of others", "a: 1\na: 2\n"},
		{"anchors", "a: &x {b: 1}\nc: *x\n"},
		{"comment at the end", "a: 1\n  # more\n"},
		{"invisible daemon", "# daemon:\na: {daemon: 1}\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := projectWith(t, c.old)
			path := filepath.Join(dir, ".apex", "config.yaml")
			before, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := Init(dir, service.DefaultName, Starter{Command: []string{"node", "x"}}); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(path)
			if err != nil || !strings.HasPrefix(string(b), c.old) {
				t.Errorf("%v: what was there has changed:\n%s", err, b)
			}
			if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) || after.Mode() != before.Mode() {
				t.Errorf("the file is another: %v", err)
			}
			if strings.Contains(c.old, "\r\n") && strings.Count(string(b), "\n") != strings.Count(string(b), "\r\n") {
				t.Errorf("line ends are mixed: %q", b)
			}
			if conf := mustLoad(t, Input{Project: dir}); !reflect.DeepEqual(conf.Spec.Command, []string{"node", "x"}) {
				t.Errorf("%q", conf.Spec.Command)
			}
			if err := Init(dir, service.DefaultName, Starter{}); !errors.Is(err, fs.ErrExist) {
				t.Errorf("the second time: %v", err)
			}
			if again, err := os.ReadFile(path); err != nil || string(again) != string(b) {
				t.Errorf("the second time it wrote: %v", err)
			}
		})
	}
}

// TestInitNamed: the section of another daemon is one of daemons, whose others stay.
func TestInitNamed(t *testing.T) {
	const none = "no section of another name"
	for _, row := range []struct {
		title, old, name string
		other            string // one that is there already
	}{
		{"no file", none, "worker", ""},
		{"empty", "", "worker", ""},
		{"a section of its own", "daemon: {command: [p]}\n", "worker", service.DefaultName},
		{"no newline at the end", "daemon: {command: [p]}", "worker", service.DefaultName},
		{"others", "agents: [a]\ndaemons:\n  web:\n    command: [p]\n", "worker", "web"},
		{"others, set in by four", "daemons:\n    web:\n        command: [p]\n", "worker", "web"},
		{"others, CRLF", "daemons:\r\n  web:\r\n    command: [p]", "worker", "web"},
		{"others, and a comment", "daemons:\n  web: {command: [p]}\n\n# more\n", "worker", "web"},
		{"an empty section", "agents: [a]\ndaemons:\n", "worker", ""},
		{"a number", "daemons:\n  web: {command: [p]}\n", "007", "web"},
		{"a truth", "", "true", ""},
		{"nothing", "", "null", ""},
		{"a time", "", "2026-11-27", ""},
	} {
		t.Run(row.title, func(t *testing.T) {
			dir := testenv.TempDir(t)
			if row.old != none {
				dir = projectWith(t, row.old)
			} else {
				row.old = ""
			}
			if err := Init(dir, row.name, Starter{Command: []string{"node", "x"}}); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(dir, ".apex", "config.yaml"))
			if err != nil || !strings.HasPrefix(string(b), row.old) {
				t.Errorf("%v: what was there has changed:\n%s", err, b)
			}
			if strings.Contains(row.old, "\r\n") && strings.Count(string(b), "\n") != strings.Count(string(b), "\r\n") {
				t.Errorf("line ends are mixed: %q", b)
			}
			if want := ".apex/" + row.name + ".env"; !strings.Contains(string(b), want) {
				t.Errorf("it does not say %s", want)
			}
			if c := mustLoad(t, Input{Project: dir, Name: row.name}); !reflect.DeepEqual(c.Spec.Command, []string{"node", "x"}) {
				t.Errorf("%q in\n%s", c.Spec.Command, b)
			}
			if row.other != "" {
				if c := mustLoad(t, Input{Project: dir, Name: row.other}); !reflect.DeepEqual(c.Spec.Command, []string{"p"}) {
					t.Errorf("%s has %q in\n%s", row.other, c.Spec.Command, b)
				}
			}
			if err := Init(dir, row.name, Starter{}); !errors.Is(err, fs.ErrExist) {
				t.Errorf("the second time: %v", err)
			}
			if err := Init(dir, "third", Starter{Command: []string{"node", "y"}}); err != nil {
				t.Error(err)
			} else if c := mustLoad(t, Input{Project: dir, Name: "third"}); !reflect.DeepEqual(c.Spec.Command, []string{"node", "y"}) {
				t.Errorf("third has %q", c.Spec.Command)
			}
		})
	}
}

// TestInitNamedRefuses: where a section cannot be added without moving what is there, the error has it to be put there by hand.
func TestInitNamedRefuses(t *testing.T) {
	for _, old := range []string{
		"daemons:\n  web: {command: [p]}\nagents: [a]\n", "daemons: {web: {command: [p]}}\n", "daemons: {}\n", "daemons: ~\n", "a: &x {web: {command: [p]}}\ndaemons: *x\n",
	} {
		dir := projectWith(t, old)
		wantError(t, Init(dir, "worker", Starter{Command: []string{"node"}}), service.CodeConfigInvalid, "cannot be added at its end", "daemons:\n  worker:\n    command: [\"node\"]\n")
		if b, err := os.ReadFile(filepath.Join(dir, ".apex", "config.yaml")); err != nil || string(b) != old {
			t.Errorf("%q has changed: %v %q", old, err, b)
		}
	}
}

func TestInitRefuses(t *testing.T) {
	cases := []struct{ name, old, text, hint string }{
		{"has a section", "daemon: {command: x}\n", "has a section for the daemon already", "edit it"},
		{"has an empty section", "daemon:\n", "has a section", "edit it"},
		{"has it among daemons", "daemons: {daemon: {}}\n", "has a section", "edit it"},
		{"flow mapping", "{a: 1}\n", "cannot be added at its end", "edit it"},
		{"list", "- a\n", "not a mapping", "edit it"},
		{"broken", "a: [\n", "not valid YAML", "edit it"},
		{"indented", "  a: 1\n  b: 2\n", "cannot be added at its end", "edit it"},
		{"ended", "a: 1\n...\n", "cannot be added at its end", "edit it"},
		{"text that would gain a newline", "a: |\n  text", "cannot be added at its end", "edit it"},
		{"daemons is a list", "daemons: [a]\n", "it is not a mapping", "edit it"},
	}
	for _, c := range cases {
		dir := projectWith(t, c.old)
		wantError(t, Init(dir, service.DefaultName, Starter{}), service.CodeConfigInvalid, c.text, c.hint)
		if b, err := os.ReadFile(filepath.Join(dir, ".apex", "config.yaml")); err != nil || string(b) != c.old {
			t.Errorf("%s: the file has changed: %v %q", c.name, err, b)
		}
	}
	for name, argv := range map[string][]string{"NUL": {"a\x00"}, "not UTF-8": {"a\xff"}, "no program": {""}} {
		dir := testenv.TempDir(t)
		if err := Init(dir, service.DefaultName, Starter{Command: argv}); service.CodeOf(err) != service.CodeConfigInvalid {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(filepath.Join(dir, ".apex")); err == nil {
			t.Errorf("%s: it left something", name)
		}
	}
}

func TestAppendNotices(t *testing.T) {
	path := write(t, testenv.TempDir(t), "config.yaml", "a: 1\n")
	wantError(t, appendTo(path, 3, []byte("x")), service.CodeConfigInvalid, "changed meanwhile", "try again")
	if b, err := os.ReadFile(path); err != nil || string(b) != "a: 1\n" {
		t.Errorf("%q, %v", b, err)
	}
}

func FuzzInit(f *testing.F) {
	for _, c := range allDocuments() {
		f.Add(c.text, "x", "daemon")
		f.Add(c.text, "x", "worker")
	}
	f.Add("a: |+\n  x\n\n\n", "\u2028", "0")
	f.Fuzz(func(t *testing.T, old, arg, name string) {
		if service.CheckName(name) != nil {
			return
		}
		entries, err := Starter{Command: []string{"p", arg}}.entries(service.DefaultName)
		if err != nil {
			if utf8.ValidString(arg) && !strings.Contains(arg, "\x00") {
				t.Errorf("%q: %v", arg, err)
			}
			return
		}
		added, err := addition("x", []byte(old), name, entries)
		if err != nil {
			return
		}
		dir := projectWith(t, old+string(added))
		if c, err := Load(Input{Project: dir, Name: name}); err == nil && c.Spec.Command[1] != arg {
			t.Errorf("%q became %q", arg, c.Spec.Command[1])
		} else if err != nil && !strings.Contains(err.Error(), "daemons") {
			t.Errorf("%q: %v", old, err)
		}
	})
}

func FuzzParseReadiness(f *testing.F) {
	for _, word := range []string{"notify", "8080", "[::1]:1", "http://a/b?c#d", "/a\"b\\s/", "/\u2028{{%/", "://", "", "/\xff/"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		r, err := ParseReadiness(word)
		if err != nil {
			return
		}
		entries, err := Starter{Ready: r}.entries(service.DefaultName)
		if err != nil {
			t.Fatal(err)
		}
		got := mustLoad(t, Input{Project: projectWith(t, newSection(service.DefaultName, entries))}).Spec.Readiness
		if string(got.Kind) != r.kind || got.URL+strings.TrimPrefix(got.Address, "127.0.0.1:")+regexpText(got.Pattern) != strings.TrimPrefix(r.value, "127.0.0.1:") {
			t.Errorf("%q became %+v", word, got)
		}
	})
}

func regexpText(re *regexp.Regexp) string {
	if re == nil {
		return ""
	}
	return re.String()
}
