package history

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	const (
		one   = `{"at":"2025-01-15T12:00:00Z","event":"ready","restarts":1}` + "\n"
		two   = `{"at":"2025-01-15T12:00:00Z","event":"ready","restarts":2}` + "\n"
		three = `{"at":"2025-01-15T12:00:00Z","event":"ready","restarts":3,"later":{"version":[1]}}` + "\n"
	)
	tests := []struct {
		name, content string
		n             int
		want          []int
		skipped       int
	}{
		{"all", one + two + three, -1, []int{1, 2, 3}, 0},
		{"last two", one + two + three, 2, []int{2, 3}, 0},
		{"more than there are", one + two, 10, []int{1, 2}, 0},
		{"none wanted", one, 0, nil, 0},
		{"empty", "", -1, nil, 0},
		{"blank lines are not counted", "\n\n" + one + "\n \n" + two, -1, []int{1, 2}, 0},
		{"torn in the middle", one + `{"at":"2025-` + "\n" + two, -1, []int{1, 2}, 1},
		{"torn at the end", one + strings.TrimSuffix(two, "}\n"), -1, []int{1}, 1},
		{"only the newline is missing", one + strings.TrimSuffix(two, "\n"), -1, []int{1, 2}, 0},
		{"line ends of Windows", strings.ReplaceAll(one+two, "\n", "\r\n"), -1, []int{1, 2}, 0},
		{"foreign text", one + "hello\n[]\nnull\n7\n\"s\"\n" + two, -1, []int{1, 2}, 5},
		{"two objects in a line", strings.TrimSuffix(one, "\n") + two + three, -1, []int{3}, 1},
		{"foreign objects", `{"at":"2025-01-15T12:00:00Z"}` + "\n" + `{"event":"ready"}` + "\n" + `{"at":"yesterday","event":"ready"}` + "\n" + one, -1, []int{1}, 3},
		{"wrong type", `{"at":"2025-01-15T12:00:00Z","event":"ready","pid":"12"}` + "\n" + one, -1, []int{1}, 1},
		{"skipped ones before the last n are not looked at", "bad\n" + one + "bad\n" + two, 1, []int{2}, 0},
		{"too long to be ours", `{"at":"2025-01-15T12:00:00Z","event":"ready","reason":"` + strings.Repeat("x", maxLine) + "\"}\n" + one, -1, []int{1}, 1},
		{"binary", "\x00\xff\xfe\n" + one, -1, []int{1}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := historyPath(t)
			if err := os.WriteFile(path, []byte(tt.content), 0o640); err != nil {
				t.Fatal(err)
			}
			got, skipped := read(t, path, tt.n)
			if !reflect.DeepEqual(got, tt.want) || skipped != tt.skipped {
				t.Errorf("Read = %v, %d skipped, want %v, %d", got, skipped, tt.want, tt.skipped)
			}
			if content(t, path) != tt.content {
				t.Error("Read changed the file")
			}
		})
	}
}

func TestReadOfNothing(t *testing.T) {
	path := historyPath(t)
	for _, p := range []string{path, path + "/deeper/daemon.history"} {
		if events, skipped, err := Read(p, -1); events != nil || skipped != 0 || err != nil {
			t.Errorf("Read(%q) = %v, %d, %v, want nothing", p, events, skipped, err)
		}
	}
}

// TestReadIsBounded reads the end of a file of 1 TiB, nearly all of it a hole.
func TestReadIsBounded(t *testing.T) {
	path := historyPath(t)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	line, _ := encode(numbered(7))
	if _, err := f.WriteAt(append([]byte("\n"), line...), 1<<40); err != nil {
		t.Skipf("the file system has no holes of this size: %v", err)
	}
	if got, _ := read(t, path, -1); !reflect.DeepEqual(got, []int{7}) {
		t.Errorf("Read = %v, want [7]", got)
	}
}

func TestTail(t *testing.T) {
	const text = "aa\nbb\ncc\ndd" // lines begin at 0, 3, 6, 9
	tests := []struct {
		name  string
		n     int64
		lines string
		whole string
	}{
		{"more than there is", 100, text, "aa\nbb\ncc\n"},
		{"all", 11, text, "aa\nbb\ncc\n"},
		{"from the second byte", 10, "bb\ncc\ndd", "bb\ncc\n"},
		{"a line begins just there", 8, "bb\ncc\ndd", "bb\ncc\n"},
		{"within a line", 7, "cc\ndd", "cc\n"},
		{"its newline", 6, "cc\ndd", "cc\n"},
		{"the unfinished line", 2, "dd", ""},
		{"within the unfinished line", 1, "", ""},
	}
	path := historyPath(t)
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lines, end, err := tail(f, int64(len(text)), tt.n)
			if err != nil || string(lines) != tt.lines || end != int64(len(text)) || string(whole(lines)) != tt.whole {
				t.Errorf("tail = %q (whole: %q), %d, %v, want %q, %q", lines, whole(lines), end, err, tt.lines, tt.whole)
			}
		})
	}
	if lines, end, err := tail(f, 100, 100); err != nil || string(lines) != text || end != int64(len(text)) {
		t.Errorf("of a file that shrank: %q, %d, %v", lines, end, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"at":"2025-01-15T12:00:00Z","event":"ready"}`+"\n"), 1)
	f.Add([]byte("\n\n{\"at\":\"2025-01-15T12:00:00Z\",\"event\":\"exited\",\"exit\":{\"code\":-1,\"signal\":\"SIGKILL\"}}\r\n{\"at\""), -1)
	f.Add([]byte("null\n[]\n\x00"), 3)
	f.Add([]byte(`{"at":"9999-12-31T23:59:59-23:00","event":"ready"}`+"\n"), 1)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		input := string(data)
		events, skipped := parse(data, n)
		if n >= 0 && len(events) > n || len(events)+skipped > strings.Count(input, "\n")+1 {
			t.Fatalf("%d events and %d skipped of %q", len(events), skipped, input)
		}
		if string(data) != input {
			t.Fatal("the input was changed")
		}
		for _, e := range append(events, decoded(bytes.Split(data, []byte("\n")))...) {
			if e.Event == "" || e.At.IsZero() {
				t.Fatalf("accepted %+v", e)
			}
			if _, err := json.Marshal(e); err != nil {
				t.Fatalf("%+v cannot be printed: %v", e, err)
			}
		}
		if all, _ := parse(data, -1); n >= 0 && len(events) != min(n, len(all)) {
			t.Fatalf("last %d are %d of %d", n, len(events), len(all))
		}
	})
}
