package install

import (
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/sysv"
)

func TestRenderSysVRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Request)
		want   string
	}{
		{"a relative program", func(r *Request) { r.Exec = "apexd" }, "not absolute"},
		{"a program that env would take for a variable", func(r *Request) { r.Exec = "/opt/a=b/apexd" }, `has a "="`},
		{"NUL", func(r *Request) { r.PIDFile = "/run/\x00" }, "NUL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := request()
			r.User = "shop"
			tt.change(&r)
			if text, err := RenderSysV(r); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v\n%s", err, text)
			}
		})
	}
}

// TestRenderSysV: nothing hostile gets into the comments that other programs read, and the mark still says it all.
func TestRenderSysV(t *testing.T) {
	r := request()
	r.User = "shop"
	r.Spec.Project = "/srv/a'b\n### END INIT INFO\n# Provides: evil @EXEC@ é\xff$(id)"
	r.Version = "1\n2"
	text, err := RenderSysV(r)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(text, "### END INIT INFO\n")
	if !ok || strings.Count(head, "\n# Provides:") != 1 || !strings.Contains(head, "# Provides:          "+r.name()+"\n") {
		t.Errorf("head:\n%s", head)
	}
	if strings.Count(text, "\n# Provides:") != 1 || strings.Count(text, "\n### END") != 1 {
		t.Errorf("a line of the script is the project's:\n%s", text)
	}
	for line := range strings.Lines(head + rest[:strings.Index(rest, "\nPATH=")]) {
		if !strings.HasPrefix(line, "#") && strings.TrimSpace(line) != "" || strings.ContainsFunc(line, func(c rune) bool { return c > '~' }) {
			t.Errorf("in the comments: %q", line)
		}
	}
	if m, ok := sysv.ParseMark(text); !ok || m.Project != r.Spec.Project || m.Kind != "sysv" {
		t.Errorf("mark %+v", m)
	}
	if strings.Contains(rest, "@CALL@") || !strings.Contains(rest, "evil @EXEC@") {
		t.Errorf("placeholders:\n%s", rest)
	}
}
