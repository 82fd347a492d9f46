package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestNames(t *testing.T) {
	const src = "package x\n\nfunc FuzzA(f *testing.F) {\n}\n\n\tfunc FuzzNot(f *testing.F) {\nfunc FuzzB(tb *testing.F) {\nfunc FuzzHelper(t *testing.T) {\n// func FuzzC(f *testing.F) {\n"
	if got := names([]byte(src)); !slices.Equal(got, []string{"FuzzA", "FuzzB"}) {
		t.Errorf("%q", got)
	}
}

func TestProgress(t *testing.T) {
	const out = "fuzz: elapsed: 0s, gathering baseline coverage: 0/8 completed\nfuzz: elapsed: 3s, execs: 10 (3/sec), new interesting: 1 (total: 9)\n" +
		"fuzz: elapsed: 1m3s, execs: 12345 (4115/sec), new interesting: 7 (total: 15)\nPASS\n"
	if got, want := progress(out), (result{execs: 12345, fresh: 7, elapsed: 63 * time.Second}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := progress("FAIL"); got != (result{}) {
		t.Errorf("%+v of nothing", got)
	}
}

func TestSpaced(t *testing.T) {
	for _, row := range []struct {
		total, n int
		want     []int
	}{
		{0, 3, nil}, {2, 3, []int{0, 1}}, {9, 3, []int{0, 3, 6}}, {5, 0, nil}, {5, -1, nil},
	} {
		if got := spaced(row.total, row.n); !slices.Equal(got, row.want) {
			t.Errorf("%d of %d: %v, want %v", row.n, row.total, got, row.want)
		}
	}
}

// TestKeep: what is there stays, it is filled up to the number that is wanted, and what is too long is left out.
func TestKeep(t *testing.T) {
	cache, dir := t.TempDir(), t.TempDir()
	tg := target{pkg: "example.org/x", dir: dir, name: "FuzzA"}
	if err := tg.keep(cache, 4); err != nil {
		t.Fatalf("nothing was found yet: %v", err)
	}
	found := filepath.Join(cache, "fuzz", "example.org", "x", "FuzzA")
	for name, size := range map[string]int{"a": 1, "b": 2, "c": 3, "d": 4, "long": maxInput + 1} {
		write(t, found, name, size)
	}
	write(t, tg.inputs(), "mine", 1)
	if err := tg.keep(cache, 3); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(tg.inputs())
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if err != nil || !slices.Equal(got, []string{"a", "c", "mine"}) {
		t.Errorf("%q, %v", got, err)
	}
}

func write(t *testing.T, dir, name string, size int) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), make([]byte, size), 0o644); err != nil {
		t.Fatal(err)
	}
}
