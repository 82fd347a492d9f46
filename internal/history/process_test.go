package history

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A child of these tests is this binary again, told by the environment: HISTORY_TEST_WRITER=PATH,LIMIT,WRITER,COUNT. It appends COUNT
// events, and prints the number of each when it is written. With a LIMIT below 0 it trims once, at -LIMIT, and never again.
const childEnv = "HISTORY_TEST_WRITER"

func TestMain(m *testing.M) {
	if arg := os.Getenv(childEnv); arg != "" {
		if err := child(strings.Split(arg, ",")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(arg []string) error {
	l, err := Open(arg[0])
	if err != nil {
		return err
	}
	if l.limit, err = strconv.ParseInt(arg[1], 10, 64); err != nil {
		return err
	}
	count, err := strconv.Atoi(arg[3])
	if err != nil {
		return err
	}
	once := l.limit < 0
	if once {
		l.limit = -l.limit
	}
	for i := range count {
		before, _ := os.Stat(l.path) // nil as long as there is none
		if err := l.Append(Event{At: noon, Event: Ready, By: arg[2], Restarts: i, Reason: strings.Repeat("r", i%97)}); err != nil {
			if replaceWhileOpen {
				return err
			}
			continue // an append that meets a trim may fail there
		}
		if after, err := os.Stat(l.path); once && before != nil && err == nil && !os.SameFile(before, after) { // nobody else replaces it
			once, l.limit = false, 1<<20
		}
		fmt.Println(i)
	}
	return nil
}

func writer(t *testing.T, path string, limit int64, name string, count int) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", // else the race detector holds each child for a second
		fmt.Sprintf("%s=%s,%d,%s,%d", childEnv, path, limit, name, count))
	cmd.Stderr = os.Stderr
	return cmd
}

// numbersOf returns which events of each writer are in path, and fails when a line was torn.
func numbersOf(t *testing.T, path string) map[string]map[int]bool {
	t.Helper()
	events, skipped, err := Read(path, -1)
	if err != nil || skipped != 0 {
		t.Errorf("%d torn lines, %v", skipped, err)
	}
	got := map[string]map[int]bool{}
	for _, e := range events {
		if got[e.By] == nil {
			got[e.By] = map[int]bool{}
		}
		got[e.By][e.Restarts] = true
	}
	return got
}

// gapless reports whether numbers are the last ones before count, none missing in between.
func gapless(numbers map[int]bool, count int) bool {
	for i := range len(numbers) {
		if !numbers[count-1-i] {
			return false
		}
	}
	return true
}

// TestProcesses has several processes append at once. Whoever trims, no line is torn and the file stays bounded. When one of them
// trims, nothing newer than what was trimmed away is lost (on Windows, events may be). It does so once: what was carried over stands behind newer lines, which the
// next time would go first.
func TestProcesses(t *testing.T) {
	if wine() {
		t.Skip("under Wine (8.0) appends of several processes overwrite each other, with nobody trimming")
	}
	const count = 400
	tests := []struct {
		name   string
		limits []int64
		lossy  bool
	}{
		{"nobody trims", []int64{1 << 20, 1 << 20, 1 << 20, 1 << 20}, false},
		{"one trims", []int64{-8 << 10, 1 << 20, 1 << 20, 1 << 20}, !replaceWhileOpen},
		{"one trims, later", []int64{-64 << 10, 1 << 20, 1 << 20, 1 << 20}, !replaceWhileOpen},
		{"all trim", []int64{8 << 10, 8 << 10, 8 << 10, 8 << 10}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := historyPath(t)
			var wg sync.WaitGroup
			for i, limit := range tt.limits {
				cmd := writer(t, path, limit, fmt.Sprint("w", i), count)
				wg.Go(func() {
					if err := cmd.Run(); err != nil {
						t.Errorf("writer %d: %v", i, err)
					}
				})
			}
			wg.Wait()
			got := numbersOf(t, path)
			for w, numbers := range got {
				if !tt.lossy && !gapless(numbers, count) {
					t.Errorf("%s: %d events survive, with gaps", w, len(numbers))
				}
			}
			if tt.name == "nobody trims" && (len(got) != 4 || len(got["w0"]) != count) {
				t.Errorf("%d writers, %d events of the first, want 4, %d", len(got), len(got["w0"]), count)
			}
			if fi, err := os.Stat(path); tt.name == "all trim" && (err != nil || fi.Size() > 10<<10) {
				t.Errorf("%v, %v: not bounded", fi, err)
			}
		})
	}
}

// TestKilledWhileTrimming kills a process that does little else than trim. Every event that it reported as written, down to the oldest that
// is left, must be there, and the next writer must be able to go on.
func TestKilledWhileTrimming(t *testing.T) {
	for round := range 6 {
		path := historyPath(t)
		cmd := writer(t, path, 400, "w", 1_000_000)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last, lines := -1, bufio.NewScanner(out)
		for lines.Scan() {
			last, _ = strconv.Atoi(lines.Text())
			if last == 50+37*round {
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
		checkAfterKill(t, path, last)
	}
}

func checkAfterKill(t *testing.T, path string, last int) {
	t.Helper()
	l := open(t, path)
	l.limit = 400
	appendAll(t, l, Event{At: noon, Event: Ready, By: "next"})
	events, _, err := Read(path, -1)
	if err != nil || len(events) < 2 {
		t.Fatalf("after a kill: %v, %v", events, err)
	}
	own := events[:len(events)-1]
	for i, e := range own {
		if e.Restarts != own[0].Restarts+i {
			t.Errorf("a gap after event %d", own[0].Restarts+i-1)
		}
	}
	if newest := own[len(own)-1].Restarts; newest < last {
		t.Errorf("the newest event is %d, but %d was reported as written", newest, last)
	}
}
