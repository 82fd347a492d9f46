// Package archtest holds this module to its own rules: which package may import which, what is documented, how long things get, and on which
// systems it builds. It has only tests. Every rule is a function over a source tree, and rules_test.go shows each of them a tree that breaks it.
package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// module is the import path of the tree.
const module = "github.com/joshuaaferguson/apexd"

// file is one Go file of the module, for whatever system it is.
type file struct {
	path  string // slash-separated, from the root of the module
	pkg   string // its directory, "." for the root
	test  bool
	lines int
	ast   *ast.File
	fset  *token.FileSet
}

// load parses every Go file below root that the go command would see on some system. It does not look at build constraints: the rules hold
// for all systems at once.
func load(root fs.FS) ([]file, error) {
	var files []file
	fset := token.NewFileSet()
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			name := d.Name()
			if p != "." && (name == "testdata" || name == "vendor" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(p) != ".go" {
			return nil
		}
		src, err := fs.ReadFile(root, p)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(fset, p, src, parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, file{
			path: p, pkg: path.Dir(p), test: strings.HasSuffix(p, "_test.go"), lines: strings.Count(string(src), "\n"), ast: f, fset: fset,
		})
		return nil
	})
	return files, err
}

// at is the place of n, as every problem begins with.
func (f file) at(n ast.Node) string { return f.fset.Position(n.Pos()).String() }

// imports returns the file's imports, the module's own as "./pkg".
func (f file) imports() map[string]*ast.ImportSpec {
	all := map[string]*ast.ImportSpec{}
	for _, spec := range f.ast.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has refused it already
		}
		if rest, ok := strings.CutPrefix(name, module); ok && (rest == "" || rest[0] == '/') {
			name = "." + rest
		}
		all[name] = spec
	}
	return all
}

// standard reports whether an import is of the standard library: those have no dot in their first element, and ours begin with one.
func standard(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return !strings.Contains(first, ".")
}

// within reports whether name is dir or below it.
func within(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

// withinAny reports whether name is one of dirs or below one.
func withinAny(name string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return within(name, d) })
}

// packages returns the files by directory.
func packages(files []file) map[string][]file {
	all := map[string][]file{}
	for _, f := range files {
		all[f.pkg] = append(all[f.pkg], f)
	}
	return all
}

// problem is one breach of a rule.
func problem(at, format string, args ...any) string { return at + ": " + fmt.Sprintf(format, args...) }
