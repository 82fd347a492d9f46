package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	for _, row := range []struct {
		name, in string
		want     counts
		out      []string // in this order
		not      string
	}{
		{"a pass is one line a package", `
{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: noise\n"}
{"Action":"pass","Package":"p","Test":"TestA","Elapsed":0.1}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"pass","Package":"p","Elapsed":1.25}
`, counts{1, 0, 0}, []string{"ok  \tp\t1.250s\n"}, "noise"},
		{"a failure prints what the test said", `
{"Action":"run","Package":"p","Test":"TestA/b"}
{"Action":"output","Package":"p","Test":"TestA/b","Output":"    a_test.go:1: got 1\n"}
{"Action":"fail","Package":"p","Test":"TestA/b","Elapsed":0}
{"Action":"fail","Package":"p","Elapsed":0.5}
`, counts{0, 1, 0}, []string{"FAIL\tp.TestA/b\n", "got 1\n", "FAIL\tp\t0.500s\n"}, ""},
		{"a skip prints its reason", `
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: no root\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"--- SKIP: TestA (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
`, counts{0, 0, 1}, []string{"SKIP\tp.TestA: a_test.go:1: no root\n"}, "---"},
		{"a package that does not build is a failure", `
{"ImportPath":"p","Action":"build-output","Output":"p/a.go:1: undefined: x\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"start","Package":"p"}
{"Action":"output","Package":"p","Output":"FAIL\tp [build failed]\n"}
{"Action":"fail","Package":"p","Elapsed":0,"FailedBuild":"p"}
`, counts{0, 1, 0}, []string{"undefined: x\n", "FAIL\tp\t", "[build failed]"}, ""},
		{"a run that was cut off is a failure", `
{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"waiting\n"}
`, counts{0, 2, 0}, []string{"p. did not end", "p.TestA did not end", "waiting"}, ""},
		{"a package without tests", `{"Action":"skip","Package":"p"}`, counts{}, []string{"?   \tp\t"}, ""},
		{"what is not an event is copied", "go: downloading x\n{\"a\":1}\n", counts{}, []string{"go: downloading x\n{\"a\":1}\n"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out strings.Builder
			got, _, err := read(strings.NewReader(strings.TrimPrefix(row.in, "\n")), &out)
			if err != nil || got != row.want {
				t.Errorf("%+v, %v, want %+v", got, err, row.want)
			}
			rest := out.String()
			for _, want := range row.out {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Errorf("no %q in its place in:\n%s", want, out.String())
				}
				rest = after
			}
			if row.not != "" && strings.Contains(out.String(), row.not) {
				t.Errorf("%q in:\n%s", row.not, out.String())
			}
		})
	}
}

// TestFailuresAgain: what failed is there once more, beginning and end of each, from all runs.
func TestFailuresAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "failures")
	var long strings.Builder
	long.WriteString(`{"Action":"output","Package":"p","Test":"TestA","Output":"what failed\n"}` + "\n")
	for range 100 {
		long.WriteString(`{"Action":"output","Package":"p","Test":"TestA","Output":"noise\n"}` + "\n")
	}
	long.WriteString(`{"Action":"output","Package":"p","Test":"TestA","Output":"the reason\n"}` + "\n")
	for _, in := range []string{
		long.String() + `{"Action":"fail","Package":"p","Test":"TestA"}` + "\n" + `{"Action":"fail","Package":"p"}`,
		`{"Action":"pass","Package":"q","Test":"TestB"}`,
		`{"Action":"output","Package":"q","Output":"panic\n"}` + "\n" + `{"Action":"fail","Package":"q","Elapsed":1}`,
	} {
		if _, err := run(options{failures: file}, strings.NewReader(in), new(strings.Builder)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	want := "FAIL\tp.TestA\n    what failed\n" + strings.Repeat("    noise\n", 19) + "    … 62 lines more\n" + strings.Repeat("    noise\n", 19) + "    the reason\nFAIL\tq\t1.000s\n    panic\n"
	if string(got) != want {
		t.Errorf("%v, got:\n%s\nwant:\n%s", err, got, want)
	}
}

func TestSum(t *testing.T) {
	file := filepath.Join(t.TempDir(), "counts")
	for _, in := range []string{
		`{"Action":"pass","Package":"p","Test":"A"}`,
		`{"Action":"pass","Package":"q","Test":"A"}` + "\n" + `{"Action":"skip","Package":"q","Test":"B"}`,
	} {
		if failed, err := run(options{to: file}, strings.NewReader(in), new(strings.Builder)); failed || err != nil {
			t.Fatal(failed, err)
		}
	}
	for _, row := range []struct {
		name, more, want string
		failed           bool
	}{
		{"all passed", "", "2 passed, 0 failed, 1 skipped\n", false},
		{"one more failed", "0 1 0\n", "2 passed, 1 failed, 1 skipped\n", true},
	} {
		f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(row.more); err != nil {
			t.Fatal(err)
		}
		f.Close()
		var out strings.Builder
		if failed, err := run(options{sum: file}, nil, &out); failed != row.failed || err != nil || out.String() != row.want {
			t.Errorf("%s: %v, %v, %q, want %q", row.name, failed, err, out.String(), row.want)
		}
	}
}

func TestSumRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, row := range []struct {
		name, text string
	}{
		{"no test at all", "0 0 3\n"},
		{"an empty file", ""},
		{"not counts", "1 2\n"},
	} {
		file := filepath.Join(dir, "counts")
		if err := os.WriteFile(file, []byte(row.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if failed, _ := run(options{sum: file}, nil, new(strings.Builder)); !failed {
			t.Errorf("%s is a success", row.name)
		}
	}
	if failed, err := run(options{sum: filepath.Join(dir, "none")}, nil, nil); !failed || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v, %v", failed, err)
	}
}
