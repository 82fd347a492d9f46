package archtest

import (
	"go/ast"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// TestNamedTestsExist: docs/security.md says of each protection which test fails without it.
func TestNamedTestsExist(t *testing.T) {
	files, err := load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := fs.ReadFile(os.DirFS(root), "docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	known := testNames(files, os.DirFS(root))
	rows := 0
	for line := range strings.Lines(string(doc)) {
		names := lastColumn(line)
		if names == "" {
			continue
		}
		rows++
		for _, bad := range unknownTests(names, known) {
			t.Errorf("docs/security.md: %s", bad)
		}
	}
	if rows < 10 {
		t.Errorf("only %d rows were found in docs/security.md", rows)
	}
}

// namedTest is how docs/reliability.md names what it speaks of.
var namedTest = regexp.MustCompile("`([a-z]+\\.(?:Test|Fuzz)\\w+|servicetest: [^`]+)`")

// TestReliabilityNamesTests: the same of docs/reliability.md, anywhere in it.
func TestReliabilityNamesTests(t *testing.T) {
	files, err := load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := fs.ReadFile(os.DirFS(root), "docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	known := testNames(files, os.DirFS(root))
	named := namedTest.FindAllStringSubmatch(string(doc), -1)
	for _, m := range named {
		if !known[m[1]] {
			t.Errorf("docs/reliability.md: there is no test %s", m[1])
		}
	}
	if len(named) < 60 {
		t.Errorf("only %d tests were found in docs/reliability.md", len(named))
	}
}

// TestUnknownTests shows the rule what it has to find.
func TestUnknownTests(t *testing.T) {
	known := map[string]bool{"pkg.TestA": true, "suite: a case": true}
	for cell, want := range map[string]int{"`pkg.TestA`": 0, "`pkg.TestA`, `suite: a case`": 0, "`pkg.TestB`": 1, "`pkg.TestA`, `pkg`: B": 1, "in words": 1} {
		if got := unknownTests(cell, known); len(got) != want {
			t.Errorf("%s: %q, want %d", cell, got, want)
		}
	}
}

// lastColumn is the last cell of a row of the table of protections, "" for other lines and for the table's head.
func lastColumn(line string) string {
	cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
	if len(cells) != 4 || strings.TrimSpace(cells[3]) == "test" {
		return ""
	}
	return strings.TrimSpace(cells[3])
}

// unknownTests says what of a cell is no test.
func unknownTests(cell string, known map[string]bool) []string {
	var bad []string
	for name := range strings.SplitSeq(cell, ", ") {
		if !known[strings.Trim(name, "`")] {
			bad = append(bad, "there is no test "+name)
		}
	}
	return bad
}

// testNames are "package.TestX", "package.TestScripts/topic" and "servicetest: case".
func testNames(files []file, tree fs.FS) map[string]bool {
	names := map[string]bool{}
	for _, f := range files {
		if f.pkg == "service/servicetest" {
			for _, c := range caseNames(f) {
				names["servicetest: "+c] = true
			}
		}
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && f.test && (strings.HasPrefix(fn.Name.Name, "Test") || strings.HasPrefix(fn.Name.Name, "Fuzz")) {
				names[path.Base(f.pkg)+"."+fn.Name.Name] = true
			}
		}
	}
	scripts, _ := fs.Glob(tree, "internal/cli/testdata/script/*.txtar") // the pattern is valid
	for _, s := range scripts {
		names["cli.TestScripts/"+strings.TrimSuffix(path.Base(s), ".txtar")] = true
	}
	return names
}

// caseNames are the strings after name: in the composite literals of f.
func caseNames(f file) []string {
	var names []string
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if kv, ok := n.(*ast.KeyValueExpr); ok {
			key, isName := kv.Key.(*ast.Ident)
			value, isText := kv.Value.(*ast.BasicLit)
			if isName && isText && key.Name == "name" {
				names = append(names, strings.Trim(value.Value, `"`))
			}
		}
		return true
	})
	return names
}
