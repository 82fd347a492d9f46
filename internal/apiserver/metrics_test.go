package apiserver

import (
	"fmt"
	"reflect"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/metrics/metricstest"
	"github.com/joshuaaferguson/apexd/service"
)

// metric is one parsed metric of one sample.
type metric struct {
	kind   string
	value  float64
	labels map[string]string
}

// parseMetrics reads the text format as strictly as its description allows: HELP, TYPE, one sample, and nothing else.
func parseMetrics(text string) (map[string]metric, error) {
	help := regexp.MustCompile(`^# HELP ([a-z][a-z0-9_]*) \S.*\.$`)
	kind := regexp.MustCompile(`^# TYPE ([a-z][a-z0-9_]*) (gauge|counter)$`)
	sample := regexp.MustCompile(`(?s)^([a-z][a-z0-9_]*)(?:\{(.*)\})? (\S+)$`)
	body, ended := strings.CutSuffix(text, "\n")
	lines := strings.Split(body, "\n")
	if !ended || len(lines)%3 != 0 {
		return nil, fmt.Errorf("%d lines, last one ended: %t", len(lines), ended)
	}
	metrics := map[string]metric{}
	for ; len(lines) > 0; lines = lines[3:] {
		h, k, s := help.FindStringSubmatch(lines[0]), kind.FindStringSubmatch(lines[1]), sample.FindStringSubmatch(lines[2])
		if h == nil || k == nil || s == nil || h[1] != k[1] || k[1] != s[1] {
			return nil, fmt.Errorf("not one metric: %q", lines[:3])
		}
		if _, twice := metrics[s[1]]; twice {
			return nil, fmt.Errorf("%s twice", s[1])
		}
		value, err := strconv.ParseFloat(s[3], 64)
		if err != nil {
			return nil, err
		}
		labels, err := metricstest.Labels(s[2])
		if err != nil {
			return nil, err
		}
		metrics[s[1]] = metric{k[2], value, labels}
	}
	return metrics, nil
}

func TestRender(t *testing.T) {
	all := process{goroutines: 7, resident: 4096, openFDs: 9, cpu: 1500 * time.Millisecond}
	none := process{goroutines: 7, resident: -1, openFDs: -1, cpu: -1}
	info := func(name, backend string) metric {
		return metric{"gauge", 1, map[string]string{"version": `0.4.0"\`, "name": name, "backend": backend, "goversion": runtime.Version()}}
	}
	plain := func(kind string, v float64) metric { return metric{kind, v, map[string]string{}} }
	tests := []struct {
		name   string
		status service.Status
		p      process
		want   map[string]metric
	}{
		{"everything", running(), all, map[string]metric{
			"apexd_up": plain("gauge", 1), "apexd_ready": plain("gauge", 1), "apexd_wanted": plain("gauge", 1), "apexd_failed": plain("gauge", 0), "apexd_start_time_seconds": plain("gauge", 1736937000.12),
			"apexd_uptime_seconds": plain("gauge", 61.5), "apexd_restarts_total": plain("counter", 2), "apexd_last_exit_code": plain("gauge", -1),
			"apexd_info": info("web", "direct"), "process_resident_memory_bytes": plain("gauge", 4096), "process_open_fds": plain("gauge", 9),
			"process_cpu_seconds_total": plain("counter", 1.5), "go_goroutines": plain("gauge", 7),
		}},
		{"hardly anything", service.Status{Name: "daemon", Ready: ptr(false)}, none, map[string]metric{
			"apexd_up": plain("gauge", 0), "apexd_ready": plain("gauge", 0), "apexd_wanted": plain("gauge", 0), "apexd_failed": plain("gauge", 0), "apexd_restarts_total": plain("counter", 0),
			"apexd_info": info("daemon", ""), "go_goroutines": plain("gauge", 7),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := string(render(tt.status, `0.4.0"\`, tt.p))
			got, err := parseMetrics(text)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v\nwant %+v\n%s", got, tt.want, text)
			}
		})
	}
}

func TestRenderText(t *testing.T) {
	text := string(render(service.Status{Name: "web", Backend: "direct", Running: true, Wanted: true}, "0.4.0", process{goroutines: 3, resident: -1, openFDs: -1, cpu: -1}))
	want := `# HELP apexd_up Whether the daemon runs.
# TYPE apexd_up gauge
apexd_up 1
# HELP apexd_ready Whether the workload has said that it is ready.
# TYPE apexd_ready gauge
apexd_ready 0
# HELP apexd_wanted Whether it should be up: registered and enabled, or started and not stopped.
# TYPE apexd_wanted gauge
apexd_wanted 1
# HELP apexd_failed Whether it crashed or gave up.
# TYPE apexd_failed gauge
apexd_failed 0
# HELP apexd_restarts_total How often the workload was restarted since the daemon started.
# TYPE apexd_restarts_total counter
apexd_restarts_total 0
# HELP apexd_info Facts about the daemon, as labels.
# TYPE apexd_info gauge
apexd_info{version="0.4.0",name="web",backend="direct",goversion="` + runtime.Version() + `"} 1
# HELP go_goroutines Goroutines of the daemon.
# TYPE go_goroutines gauge
go_goroutines 3
`
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestMetricsOverHTTP(t *testing.T) {
	s := listen(t, Options{Version: "0.4.0"})
	serve(t, s)
	_, body := ask(t, s, "GET", raw("GET", "/metrics", "localhost"))
	got, err := parseMetrics(body)
	if err != nil {
		t.Fatal(err)
	}
	if got["go_goroutines"].value < 2 || got["apexd_info"].labels["version"] != "0.4.0" {
		t.Errorf("got %+v", got)
	}
}

func TestParseResident(t *testing.T) {
	tests := []struct {
		name, statm string
		pages       int64
		ok          bool
	}{
		{"as the kernel writes it", "312 118 97 200 0 50 0\n", 118, true},
		{"zero", "0 0 0 0 0 0 0\n", 0, true},
		{"empty", "", 0, false},
		{"one field", "312\n", 0, false},
		{"no number", "312 x", 0, false},
		{"negative", "312 -1", 0, false},
		{"too big", "1 99999999999999999999", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if pages, ok := parseResident(tt.statm); ok != tt.ok || ok && pages != tt.pages {
				t.Errorf("got %d, %t, want %d, %t", pages, ok, tt.pages, tt.ok)
			}
		})
	}
}

func FuzzParseResident(f *testing.F) {
	f.Add("312 118 97 200 0 50 0\n")
	f.Add(" 1 \x00")
	f.Fuzz(func(t *testing.T, s string) {
		if pages, ok := parseResident(s); ok && (pages < 0 || !strings.Contains(s, strconv.FormatInt(pages, 10)) && !strings.ContainsAny(s, "0+")) {
			t.Errorf("parseResident(%q) = %d", s, pages)
		}
	})
}
