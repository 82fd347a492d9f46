package apiserver

import (
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/internal/metrics"
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

// OfProcess are the metrics of the daemon's own process, which only itself can tell.
func OfProcess() [4]metrics.Metric {
	return [...]metrics.Metric{
		{Name: "process_resident_memory_bytes", Type: metrics.Gauge, Help: "Resident memory of the daemon, in bytes."},
		{Name: "process_open_fds", Type: metrics.Gauge, Help: "Open file descriptors of the daemon."},
		{Name: "process_cpu_seconds_total", Type: metrics.Counter, Help: "User and system CPU time of the daemon, in seconds."},
		{Name: "go_goroutines", Type: metrics.Gauge, Help: "Goroutines of the daemon."},
	}
}

// render writes the metrics. One whose fact does not exist is left out.
func render(st service.Status, version string, p process) []byte {
	var e metrics.Exposition
	e.Daemons([]metrics.Daemon{{Status: st, Info: []metrics.Label{
		{Name: "version", Value: version}, {Name: "name", Value: st.Name}, {Name: "backend", Value: st.Backend}, {Name: "goversion", Value: runtime.Version()},
	}}})
	own := OfProcess()
	for i, v := range [len(own)]float64{float64(p.resident), float64(p.openFDs), p.cpu.Seconds(), float64(p.goroutines)} {
		if v >= 0 {
			e.Single(own[i].Name, own[i].Type, own[i].Help, v)
		}
	}
	return e.Bytes()
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
