package logfile

import (
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

func TestParseIndex(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string
		want []entry
	}{
		"empty":                   {"", []entry{}},
		"two":                     {"0 1000\n50 2500\n", []entry{{0, 1000, 1000}, {50, 2500, 1000}}},
		"with a span":             {"0 1000 8000\n", []entry{{0, 1000, 8000}}},
		"torn end":                {"0 1000\n50 25", []entry{{0, 1000, 1000}}},
		"garbage between":         {"0 1000\nx y\n\n7\n1 2 3 4\n-1 5\n9 9\n", []entry{{0, 1000, 1000}, {9, 9, 1000}}},
		"offset goes back":        {"50 1\n10 2\n60 3\n", []entry{{50, 1, 1000}, {60, 3, 1000}}},
		"too large":               {"0 99999999999999999999\n0 9223372036854775807\n", []entry{}},
		"NULs after a power loss": {"0 1000\n\x00\x00\x00\n", []entry{{0, 1000, 1000}}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := parseIndex([]byte(tc.in)); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("0 1000\n50 2500 4000\n"))
	f.Add([]byte("\x00 1\n-1 2\n3"))
	f.Fuzz(func(t *testing.T, b []byte) {
		all := parseIndex(b)
		var again []byte
		last := int64(0)
		for _, e := range all {
			if e.off < last || e.ms < 0 || e.span < 0 {
				t.Fatalf("%v after offset %d", e, last)
			}
			last = e.off
			again = e.append(again)
		}
		if got := parseIndex(again); !reflect.DeepEqual(got, all) {
			t.Errorf("written and read again: %v, was %v", got, all)
		}
		thin(all)
	})
}

func TestThinStaysTrue(t *testing.T) {
	var all []entry
	for i := range int64(10) {
		all = append(all, entry{i * 100, i * 5000, 1000})
	}
	all[3].ms = 1 // the clock was set back
	got := thin(append([]entry(nil), all...))
	want := []entry{{0, 0, 6000}, {200, 1, 11_000 - 1}, {400, 20_000, 1000}, {500, 25_000, 1000}}
	if !reflect.DeepEqual(got[:4], want) || len(got) != 8 {
		t.Errorf("got %v", got)
	}
}

func TestIndexIsWrittenAtMostOnceASecond(t *testing.T) {
	c := newClock()
	w, path := testWriterAt(t, service.LogPolicy{}, c.now)
	base := c.now().UnixMilli()
	for _, step := range []time.Duration{0, 10 * time.Millisecond, 980 * time.Millisecond, 10 * time.Millisecond, time.Hour, -2 * time.Hour} {
		c.add(step)
		write(t, w, "0123456789\n")
	}
	want := []entry{{0, base, 1000}, {33, base + 1000, 1000}, {44, base + 1000 + 3_600_000, 1000}, {55, base + 1000 - 3_600_000, 1000}}
	if got := readIndex(path, 0); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestIndexIsBounded(t *testing.T) {
	c := newClock()
	w, path := testWriterAt(t, service.LogPolicy{}, c.now)
	for range 3 * indexMax {
		c.add(time.Second)
		write(t, w, "x\n")
	}
	fi, err := os.Stat(indexName(path, 0))
	if err != nil || fi.Size() > 40*indexMax {
		t.Fatalf("%v bytes, %v", fi.Size(), err)
	}
	all := readIndex(path, 0)
	if len(all) > indexMax || len(all) < indexMax/2 {
		t.Errorf("%d entries", len(all))
	}
	for _, e := range all[len(all)-1000:] {
		if e.span != indexEvery {
			t.Fatalf("a recent entry is not exact: %v", e)
		}
	}
}

func TestStaleIndexIsDropped(t *testing.T) {
	for name, text := range map[string]string{"log is new": "", "log is shorter": "abc\n"} {
		t.Run(name, func(t *testing.T) {
			path := tempDir(t) + "/daemon.log"
			put(t, path, text)
			put(t, indexName(path, 0), "0 1000\n500 2000\n")
			put(t, indexName(path, 1), "0 1000\n")
			put(t, plainName(path, 1), "old\n")
			w, _ := testWriterAt(t, service.LogPolicy{Path: path, MaxFiles: 3}, newClock().now)
			if readIndex(path, 0) != nil && len(readIndex(path, 0)) > 0 || len(readIndex(path, 1)) > 0 {
				t.Error("an index of another file was kept")
			}
			write(t, w, "x\n")
			if all := readIndex(path, 0); len(all) != 1 || all[0].off != int64(len(text)) {
				t.Errorf("new index %v", all)
			}
		})
	}
}
