package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// target is one fuzz function.
type target struct{ pkg, dir, name string }

// String is "package.FuzzX".
func (t target) String() string { return path.Base(t.pkg) + "." + t.name }

// inputs is where `go test` looks for the target's corpus.
func (t target) inputs() string { return filepath.Join(t.dir, "testdata", "fuzz", t.name) }

// goTool runs the go command and returns what it printed, without the last newline.
func goTool(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

// find lists the targets that this system's build has.
func find(ctx context.Context) ([]target, error) {
	const form = `{{$p := .}}{{range .TestGoFiles}}{{$p.ImportPath}}|{{$p.Dir}}|{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$p.ImportPath}}|{{$p.Dir}}|{{.}}{{"\n"}}{{end}}`
	files, err := goTool(ctx, "list", "-f", form, "./...")
	if err != nil {
		return nil, err
	}
	var all []target
	for line := range strings.Lines(files) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) != 3 {
			continue
		}
		src, err := os.ReadFile(filepath.Join(f[1], f[2]))
		if err != nil {
			return nil, err
		}
		for _, name := range names(src) {
			all = append(all, target{pkg: f[0], dir: f[1], name: name})
		}
	}
	return all, nil
}

// names are the fuzz functions in a file's source.
func names(src []byte) []string {
	var all []string
	for line := range strings.Lines(string(src)) {
		rest, ok := strings.CutPrefix(line, "func Fuzz")
		name, args, _ := strings.Cut(rest, "(")
		if ok && strings.HasSuffix(strings.TrimSpace(args), "*testing.F) {") {
			all = append(all, "Fuzz"+name)
		}
	}
	return all
}

// result is what a run of a target has done.
type result struct {
	execs, fresh, corpus int
	elapsed              time.Duration
}

// run fuzzes the target for o.each. The error has what go test printed.
func (t target) run(ctx context.Context, o options) (result, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run=^$", "-fuzz=^"+t.name+"$", "-fuzztime="+o.each.String(), "-parallel="+strconv.Itoa(o.parallel), t.pkg)
	cmd.Dir = t.dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // which it passes on to its workers
	cmd.WaitDelay = time.Minute
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out.Bytes())
	}
	return progress(out.String()), err
}

// progress is the last of the lines by which `go test -fuzz` tells how far it is:
//
//	fuzz: elapsed: 1m3s, execs: 12345 (4115/sec), new interesting: 3 (total: 10)
func progress(out string) result {
	var r result
	line := regexp.MustCompile(`fuzz: elapsed: (\S+), execs: (\d+) .*new interesting: (\d+)`)
	for _, m := range line.FindAllStringSubmatch(out, -1) {
		r.elapsed, _ = time.ParseDuration(m[1]) // these three are what the pattern says
		r.execs, _ = strconv.Atoi(m[2])
		r.fresh, _ = strconv.Atoi(m[3])
	}
	return r
}

// corpus counts the committed inputs.
func (t target) corpus() (int, error) {
	entries, err := os.ReadDir(t.inputs())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	return len(entries), err
}

// maxInput bounds an input that is kept: the corpus is read by people and by every `go test`.
const maxInput = 2 << 10

// keep copies inputs that go has found, in its cache, to the committed corpus until that holds n: short ones and long ones alike.
func (t target) keep(cache string, n int) error {
	has, err := t.corpus()
	if err != nil {
		return err
	}
	dir := filepath.Join(cache, "fuzz", filepath.FromSlash(t.pkg), t.name)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	type input struct {
		name string
		text []byte
	}
	var found []input
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		if len(text) <= maxInput {
			found = append(found, input{e.Name(), text})
		}
	}
	slices.SortFunc(found, func(a, b input) int {
		return cmp.Or(cmp.Compare(len(a.text), len(b.text)), strings.Compare(a.name, b.name))
	})
	for _, i := range spaced(len(found), n-has) {
		if err := os.MkdirAll(t.inputs(), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(t.inputs(), found[i].name), found[i].text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// spaced are n of the numbers below total, as far from each other as can be; all when they are not more than n.
func spaced(total, n int) []int {
	var picked []int
	for i := range min(total, max(n, 0)) {
		picked = append(picked, i*total/min(total, n))
	}
	return picked
}
