package install

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/shellword"
	"github.com/joshuaaferguson/apexd/service"
)

// String is the plan for people, many lines.
func (p *Plan) String() string {
	var b strings.Builder
	note := ""
	if service.Kind(p.Backend).Untested() {
		note = ", untested"
	}
	fmt.Fprintf(&b, "%s %s (%s, %s%s)\n", p.Op, p.Service, p.Backend, p.Scope, note)
	if p.User != "" {
		fmt.Fprintf(&b, "runs as %s\n", p.User)
	}
	if p.Op == "install" {
		fmt.Fprintf(&b, "runs    %s\n", p.Program())
	}
	if p.Path != "" {
		fmt.Fprintf(&b, "PATH    %s\n", p.Path)
	}
	for _, f := range p.Files {
		p.file(&b, f)
	}
	list(&b, "kept, not ours to touch", p.Kept)
	list(&b, "then", p.Commands)
	list(&b, "checked afterwards", p.Checks)
	if p.UpToDate {
		b.WriteString("\nup to date: nothing to do\n")
	}
	if p.Restart {
		b.WriteString("\nthe daemon runs with the old definition until it is restarted: apexd restart\n")
	}
	return b.String()
}

// Program is what the daemon runs, as one would type it.
func (p *Plan) Program() string {
	if len(p.Runs) == 0 {
		return "the built-in API server"
	}
	words := make([]string, len(p.Runs))
	for i, w := range p.Runs {
		var err error
		if words[i], err = shellword.Quote(w); err != nil { // no shell can say it
			words[i] = strconv.Quote(w)
		}
	}
	return strings.Join(words, " ")
}

func (p *Plan) file(b *strings.Builder, f File) {
	switch {
	case f.New == "":
		fmt.Fprintf(b, "\nremove %s\n", f.Path)
	case !f.exists:
		fmt.Fprintf(b, "\nwrite %s (%s)\n", f.Path, f.Mode)
		for line := range strings.Lines(f.New) {
			b.WriteString("  " + line)
		}
	case f.Old != f.New:
		fmt.Fprintf(b, "\nchange %s (%s)\n", f.Path, f.Mode)
		for line := range strings.Lines(f.Diff) {
			b.WriteString("  " + line)
		}
	default:
		fmt.Fprintf(b, "\nup to date: %s\n", f.Path)
	}
}

func list(b *strings.Builder, title string, items []string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, s := range items {
		fmt.Fprintf(b, "  %s\n", s)
	}
}

// Diff is the difference of two short texts, line by line: "-" is only in a, "+" only in b, and the section that they are in comes before.
func Diff(a, b string) string {
	x, y := strings.SplitAfter(a, "\n"), strings.SplitAfter(b, "\n")
	common := longest(x, y)
	var out strings.Builder
	section, said := "", ""
	line := func(mark, s string) {
		if s == "" { // what SplitAfter leaves after the last newline
			return
		}
		if section != said {
			out.WriteString("  " + section)
			said = section
		}
		out.WriteString(mark + " " + strings.TrimSuffix(s, "\n") + "\n")
	}
	i, j := 0, 0
	for i < len(x) || j < len(y) {
		switch {
		case i < len(x) && j < len(y) && x[i] == y[j]:
			if strings.HasPrefix(x[i], "[") {
				section = x[i]
			}
			i, j = i+1, j+1
		case i < len(x) && (j == len(y) || common[i+1][j] >= common[i][j+1]):
			line("-", x[i])
			i++
		default:
			line("+", y[j])
			j++
		}
	}
	return out.String()
}

// longest holds in [i][j] the length of the longest common subsequence of x[i:] and y[j:]. Units have some fifty lines.
func longest(x, y []string) [][]int {
	n := make([][]int, len(x)+1)
	for i := range n {
		n[i] = make([]int, len(y)+1)
	}
	for i := len(x) - 1; i >= 0; i-- {
		for j := len(y) - 1; j >= 0; j-- {
			if x[i] == y[j] {
				n[i][j] = n[i+1][j+1] + 1
			} else {
				n[i][j] = max(n[i+1][j], n[i][j+1])
			}
		}
	}
	return n
}
