package cli

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/docs"
	"github.com/joshuaaferguson/apexd/service"
)

// codes are the constants of type service.Code, as its source has them.
func codes(t *testing.T) []service.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "service", "errors.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []service.Code
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			return true
		}
		if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == "Code" {
			word, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, service.Code(word))
		}
		return true
	})
	return all
}

// docs/errors.md has a section for each code, and the exit status that it means.
func TestErrorsAreDocumented(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "errors.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := strings.ReplaceAll(string(b), "\r\n", "\n")
	all := codes(t)
	if len(all) < 14 {
		t.Fatalf("only %q", all)
	}
	for _, c := range all {
		if section := errorSection(docs.Errors, string(c)); !strings.HasPrefix(section, string(c)+"\n\n") || strings.Contains(section, "\n## ") || strings.Contains(section, "](") {
			t.Errorf("apexd explain %s: %q", c, section)
		}
		row := fmt.Sprintf("| [%s](#%s) | %d | ", c, strings.ToLower(string(c)), statusOf(&service.Error{Code: c}))
		if !strings.Contains(page, "\n"+row) || !strings.Contains(page, "\n## "+string(c)+"\n\n") {
			t.Errorf("docs/errors.md lacks %q, or its section", row)
		}
	}
	if n := strings.Count(page, "\n## "); n != len(all) {
		t.Errorf("docs/errors.md has %d sections, there are %d codes", n, len(all))
	}
}
