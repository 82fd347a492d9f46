package archtest

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDependencies: each module that go.mod requires for this one has a row in docs/design.md that says what it is worth, and each row is of such a module.
func TestDependencies(t *testing.T) {
	tree := os.DirFS(root)
	mod, err := fs.ReadFile(tree, "go.mod")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := fs.ReadFile(tree, "docs/design.md")
	if err != nil {
		t.Fatal(err)
	}
	direct, reasons := required(string(mod)), justified(string(doc))
	if len(direct) < 5 {
		t.Fatalf("only %q were found in go.mod", direct)
	}
	for _, bad := range unjustified(direct, reasons) {
		t.Error(bad)
	}
}

// TestUnjustified shows the rule what it has to find.
func TestUnjustified(t *testing.T) {
	const mod = "module x\n\ngo 1.26.0\n\nrequire (\n\tgithub.com/a/b v1.0.0\n\texample.org/c v0.1.0 // indirect\n)\n\nrequire example.org/d/v2 v2.0.0\n"
	direct := required(mod)
	if !slices.Equal(direct, []string{"github.com/a/b", "example.org/d/v2"}) {
		t.Errorf("required: %q", direct)
	}
	const head = "# Design\n\n| package | promise |\n|---|---|\n| x | y |\n\n## Dependencies\n\n| module | why |\n|---|---|\n"
	for rows, want := range map[string]int{
		"| a/b | it |\n| example.org/d/v2 | it too |\n": 0,
		"| a/b | it |\n":                         1,
		"| a/b | it |\n| example.org/d/v2 | |\n": 1,
		"| a/b | it |\n| example.org/d/v2 | it too |\n| e/f | it was |\n": 1,
		"\n## Else\n\n| a/b | it |\n| example.org/d/v2 | it too |\n":      2,
	} {
		if got := unjustified(direct, justified(head+rows)); len(got) != want {
			t.Errorf("%q: %q, want %d", rows, got, want)
		}
	}
}

// required are the modules that a go.mod requires and does not call indirect (go.dev/ref/mod#go-mod-file-require).
func required(mod string) []string {
	var all []string
	block := false
	for line := range strings.Lines(mod) {
		line = strings.TrimSpace(line)
		rest, single := strings.CutPrefix(line, "require ")
		switch {
		case rest == "(":
			block = true
			continue
		case line == ")":
			block = false
		}
		if f := strings.Fields(rest); (block || single) && len(f) >= 2 && !strings.HasSuffix(line, "// indirect") {
			all = append(all, f[0])
		}
	}
	return all
}

// justified are the rows of the table of dependencies: module, without "github.com/", to reason.
func justified(doc string) map[string]string {
	rows := map[string]string{}
	_, section, _ := strings.Cut(doc, "\n## Dependencies\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) == 4 && strings.TrimSpace(cells[1]) != "module" && !strings.HasPrefix(cells[1], "-") {
			rows[strings.TrimSpace(cells[1])] = strings.TrimSpace(cells[2])
		}
	}
	return rows
}

// unjustified says where go.mod and the table do not agree.
func unjustified(direct []string, reasons map[string]string) []string {
	var bad []string
	known := map[string]bool{}
	for _, m := range direct {
		name := strings.TrimPrefix(m, "github.com/")
		known[name] = true
		if reasons[name] == "" {
			bad = append(bad, "docs/design.md does not say why there is "+m)
		}
	}
	for name := range reasons {
		if !known[name] {
			bad = append(bad, "docs/design.md gives a reason for "+name+", which go.mod does not require")
		}
	}
	return bad
}
