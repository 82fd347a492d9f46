package archtest

import (
	"go/ast"
	"go/token"
	"strings"
)

// The longest a reader can be asked to hold in the head at once.
const (
	maxFileLines     = 500
	maxFunctionLines = 60
)

// longFunctions may be longer, because they are flat: one switch or table without a nested decision.
var longFunctions = map[string]string{}

// checkComments finds packages without a package comment.
func checkComments(files []file) []string {
	var bad []string
	for pkg, fs := range packages(files) {
		documented := false
		for _, f := range fs {
			text := f.ast.Doc.Text()
			documented = documented || strings.HasPrefix(text, "Package "+f.ast.Name.Name+" ") || f.ast.Name.Name == "main" && text != ""
		}
		if !documented {
			bad = append(bad, problem(pkg, `no package comment, want "// Package %s …"`, fs[0].ast.Name.Name))
		}
	}
	return bad
}

// checkDocumented finds exported names without a comment. A name that several systems' files declare needs it once.
func checkDocumented(files []file) []string {
	var bad []string
	for _, fs := range packages(files) {
		documented, first := map[string]bool{}, map[string]string{}
		for _, f := range fs {
			if f.test {
				continue
			}
			for _, d := range f.ast.Decls {
				exported(d, func(name string, n ast.Node, doc bool) {
					documented[name] = documented[name] || doc
					if first[name] == "" {
						first[name] = f.at(n)
					}
				})
			}
		}
		for name, at := range first {
			if !documented[name] {
				bad = append(bad, problem(at, "exported %s has no comment", name))
			}
		}
	}
	return bad
}

// exported calls fn for every exported name that d declares, methods of exported types included. A comment on a group of constants or
// variables, or at the end of the line, is one for each.
func exported(d ast.Decl, fn func(name string, n ast.Node, documented bool)) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		name := d.Name.Name
		if d.Recv != nil {
			receiver := receiverName(d)
			if !token.IsExported(receiver) {
				return
			}
			name = receiver + "." + name
		}
		if d.Name.IsExported() {
			fn(name, d, d.Doc != nil)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					fn(s.Name.Name, s, s.Doc != nil || d.Doc != nil)
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() {
						fn(name.Name, name, s.Doc != nil || s.Comment != nil || d.Doc != nil)
					}
				}
			}
		}
	}
}

// receiverName is the type a method belongs to.
func receiverName(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// checkLength finds files and functions that are too long, and allowances that nothing needs. Test functions hold tables; they may be long.
func checkLength(files []file, allowed map[string]string) []string {
	var bad []string
	needed := map[string]bool{}
	for _, f := range files {
		if f.lines > maxFileLines {
			bad = append(bad, problem(f.path, "%d lines, at most %d", f.lines, maxFileLines))
		}
		if f.test {
			continue
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			name := f.pkg + "." + fn.Name.Name
			if n := f.fset.Position(fn.End()).Line - f.fset.Position(fn.Pos()).Line + 1; n > maxFunctionLines {
				needed[name] = true
				if allowed[name] == "" {
					bad = append(bad, problem(f.at(fn), "%s has %d lines, at most %d", fn.Name.Name, n, maxFunctionLines))
				}
			}
		}
	}
	for name := range allowed {
		if !needed[name] {
			bad = append(bad, problem("longFunctions", "%s needs no allowance any more", name))
		}
	}
	return bad
}

// checkInit finds init functions: what runs unasked at start-up costs every command, and nobody can test it.
func checkInit(files []file) []string {
	var bad []string
	for _, f := range files {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				bad = append(bad, problem(f.at(fn), "init function"))
			}
		}
	}
	return bad
}

// checkSleep finds time.Sleep, in tests too: whoever sleeps waits too long or not long enough.
func checkSleep(files []file) []string {
	var bad []string
	for _, f := range files {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && sel.Sel.Name == "Sleep" {
				bad = append(bad, problem(f.at(sel), "time.Sleep: wait for the event"))
			}
			return true
		})
	}
	return bad
}
