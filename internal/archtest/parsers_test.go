package archtest

import (
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// parserName is what functions are called that take foreign text apart.
var parserName = regexp.MustCompile(`^(parse|Parse|decode|Decode|unquote|unescape)[A-Z]?\w*$`)

// reached are parsers that a fuzz target reaches through another function, and which.
var reached = map[string]string{
	"internal/config.parse":          "FuzzLoad",
	"internal/config.parseAddress":   "FuzzLoad",
	"internal/config.parseCommand":   "FuzzLoad",
	"internal/config.parseListen":    "FuzzLoad",
	"internal/config.parseLoopback":  "FuzzLoad",
	"internal/config.parseMode":      "FuzzLoad",
	"internal/config.parseNumber":    "FuzzLoad",
	"internal/config.parsePassed":    "FuzzLoad",
	"internal/config.parsePath":      "FuzzLoad",
	"internal/config.parseSignal":    "FuzzLoad",
	"internal/config.parseText":      "FuzzLoad",
	"internal/config.parseURL":       "FuzzLoad",
	"internal/config.parseWord":      "FuzzLoad",
	"internal/config.parserPanic":    "FuzzLoad",
	"internal/config.unescape":       "FuzzParseEnv",
	"internal/apiserver.parse":       "FuzzParse",
	"internal/apiserver.parseHeader": "FuzzParse",
	"internal/logfile.parseEntry":    "FuzzIndex",
	"internal/notify.parse":          "FuzzParse",
	"internal/proc.parsePID":         "FuzzParsePIDs",
	"internal/project.unescape":      "FuzzFromWindows",
	"internal/ready.parseStatus":     "FuzzReadStatus",
}

// notForeign are functions with such a name that nobody else's text comes to, and why.
var notForeign = map[string]string{
	"internal/logfile.parseLevel": "one word of a flag, looked up in a table",
	"internal/ready.parseError":   "it words an error, and takes nothing apart",
}

// TestParsersAreFuzzed: every function whose name says that it parses is called by a fuzz target of its package, or has a line in one of the tables.
func TestParsersAreFuzzed(t *testing.T) {
	files, err := load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range unfuzzed(files, reached, notForeign) {
		t.Error(bad)
	}
}

// unfuzzed says which parsers no fuzz target reaches, and which lines of the tables nothing needs. Programs and packages for tests read what they have written themselves.
func unfuzzed(files []file, reached, allowed map[string]string) []string {
	var bad []string
	needed := map[string]bool{}
	for pkg, fs := range packages(files) {
		if within(pkg, "e2e") || within(pkg, "service/servicetest") {
			continue
		}
		parsers, fuzzed, targets := map[string]string{}, map[string]bool{}, map[string]bool{}
		for _, f := range fs {
			for _, d := range f.ast.Decls {
				fn, ok := d.(*ast.FuncDecl)
				switch {
				case !ok:
				case f.test && strings.HasPrefix(fn.Name.Name, "Fuzz"):
					targets[fn.Name.Name] = true
					names(fn, fuzzed)
				case !f.test && parserName.MatchString(fn.Name.Name):
					parsers[fn.Name.Name] = f.at(fn)
				}
			}
		}
		for name, at := range parsers {
			full := pkg + "." + name
			switch {
			case fuzzed[name]:
			case targets[reached[full]] || allowed[full] != "":
				needed[full] = true
			default:
				bad = append(bad, problem(at, "no fuzz target of %s calls %s", pkg, name))
			}
		}
	}
	for _, table := range []map[string]string{reached, allowed} {
		for full := range table {
			if !needed[full] {
				bad = append(bad, full+" needs no line any more, or names a target that is not there")
			}
		}
	}
	slices.Sort(bad)
	return bad
}

// names notes every name in fn.
func names(fn *ast.FuncDecl, into map[string]bool) {
	ast.Inspect(fn, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			into[id.Name] = true
		}
		return true
	})
}

// TestFuzzCorpora: each fuzz target has inputs in testdata/fuzz, which every `go test` runs, and none is longer than people read.
func TestFuzzCorpora(t *testing.T) {
	files, err := load(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	targets := 0
	for _, f := range files {
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !f.test || !strings.HasPrefix(fn.Name.Name, "Fuzz") {
				continue
			}
			targets++
			inputs, err := os.ReadDir(filepath.Join(root, f.pkg, "testdata", "fuzz", fn.Name.Name))
			if err != nil || len(inputs) == 0 {
				t.Errorf("%s: no corpus: %v", f.at(fn), err)
			}
			for _, in := range inputs {
				if fi, err := in.Info(); err != nil || fi.Size() > 4<<10 {
					t.Errorf("%s: %s: %v, or too long", f.at(fn), in.Name(), err)
				}
			}
		}
	}
	if targets < 60 {
		t.Errorf("only %d fuzz targets were found", targets)
	}
}
