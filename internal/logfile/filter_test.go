package logfile

import (
	"bytes"
	"strings"
	"testing"
)

func TestFilter(t *testing.T) {
	const text = "plain\nINFO a\n at b\nERROR c\n at d\nWARN \x1b[1me\n"
	for _, row := range []struct {
		name string
		v    View
		skip int
		part bool
		want string
		n    int // wanted lines
	}{
		{"everything", View{}, 0, false, text, 6},
		{"without the first", View{}, 4, false, " at d\nWARN \x1b[1me\n", 6},
		{"a level", View{Level: "warn"}, 0, false, "ERROR c\n at d\nWARN \x1b[1me\n", 3},
		{"a level, without the first", View{Level: "warn"}, 2, false, "WARN \x1b[1me\n", 3},
		{"info counts what says nothing", View{Level: "info"}, 0, false, text, 6},
		{"but not within a log", View{Level: "info"}, 0, true, strings.TrimPrefix(text, "plain\n"), 5},
		{"escaped", View{Level: "warn", Escape: true}, 2, false, "WARN ^[[1me\n", 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			for _, size := range []int{1, 7, 1000} {
				var out bytes.Buffer
				shows, err := NewFilter(&out, row.v, row.skip, row.part)
				if err != nil {
					t.Fatal(err)
				}
				counts, err := NewFilter(nil, row.v, 0, row.part)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range []*Filter{shows, counts} {
					for b := []byte(text); len(b) > 0; {
						n := min(size, len(b))
						if _, err := f.Write(b[:n]); err != nil {
							t.Fatal(err)
						}
						b = b[n:]
					}
					if err := f.Close(); err != nil {
						t.Fatal(err)
					}
				}
				if out.String() != row.want || counts.Found() != row.n {
					t.Errorf("by %d: %q, %d lines", size, out.String(), counts.Found())
				}
			}
		})
	}
	if _, err := NewFilter(nil, View{Level: "loud"}, 0, false); err == nil {
		t.Error("an unknown level was taken")
	}
}

func TestSeverity(t *testing.T) {
	for line, want := range map[string]int{
		"FATAL x": 2, "<1>x": 2, "level=error": 3, `{"level":"warn"}`: 4, "INFO x": 6, "DEBUG x": 7, "TRACE x": 7, "plain": -1, "": -1,
	} {
		if n, ok := Severity([]byte(line)); ok != (want >= 0) || ok && n != want {
			t.Errorf("%q: %d, %v", line, n, ok)
		}
	}
}
