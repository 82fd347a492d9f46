package export

import (
	"fmt"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// quadlet is a .container file (podman-systemd.unit(5)) for Podman 5.0 and later.
func (p *plan) quadlet() string {
	p.quadletNotes()
	var w indented
	w.add(0, "[Unit]\nDescription=%s", unitText(fmt.Sprintf("%s, the daemon %s of a project of apexd", p.d.Key, p.d.Spec.Name)))
	w.add(0, "Wants=network-online.target\nAfter=network-online.target\nStartLimitIntervalSec=0\n")
	w.add(0, "[Container]\nImage=%s\nContainerName=%s\nEntrypoint=apexd\nExec=%s", p.o.Image, p.d.Key, unitWords(p.args))
	for _, e := range p.env {
		w.add(0, "Environment=%s", unitWord(e[0]+"="+e[1]))
	}
	if p.d.EnvFile != "" {
		w.add(0, "EnvironmentFile=%s", unitWord(p.d.EnvFile))
	}
	for _, x := range p.ports {
		w.add(0, "PublishPort=%d:%d/%s", x.number, x.number, strings.ToLower(x.protocol()))
	}
	w.add(0, "# record, history, and the log within its bounds\nTmpfs=%s:size=%dm,mode=1777", stateDir, p.stateMiB())
	w.add(0, "# apexd passes the workload's word on (sd_notify(3)): the unit is active when it is ready\nNotify=true")
	w.add(0, "HealthCmd=%s\nHealthInterval=%s\nHealthTimeout=%s\nHealthRetries=3", healthCommand(), goSpan(seconds(probePeriod)), goSpan(seconds(probeTimeout)))
	if t := p.d.Spec.Readiness.Timeout; t > 0 {
		w.add(0, "HealthStartPeriod=%s", goSpan(seconds(t)))
	}
	w.add(0, "# stopTimeout %s and %s more; apexd sends the workload %s\nStopTimeout=%d\n", p.d.Spec.StopTimeout, graceMargin, p.d.Spec.StopSignal, seconds(p.grace))
	p.quadletService(&w)
	w.add(0, "[Install]\nWantedBy=default.target")
	return w.b.String()
}

func (p *plan) quadletService(w *indented) {
	w.add(0, "[Service]")
	switch r := p.d.Spec.Restart; r.When {
	case service.RestartNever:
		w.add(0, "Restart=no")
	default:
		w.add(0, "Restart=%s\nRestartSec=%dms", r.When, max(r.Max, time.Second).Milliseconds())
		w.add(0, "# the configuration is wrong, or it is already running\nRestartPreventExitStatus=78 79")
	}
	start := "infinity"
	if t := p.d.Spec.Readiness.Timeout; t > 0 {
		start = goSpan(seconds(t + p.grace))
	}
	w.add(0, "TimeoutStartSec=%s\nTimeoutStopSec=%s\n", start, goSpan(seconds(p.grace+graceMargin)))
}

func (p *plan) quadletNotes() {
	p.apexdKeeps(fmt.Sprintf("systemd starts it again after %s, the longest of apexd's own pauses, and never gives up", max(p.d.Spec.Restart.Max, time.Second)))
	if p.d.EnvFile != "" {
		p.note("environmentFile", "Podman reads it itself, values as they stand, without the quotes that apexd allows; it needs to be readable for the user whose Podman it is")
	}
	for _, s := range p.d.Elsewhere {
		if strings.HasPrefix(s.Key, "environment.") && p.d.EnvFile == "" {
			p.note("environmentFile", "for these variables add EnvironmentFile=, or Secret=NAME,type=env")
		}
	}
}

// healthCommand is a JSON array, which Podman executes without a shell (podman-run(1), --health-cmd).
func healthCommand() string { return strings.ReplaceAll(yamlList(readyCommand(), asIs), ", ", ",") }

// unitText is s as a whole value in which nothing is expanded.
func unitText(s string) string { return strings.ReplaceAll(oneLine(s), "%", "%%") }
