package proc

import (
	"os"
	"runtime"
	"testing"
	"time"
)

// TestUsages: this process is somebody, uses memory and time, and a list keeps its order.
func TestUsages(t *testing.T) {
	spin(t, 50*time.Millisecond)
	got, err := Usages([][]int{{1<<31 - 1}, {os.Getpid(), os.Getpid()}, nil})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0] != (Usage{}) || got[2] != (Usage{}) {
		t.Errorf("of nobody: %+v", got)
	}
	if u := got[1]; u.Processes < 1 || u.Memory < 1<<20 || u.Memory > 1<<40 || u.CPU < 30*time.Millisecond || u.CPU > time.Hour {
		t.Errorf("of this process: %+v", u)
	}
}

// spin uses about d of processor time, where that can be told.
func spin(t *testing.T, d time.Duration) {
	t.Helper()
	for began := time.Now(); ; {
		got, err := Usages([][]int{{os.Getpid()}})
		if err != nil {
			t.Skipf("%s cannot tell: %v", runtime.GOOS, err)
		}
		if got[0].CPU >= d {
			return
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("after a minute: %+v", got[0])
		}
	}
}

// TestSum: descendants are counted once, strangers and loops are not.
func TestSum(t *testing.T) {
	one := func(ppid int) sample { return sample{ppid: ppid, cpu: time.Second, memory: 10} }
	table := map[int]sample{1: one(0), 2: one(1), 3: one(2), 4: one(2), 5: one(1), 6: one(7), 7: one(6)}
	children := map[int][]int{1: {2, 5}, 2: {3, 4}, 6: {7}, 7: {6}}
	for _, r := range []struct {
		name  string
		roots []int
		want  int
	}{
		{"a tree", []int{2}, 3}, {"a leaf", []int{5}, 1}, {"a root and one below it", []int{2, 3}, 3}, {"two", []int{2, 5}, 4}, {"a loop", []int{6}, 2}, {"nobody", []int{9}, 0}, {"none", nil, 0},
	} {
		if u := sum(table, children, r.roots); u.Processes != r.want || u.CPU != time.Duration(r.want)*time.Second || u.Memory != int64(10*r.want) {
			t.Errorf("%s: %+v, want %d", r.name, u, r.want)
		}
	}
}

// TestParsePS: lines as macOS, FreeBSD and procps write them.
func TestParsePS(t *testing.T) {
	got := parsePS("    1     0  13148   0:07.51\n  812     1   2048  12:34.50\n 9 8 1 1-02:03:04\n 10 8 0 01:02:03\nnonsense\n 11 1 x 0:01\n 12 1 5 a:b\n13 1 5 -1:00\n14 1 5 1:2:3:4\n")
	want := map[int]sample{
		1:   {ppid: 0, cpu: 7510 * time.Millisecond, memory: 13148 << 10},
		812: {ppid: 1, cpu: 12*time.Minute + 34500*time.Millisecond, memory: 2 << 20},
		9:   {ppid: 8, cpu: 26*time.Hour + 3*time.Minute + 4*time.Second, memory: 1 << 10},
		10:  {ppid: 8, cpu: time.Hour + 2*time.Minute + 3*time.Second},
	}
	if len(got) != len(want) {
		t.Errorf("got %v", got)
	}
	for pid, w := range want {
		if got[pid] != w {
			t.Errorf("%d: %+v, want %+v", pid, got[pid], w)
		}
	}
}

func FuzzParsePS(f *testing.F) {
	f.Add("    1     0  13148   0:07.51\n")
	f.Add("9 8 1 1-02:03:04")
	f.Fuzz(func(t *testing.T, text string) {
		for pid, s := range parsePS(text) {
			if pid <= 0 || s.ppid < 0 || s.cpu < 0 || s.memory < 0 {
				t.Errorf("%q: %d %+v", text, pid, s)
			}
		}
	})
}

func FuzzPSTime(f *testing.F) {
	f.Add("0:07.51")
	f.Add("1-02:03:04")
	f.Fuzz(func(t *testing.T, text string) {
		if d, ok := parsePSTime(text); d < 0 || !ok && d != 0 {
			t.Errorf("%q: %s, %t", text, d, ok)
		}
	})
}

func BenchmarkUsages(b *testing.B) {
	for b.Loop() {
		if _, err := Usages([][]int{{os.Getpid()}}); err != nil {
			b.Skip(err)
		}
	}
}
