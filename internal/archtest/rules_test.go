package archtest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// TestRules shows each rule a tree that breaks it and one that does not.
func TestRules(t *testing.T) {
	leafRules := []leaf{{"core", []string{"./low", "example.org/lock"}, "it is a core"}}
	reservedRules := []reserved{
		{"example.org/flags", []string{"cli"}, "one place"},
		{"./cli", []string{"."}, "on top"},
		{"golang.org/x/sys/windows", []string{"*_windows.go"}, "one system"},
		{"bad", nil, "never"},
	}
	leafRule := func(fs []file) []string { return checkLeaves(fs, leafRules) }
	reservedRule := func(fs []file) []string { return checkReservations(fs, reservedRules) }
	lengthRule := func(fs []file) []string { return checkLength(fs, map[string]string{"p.Table": "a table"}) }
	long := func(name string) string {
		return "package p\nfunc Table() {" + strings.Repeat("\n", 60) + "}\nfunc " + name + "() {" + strings.Repeat("\n", 60) + "}\n"
	}
	for _, row := range []struct {
		name  string
		check func([]file) []string
		path  string
		src   string
		want  string // "" for no problem
	}{
		{"a leaf and the standard library", leafRule, "core/a.go", `package core; import "net/http"`, ""},
		{"a leaf and what it may have", leafRule, "core/a.go", `package core; import ("` + module + `/low"; "example.org/lock/v2")`, ""},
		{"a leaf and another module", leafRule, "core/a.go", `package core; import "example.org/other"`, "core must not import example.org/other: it is a core"},
		{"a leaf and a longer name", leafRule, "core/a.go", `package core; import "example.org/locker"`, "core must not import example.org/locker"},
		{"a leaf and another package", leafRule, "core/a_windows.go", `package core; import "` + module + `/high"`, "core must not import ./high"},
		{"a leaf's test", leafRule, "core/a_test.go", `package core; import "example.org/other"`, ""},
		{"not a leaf", leafRule, "core/sub/a.go", `package sub; import "example.org/other"`, ""},

		{"a reserved import where it belongs", reservedRule, "cli/a.go", `package cli; import "example.org/flags"`, ""},
		{"a reserved import elsewhere", reservedRule, "p/a.go", `package p; import "example.org/flags/sub"`, "only [cli] may import example.org/flags/sub: one place"},
		{"an own package reserved for the root", reservedRule, "main.go", `package main; import "` + module + `/cli"`, ""},
		{"an own package elsewhere", reservedRule, "p/a.go", `package p; import "` + module + `/cli"`, "only [.] may import ./cli: on top"},
		{"an own package's own part", reservedRule, "cli/sub/a.go", `package sub; import "` + module + `/cli"`, ""},
		{"one system's in its file", reservedRule, "p/a_windows.go", `package p; import "golang.org/x/sys/windows/svc"`, ""},
		{"one system's in another", reservedRule, "p/a.go", `package p; import "golang.org/x/sys/windows"`, "only [*_windows.go] may import"},
		{"one system's in a test", reservedRule, "p/a_test.go", `package p; import "golang.org/x/sys/windows"`, "only [*_windows.go] may import"},
		{"what nobody may have", reservedRule, "p/a.go", `package p; import "bad"`, "only [] may import bad: never"},
		{"what nobody may have, in a test", reservedRule, "p/a_test.go", `package p; import "bad"`, ""},

		{"a package comment", checkComments, "p/a.go", "// Package p is.\npackage p", ""},
		{"a command's comment", checkComments, "p/a.go", "// Command p does.\npackage main", ""},
		{"no package comment", checkComments, "p/a.go", "package p", `p: no package comment, want "// Package p`},
		{"a comment about something else", checkComments, "p/a.go", "// Copyright.\npackage p", "no package comment"},

		{"documented", checkDocumented, "p/a.go", "package p\n// F is.\nfunc F() {}\n// Some.\nconst (\nA = 1\nb = 2\n)\nvar B int // B is.", ""},
		{"an unexported name", checkDocumented, "p/a.go", "package p\nfunc f() {}\ntype t struct{}\nfunc (t) F() {}", ""},
		{"a function", checkDocumented, "p/a.go", "package p\nfunc F() {}", "p/a.go:2:1: exported F has no comment"},
		{"a method", checkDocumented, "p/a.go", "package p\n// T is.\ntype T[K any] struct{}\nfunc (*T[K]) F() {}", "exported T.F has no comment"},
		{"a type", checkDocumented, "p/a.go", "package p\ntype T int", "exported T has no comment"},
		{"a constant", checkDocumented, "p/a.go", "package p\nconst A = 1", "exported A has no comment"},
		{"a variable in a group", checkDocumented, "p/a.go", "package p\nvar (\nA = 1 // A is.\nB = 2\n)", "exported B has no comment"},
		{"a test's", checkDocumented, "p/a_test.go", "package p\nfunc TestF() {}", ""},

		{"a long function", lengthRule, "p/a.go", long("F"), "F has 61 lines, at most 60"},
		{"a long function in a test", lengthRule, "q/a_test.go", long("F"), "p.Table needs no allowance"},
		{"an allowance that is not needed", lengthRule, "q/a.go", "package q", "p.Table needs no allowance"},
		{"a long file", func(fs []file) []string { return checkLength(fs, nil) }, "p/a_test.go", "package p" + strings.Repeat("\n", 501), "501 lines, at most 500"},
		{"a file that just fits", func(fs []file) []string { return checkLength(fs, nil) }, "p/a.go", "package p" + strings.Repeat("\n", 500), ""},

		{"an init", checkInit, "p/a.go", "package p\nfunc init() {}", "p/a.go:2:1: init function"},
		{"a method called init", checkInit, "p/a.go", "package p\ntype t int\nfunc (t) init() {}", ""},
		{"a sleep", checkSleep, "p/a_test.go", "package p\nimport \"time\"\nfunc f() { time.Sleep(1) }", "p/a_test.go:3:12: time.Sleep"},
		{"another Sleep", checkSleep, "p/a.go", "package p\nfunc f(c clock) { c.Sleep(1) }", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			files, err := load(fstest.MapFS{row.path: {Data: []byte(row.src)}})
			if err != nil || len(files) != 1 {
				t.Fatalf("%d files, %v", len(files), err)
			}
			got := strings.Join(row.check(files), "\n")
			if got != "" && row.want == "" || !strings.Contains(got, row.want) || strings.Contains(got, "\n") {
				t.Errorf("problems %q, want %q", got, row.want)
			}
		})
	}
}

// TestDocumentedOnce: of a name that several systems declare, one comment is enough.
func TestDocumentedOnce(t *testing.T) {
	tree := fstest.MapFS{
		"p/a_linux.go": {Data: []byte("package p\n// F is.\nfunc F() {}")},
		"p/a_other.go": {Data: []byte("package p\nfunc F() {}")},
	}
	files, err := load(tree)
	if bad := checkDocumented(files); err != nil || len(files) != 2 || len(bad) > 0 {
		t.Errorf("%d files, %v, %q", len(files), err, bad)
	}
}

func TestLoadLeavesOut(t *testing.T) {
	files, err := load(fstest.MapFS{
		"a.go": {Data: []byte("package p")}, "testdata/b.go": {Data: []byte("not Go")}, ".git/c.go": {}, "_x/d.go": {}, "e/f.txt": {}, "e/g.go": {Data: []byte("package e")},
	})
	if err != nil || len(files) != 2 || files[0].pkg != "." || files[1].pkg != "e" {
		t.Errorf("%v, %v", files, err)
	}
	if _, err := load(fstest.MapFS{"a.go": {Data: []byte("not Go")}}); err == nil {
		t.Error("a file that is not Go was read")
	}
}

// TestCheckBuilds breaks one system of a module.
func TestCheckBuilds(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the compiler")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module x\ngo 1.26\n", "a.go": "package x\nvar A = b\n", "b_linux.go": "package x\nvar b = 1\n", "b_windows.go": "package x\nvar b int = \"\"\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	bad := checkBuilds(t.Context(), dir, []string{"linux", "windows", "darwin"})
	if len(bad) != 2 || !strings.HasPrefix(bad[0], "GOOS=windows") || !strings.HasPrefix(bad[1], "GOOS=darwin") || !strings.Contains(bad[1], "undefined: b") {
		t.Errorf("problems %q", bad)
	}
}
