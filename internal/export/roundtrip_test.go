package export

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// undollar takes pairs of "$" together, as Kubernetes and Compose do; one alone would mean something.
func undollar(t *testing.T, words []string) []string {
	t.Helper()
	out := make([]string, len(words))
	for i, w := range words {
		if strings.Count(w, "$") != 2*strings.Count(w, "$$") {
			t.Errorf("a single $ in %q", w)
		}
		out[i] = strings.ReplaceAll(w, "$$", "$")
	}
	return out
}

// read parses the text of e as its engine does, as far as this module has a parser, and returns apexd's arguments and the project's path.
func read(t *testing.T, e Engine, text string) (args []string, path string) {
	t.Helper()
	switch e {
	case Kubernetes:
		type container struct {
			Args []string                       `yaml:"args"`
			Env  []struct{ Name, Value string } `yaml:"env"`
		}
		var doc struct {
			Spec struct {
				Template struct {
					Spec struct{ Containers []container }
				}
			}
		}
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		c := doc.Spec.Template.Spec.Containers[0]
		return undollar(t, c.Args), c.Env[0].Value
	case Compose:
		var doc struct {
			Services map[string]struct {
				Command     []string
				Environment map[string]string
			}
		}
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		s := doc.Services["daemon"]
		return undollar(t, s.Command), s.Environment["APEX_PROJECT_PATH"]
	}
	return nil, ""
}

// unitArguments reads Exec= as systemd.syntax(7) says, and takes "$$" and "%%" for one.
func unitArguments(t *testing.T, text string) []string {
	t.Helper()
	_, line, _ := strings.Cut(text, "\nExec=")
	line, _, _ = strings.Cut(line, "\n")
	var words []string
	for line != "" {
		var word string
		if line[0] != '"' {
			word, line, _ = strings.Cut(line, " ")
		} else {
			end := 1
			for line[end] != '"' {
				if line[end] == '\\' {
					end++
				}
				end++
			}
			var err error
			if word, err = strconv.Unquote(strings.ReplaceAll(line[:end+1], "\x7f", "")); err != nil { // \xNN, \\ and \" mean the same in Go
				t.Fatalf("%q: %v", line, err)
			}
			line = strings.TrimPrefix(line[end+1:], " ")
		}
		words = append(words, strings.NewReplacer("$$", "$", "%%", "%").Replace(word))
	}
	return words
}

// hostileWord is made of what the formats have a use for.
func hostileWord(r *rand.Rand) string {
	pieces := []string{
		`"`, `'`, `\`, "$", "${A}", "$(A)", "$$", "%", "%{", "%%", "{{", "}}", "\n", "\r", "\t", " ", "#", ": ", "- ", "&a", "*a", "!", "|", "<<EOT", "ä", "店", "\U0001f600",
		"\u0085", "\u2028", "\ufeff", "\x01", "\x1b[0m", "\x7f", "a", "0", "~", "null", "yes", "=", ";", "[Service]", "\U000e0001",
	}
	var b strings.Builder
	for range r.IntN(6) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.String()
}

// TestRoundTrip: what is read back is what was said, whatever it was.
func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 150 {
		d := plainDaemon()
		d.Spec.FromArgs, d.Spec.Command = true, []string{hostileWord(r), hostileWord(r), hostileWord(r)}
		want := append([]string{"run", "--"}, d.Spec.Command...)
		for _, e := range []Engine{Kubernetes, Compose, Quadlet} {
			doc, err := Render(e, d, Options{Path: "/srv/a_b-c.d"})
			if e == Quadlet && slices.Contains(want, "") {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if e == Quadlet {
				if got := unitArguments(t, doc.Text); !slices.Equal(got, want) {
					t.Fatalf("%s: %q, want %q", e, got, want)
				}
				continue
			}
			if args, path := read(t, e, doc.Text); !slices.Equal(args, want) || path != "/srv/a_b-c.d" {
				t.Fatalf("%s: %q in %s, want %q", e, args, path, want)
			}
		}
	}
}

// FuzzOneLine: no comment ends before its line does.
func FuzzOneLine(f *testing.F) {
	for _, s := range []string{"a\nb", "a\rb", "\u0085", "\u2028", "\x00", "\xff", "läden"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := oneLine(s); strings.ContainsAny(got, "\n\r\v\f\u0085\u2028\u2029\x00\x1b") {
			t.Errorf("%q: %q", s, got)
		}
	})
}
