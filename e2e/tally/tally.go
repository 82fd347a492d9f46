package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// counts are numbers of tests, subtests included. A package that fails without a failed test (it does not build, it panics) is one.
type counts struct{ passed, failed, skipped int }

// bad reports whether the run as a whole is a failure; one without tests is, since it proves nothing.
func (c counts) bad() bool { return c.failed > 0 || c.passed == 0 }

// parseCounts sums up the lines of a counts file.
func parseCounts(text string) (counts, error) {
	var all counts
	for line := range strings.Lines(text) {
		var c counts
		if _, err := fmt.Sscanf(line, "%d %d %d\n", &c.passed, &c.failed, &c.skipped); err != nil {
			return all, fmt.Errorf("counts %q: %w", line, err)
		}
		all.passed, all.failed, all.skipped = all.passed+c.passed, all.failed+c.failed, all.skipped+c.skipped
	}
	return all, nil
}

// event is one line of `go test -json` (go doc test2json, go help buildjson).
type event struct {
	Action  string
	Package string
	Test    string // "" for the package itself
	Output  string
	Elapsed float64 // seconds
}

// test names one test; with an empty name, its package.
type test struct{ pkg, name string }

// tally is one run being read.
type tally struct {
	counts
	out     io.Writer
	again   strings.Builder           // the failures, shortened
	said    map[test]*strings.Builder // output of what has not ended yet
	failing map[string]bool           // packages that a failed test accounts for
}

// read copies a run from in to out in readable form, counts it, and returns what failed once more, shortened. Lines that are not events are copied as they are.
func read(in io.Reader, out io.Writer) (_ counts, failures string, _ error) {
	t := tally{out: out, said: map[test]*strings.Builder{}, failing: map[string]bool{}}
	r := bufio.NewReader(in)
	for {
		line, err := r.ReadString('\n')
		if line != "" {
			t.line(line)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return t.counts, t.again.String(), err
		}
	}
	t.unfinished()
	return t.counts, t.again.String(), nil
}

func (t *tally) line(line string) {
	var e event
	if err := json.Unmarshal([]byte(line), &e); err != nil || e.Action == "" {
		fmt.Fprint(t.out, line)
		return
	}
	what := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(t.out, e.Output)
	case "start", "run":
		t.said[what] = &strings.Builder{}
	case "output":
		t.output(what, e.Output)
	case "pass", "fail", "skip":
		t.end(what, e)
	}
}

func (t *tally) output(what test, text string) {
	b, ok := t.said[what]
	if !ok {
		b = &strings.Builder{}
		t.said[what] = b
	}
	b.WriteString(text)
}

// end handles the end of a test or a package.
func (t *tally) end(what test, e event) {
	said := ""
	if b, ok := t.said[what]; ok {
		said = b.String()
	}
	delete(t.said, what)
	if what.name == "" {
		t.endPackage(e, said)
		return
	}
	switch e.Action {
	case "pass":
		t.passed++
	case "skip":
		t.skipped++
		fmt.Fprintf(t.out, "SKIP\t%s.%s: %s\n", e.Package, e.Test, reason(said))
	case "fail":
		t.failing[e.Package] = true
		t.fail(e.Package+"."+e.Test, said)
	}
}

func (t *tally) endPackage(e event, said string) {
	switch {
	case e.Action == "pass":
		fmt.Fprintf(t.out, "ok  \t%s\t%.3fs\n", e.Package, e.Elapsed)
	case e.Action == "skip":
		fmt.Fprintf(t.out, "?   \t%s\t[no test files]\n", e.Package)
	case t.failing[e.Package]:
		fmt.Fprintf(t.out, "FAIL\t%s\t%.3fs\n", e.Package, e.Elapsed)
	default:
		t.fail(fmt.Sprintf("%s\t%.3fs", e.Package, e.Elapsed), said)
	}
}

// fail counts one failure and prints it: whole, and its end once more for the end of all.
func (t *tally) fail(what, said string) {
	t.failed++
	fmt.Fprintf(t.out, "FAIL\t%s\n%s", what, indent(said))
	fmt.Fprintf(&t.again, "FAIL\t%s\n%s", what, indent(shorten(said)))
}

// shorten leaves the middle of a long text out: what failed is at its beginning, what came of it at its end.
func shorten(text string) string {
	const most = 20 // lines, of each
	lines := slices.Collect(strings.Lines(text))
	if len(lines) <= 2*most {
		return text
	}
	return strings.Join(lines[:most], "") + fmt.Sprintf("… %d lines more\n", len(lines)-2*most) + strings.Join(lines[len(lines)-most:], "")
}

// unfinished counts what has begun and not ended: the run was killed.
func (t *tally) unfinished() {
	left := slices.SortedFunc(maps.Keys(t.said), func(a, b test) int { return strings.Compare(a.pkg+" "+a.name, b.pkg+" "+b.name) })
	for _, what := range left {
		t.fail(what.pkg+"."+what.name+" did not end", t.said[what].String())
	}
}

// reason is what a skipped test said, on one line.
func reason(said string) string {
	var words []string
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			words = append(words, line)
		}
	}
	return strings.Join(words, " ")
}

// indent sets text off from the lines of tally's own.
func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("    " + strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.String()
}
