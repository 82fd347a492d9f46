// Package metrics writes what is known of daemons in the Prometheus text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). Names, types and
// labels are a promise (docs/metrics.md): they are added to and not changed.
package metrics

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/joshuaaferguson/apexd/service"
)

// Types of metrics.
const (
	Gauge   = "gauge"
	Counter = "counter"
)

// Label is a name and a value, of whatever bytes.
type Label struct{ Name, Value string }

// Daemon is one whose status is told.
type Daemon struct {
	service.Status
	Labels []Label // of each of its samples
	Info   []Label // of apexd_info besides
}

// Metric is one fact of a daemon.
type Metric struct {
	Name, Type, Help string
	value            func(d Daemon) (v float64, known bool)
}

// OfDaemons are the metrics of a daemon, in the order in which they are written. What is not known of one is left out.
func OfDaemons() []Metric {
	always := func(f func(d Daemon) bool) func(Daemon) (float64, bool) {
		return func(d Daemon) (float64, bool) { return number(f(d)), true }
	}
	return []Metric{
		{"apexd_up", Gauge, "Whether the daemon runs.", always(func(d Daemon) bool { return d.Running })},
		{"apexd_ready", Gauge, "Whether the workload has said that it is ready.", always(func(d Daemon) bool { return d.Ready != nil && *d.Ready })},
		{"apexd_wanted", Gauge, "Whether it should be up: registered and enabled, or started and not stopped.", always(func(d Daemon) bool { return d.Wanted })},
		{"apexd_failed", Gauge, "Whether it crashed or gave up.", always(func(d Daemon) bool { return d.State == service.StateFailed })},
		{"apexd_start_time_seconds", Gauge, "When the daemon started, in seconds since 1970-01-01 UTC.", func(d Daemon) (float64, bool) {
			if d.StartedAt == nil {
				return 0, false
			}
			return float64(d.StartedAt.UnixMilli()) / 1000, true
		}},
		{"apexd_uptime_seconds", Gauge, "For how long the daemon has been running; not affected by clock steps.", func(d Daemon) (float64, bool) {
			if d.Uptime == nil {
				return 0, false
			}
			return float64(*d.Uptime) / 1000, true
		}},
		{"apexd_restarts_total", Counter, "How often the workload was restarted since the daemon started.", func(d Daemon) (float64, bool) { return float64(d.Restarts), true }},
		{"apexd_last_exit_code", Gauge, "Exit status of the workload's last end; -1 when a signal ended it.", func(d Daemon) (float64, bool) {
			if d.LastExit == nil {
				return 0, false
			}
			return float64(d.LastExit.Code), true
		}},
	}
}

// InfoName and InfoHelp are of the metric whose labels are facts.
const (
	InfoName = "apexd_info"
	InfoHelp = "Facts about the daemon, as labels."
)

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// Exposition collects metrics. The zero value is empty.
type Exposition struct{ b []byte }

// Bytes is what was collected.
func (e *Exposition) Bytes() []byte { return e.b }

// Daemons adds what is known of ds.
func (e *Exposition) Daemons(ds []Daemon) {
	for _, m := range OfDaemons() {
		begun := false
		for _, d := range ds {
			if v, known := m.value(d); known {
				if !begun {
					e.head(m.Name, m.Type, m.Help)
					begun = true
				}
				e.sample(m.Name, v, d.Labels)
			}
		}
	}
	if len(ds) > 0 {
		e.head(InfoName, Gauge, InfoHelp)
	}
	for _, d := range ds {
		e.sample(InfoName, 1, append(append([]Label{}, d.Labels...), d.Info...))
	}
}

// Single adds a metric of one sample without labels.
func (e *Exposition) Single(name, kind, help string, value float64) {
	e.head(name, kind, help)
	e.sample(name, value, nil)
}

// head begins a metric. Its name, type and help are ours and need no escaping.
func (e *Exposition) head(name, kind, help string) {
	e.b = append(e.b, "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"...)
}

func (e *Exposition) sample(name string, value float64, labels []Label) {
	b := append(e.b, name...)
	for i, l := range labels {
		if i == 0 {
			b = append(b, '{')
		} else {
			b = append(b, ',')
		}
		b = append(b, l.Name+`="`+escapeLabel(l.Value)+`"`...)
	}
	if len(labels) > 0 {
		b = append(b, '}')
	}
	b = append(b, ' ')
	b = strconv.AppendFloat(b, value, 'f', -1, 64)
	e.b = append(b, '\n')
}

// escapeLabel makes s a label value: UTF-8, with the three characters escaped that the format names. A byte that is not UTF-8 is shown as \xNN, so that paths which differ in such bytes differ.
func escapeLabel(s string) string {
	if utf8.ValidString(s) && !strings.ContainsAny(s, "\\\"\n") {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		c, size := utf8.DecodeRuneInString(s)
		switch {
		case c == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\\x%02x`, s[0])
		case c == '\\' || c == '"':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		default:
			b.WriteRune(c)
		}
		s = s[size:]
	}
	return b.String()
}
