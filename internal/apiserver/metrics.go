package apiserver

import (
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// process is what the process knows of its own use of resources. Where the system does not tell cheaply, a field is negative.
type process struct {
	goroutines int
	resident   int64 // bytes
	openFDs    int
	cpu        time.Duration // user and system, since the start
}

func measure() process {
	p := process{goroutines: runtime.NumGoroutine(), resident: -1, openFDs: -1, cpu: -1}
	p.read()
	return p
}

// render writes the metrics in the Prometheus text format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/). A metric whose fact does not exist is left out.
func render(st service.Status, version string, p process) []byte {
	e := exposition{b: make([]byte, 0, 3<<10)}
	e.gauge("apexd_up", "Whether the daemon answers.", 1)
	e.gauge("apexd_ready", "Whether the workload has said that it is ready.", number(st.Ready != nil && *st.Ready))
	if st.StartedAt != nil {
		e.gauge("apexd_start_time_seconds", "When the daemon started, in seconds since 1970-01-01 UTC.", float64(st.StartedAt.UnixMilli())/1000)
	}
	if st.Uptime != nil {
		e.gauge("apexd_uptime_seconds", "For how long the daemon has been running; not affected by clock steps.", float64(*st.Uptime)/1000)
	}
	e.counter("apexd_restarts_total", "How often the workload was restarted since the daemon started.", float64(st.Restarts))
	if st.LastExit != nil {
		e.gauge("apexd_last_exit_code", "Exit status of the workload's last end; -1 when a signal ended it.", float64(st.LastExit.Code))
	}
	e.gauge("apexd_info", "Facts about the daemon, as labels.", 1,
		label{"version", version}, label{"name", st.Name}, label{"backend", st.Backend}, label{"goversion", runtime.Version()})
	e.process(p)
	return e.b
}

func (e *exposition) process(p process) {
	if p.resident >= 0 {
		e.gauge("process_resident_memory_bytes", "Resident memory of the daemon, in bytes.", float64(p.resident))
	}
	if p.openFDs >= 0 {
		e.gauge("process_open_fds", "Open file descriptors of the daemon.", float64(p.openFDs))
	}
	if p.cpu >= 0 {
		e.counter("process_cpu_seconds_total", "User and system CPU time of the daemon, in seconds.", p.cpu.Seconds())
	}
	e.gauge("go_goroutines", "Goroutines of the daemon.", float64(p.goroutines))
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// exposition collects metrics of one sample each.
type exposition struct{ b []byte }

type label struct{ name, value string }

func (e *exposition) gauge(name, help string, value float64, labels ...label) {
	e.metric(name, "gauge", help, value, labels)
}

func (e *exposition) counter(name, help string, value float64) {
	e.metric(name, "counter", help, value, nil)
}

// metric adds one metric. Name, kind and help are ours and need no escaping.
func (e *exposition) metric(name, kind, help string, value float64, labels []label) {
	b := append(e.b, "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"+name...)
	for i, l := range labels {
		if i == 0 {
			b = append(b, '{')
		} else {
			b = append(b, ',')
		}
		b = append(b, l.name+`="`+escapeLabel(l.value)+`"`...)
	}
	if len(labels) > 0 {
		b = append(b, '}')
	}
	b = append(b, ' ')
	b = strconv.AppendFloat(b, value, 'f', -1, 64)
	e.b = append(b, '\n')
}

// escapeLabel makes s a label value: UTF-8, with the three characters escaped that the format names.
func escapeLabel(s string) string {
	if !strings.ContainsAny(s, "\\\"\n") {
		return strings.ToValidUTF8(s, "\ufffd")
	}
	var b strings.Builder
	for _, c := range []byte(s) {
		switch c {
		case '\\', '"':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\n':
			b.WriteString(`\n`)
		default:
			b.WriteByte(c)
		}
	}
	return strings.ToValidUTF8(b.String(), "\ufffd")
}

// parseResident returns the resident pages in the text of /proc/self/statm (proc_pid_statm(5)): "size resident shared …".
func parseResident(statm string) (pages int64, ok bool) {
	fields := strings.Fields(statm)
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages, err == nil && pages >= 0
}
