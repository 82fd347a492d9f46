package metrics

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/joshuaaferguson/apexd/internal/metrics/metricstest"
	"github.com/joshuaaferguson/apexd/service"
)

func TestEscapeLabel(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "v1.2", "v1.2"},
		{"empty", "", ""},
		{"quote", `a"b`, `a\"b`},
		{"backslash", `a\nb`, `a\\nb`},
		{"newline", "a\nb", `a\nb`},
		{"other control characters stay", "a\r\tb", "a\r\tb"},
		{"not ASCII", "größe \"✓\"", "größe \\\"✓\\\""},
		{"not UTF-8", "a\xffb", `a\\xffb`},
		{"not UTF-8 and a quote", "a\xff\"", `a\\xff\"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := escapeLabel(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzEscapeLabel(f *testing.F) {
	for _, s := range []string{"", "plain", `\`, `"`, "\n", `\n`, "a\"} 1\napexd_up 0\n", "\xff\\\xff", "é\"✓"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := escapeLabel(s)
		if strings.Contains(got, "\n") || !utf8.ValidString(got) {
			t.Fatalf("escapeLabel(%q) = %q", s, got)
		}
		labels, err := metricstest.Labels(`a="` + got + `",b="end"`)
		want := map[string]string{"a": visible(s), "b": "end"}
		if err != nil || !reflect.DeepEqual(labels, want) {
			t.Fatalf("%q comes back as %q, %v", s, labels, err)
		}
	})
}

// visible is s with \xNN for each byte that is not UTF-8.
func visible(s string) string {
	out := ""
	for _, c := range strings.SplitAfter(s, "") { // runes; what is none is a byte
		if !utf8.ValidString(c) {
			c = fmt.Sprintf(`\x%02x`, c[0])
		}
		out += c
	}
	return out
}

// TestDaemons: of several daemons each metric is written once, with a sample for each of which it is known.
func TestDaemons(t *testing.T) {
	at, uptime, ready := time.UnixMilli(1736937000120), int64(61500), true
	ds := []Daemon{
		{Status: service.Status{Running: true, Ready: &ready, Wanted: true, StartedAt: &at, Uptime: &uptime, Restarts: 2}, Labels: []Label{{"name", "a"}}, Info: []Label{{"backend", "direct"}}},
		{Status: service.Status{State: service.StateFailed, LastExit: &service.Exit{Code: 3}}, Labels: []Label{{"name", "b\nc"}}},
	}
	var e Exposition
	e.Daemons(ds)
	e.Single("apexd_x", Gauge, "X.", 0.5)
	var got []string
	for line := range strings.Lines(string(e.Bytes())) {
		if !strings.HasPrefix(line, "#") {
			got = append(got, strings.TrimSuffix(line, "\n"))
		}
	}
	want := []string{
		`apexd_up{name="a"} 1`, `apexd_up{name="b\nc"} 0`, `apexd_ready{name="a"} 1`, `apexd_ready{name="b\nc"} 0`, `apexd_wanted{name="a"} 1`, `apexd_wanted{name="b\nc"} 0`,
		`apexd_failed{name="a"} 0`, `apexd_failed{name="b\nc"} 1`, `apexd_start_time_seconds{name="a"} 1736937000.12`, `apexd_uptime_seconds{name="a"} 61.5`,
		`apexd_restarts_total{name="a"} 2`, `apexd_restarts_total{name="b\nc"} 0`, `apexd_last_exit_code{name="b\nc"} 3`,
		`apexd_info{name="a",backend="direct"} 1`, `apexd_info{name="b\nc"} 1`, `apexd_x 0.5`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if n := strings.Count(string(e.Bytes()), "# TYPE "); n != 10 {
		t.Errorf("%d metrics", n)
	}
	var none Exposition
	if none.Daemons(nil); len(none.Bytes()) != 0 {
		t.Errorf("of no daemon: %q", none.Bytes())
	}
}
