package export

import (
	"strconv"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// nomadLongestStop is what a Nomad client lets a task say, unless it is configured otherwise (client.max_kill_timeout).
const nomadLongestStop = 30 * time.Second

// nomad is a job of one group with one task, for the docker driver.
func (p *plan) nomad() string {
	p.nomadNotes()
	var w indented
	w.add(0, "job %s {\n  type = \"service\"\n", hclString(p.d.Key))
	w.add(1, "group %s {\n    count = 1\n", hclString(p.d.Spec.Name))
	p.nomadRestart(&w)
	if len(p.ports) > 0 {
		w.add(2, "network {")
		for _, x := range p.ports {
			w.add(3, "port %s {\n        to = %d\n      }", hclString(x.name), x.number)
		}
		w.add(2, "}\n")
	}
	p.nomadServices(&w)
	w.add(2, "task %s {\n      driver = \"docker\"", hclString(p.d.Spec.Name))
	w.add(3, "kill_signal  = \"SIGTERM\" # apexd sends the workload %s", p.d.Spec.StopSignal)
	w.add(3, "kill_timeout = %s # stopTimeout %s and %s more\n", hclString(goSpan(seconds(p.grace))), p.d.Spec.StopTimeout, graceMargin)
	p.nomadConfig(&w)
	w.add(3, "env {")
	for _, e := range p.env {
		w.add(4, "%s = %s", e[0], hclString(e[1]))
	}
	w.add(3, "}")
	if p.needsSecret() {
		p.nomadSecrets(&w)
	}
	w.add(2, "}\n  }\n}")
	return w.b.String()
}

func (p *plan) nomadNotes() {
	r := p.d.Spec.Restart
	if !p.never() {
		p.note("restart", "apexd starts the workload again in the container; when the container itself ends, after its limit or at once, Nomad starts it again %d times within %s, %s apart each time, and goes on after that", p.nomadTries(), p.nomadWindow(), max(r.Max, time.Second))
	}
	if r.When == service.RestartOnFailure {
		p.note("restart", "Nomad starts a task of a service again after a good end too")
	}
	if p.grace > nomadLongestStop {
		p.note("stopTimeout", "a client allows %s, and cuts %s to it, unless its max_kill_timeout says more", nomadLongestStop, p.grace)
	}
	if p.probe.port == 0 {
		p.note("readiness", `Nomad's own checks are of http and tcp on a published port; "apexd status --ready" is a check of type script, which needs Consul`)
	}
	if p.needsSecret() {
		p.note("environmentFile", "the values are Nomad variables: nomad var put nomad/jobs/%s NAME=value …", p.d.Key)
	}
}

// nomadShortest is the least that Nomad takes for an interval (nomad/structs, RestartPolicyMinInterval).
const nomadShortest = 5 * time.Second

// nomadTries and nomadWindow fit each other: Nomad refuses more tries than the pauses leave room for.
func (p *plan) nomadTries() int { return max(1, p.d.Spec.Restart.Limit) }

func (p *plan) nomadWindow() time.Duration {
	r := p.d.Spec.Restart
	pauses := time.Duration(p.nomadTries()) * max(r.Max, time.Second)
	return time.Duration(seconds(max(r.Window, 2*pauses, nomadShortest))) * time.Second
}

func (p *plan) nomadRestart(w *indented) {
	if p.never() {
		w.add(2, "restart {\n      attempts = 0\n      mode     = \"fail\"\n    }\n")
		w.add(2, "reschedule {\n      attempts  = 0\n      unlimited = false\n    }\n")
		return
	}
	w.add(2, "restart {\n      attempts = %d\n      interval = %s\n      delay    = %s\n      mode     = \"delay\"\n    }\n",
		p.nomadTries(), hclString(p.nomadWindow().String()), hclString(max(p.d.Spec.Restart.Max, time.Second).String()))
}

func (p *plan) nomadServices(w *indented) {
	for _, x := range p.ports {
		w.add(2, "service {\n      name     = %s\n      provider = \"nomad\"\n      port     = %s", hclString(p.d.Key+"-"+x.name), hclString(x.name))
		if q := p.probe; q.port == x.number && !x.udp {
			w.add(3, "check {")
			if q.http {
				protocol := "http"
				if q.https {
					protocol = "https"
				}
				w.add(4, "type     = \"http\"\n        path     = %s\n        protocol = %s", hclString(q.path), hclString(protocol))
			} else {
				w.add(4, "type     = \"tcp\"")
			}
			w.add(4, "interval = \"10s\"\n        timeout  = \"10s\"\n      }")
		}
		w.add(2, "}\n")
	}
}

func (p *plan) nomadConfig(w *indented) {
	w.add(3, "config {\n        image      = %s\n        entrypoint = [\"apexd\"]\n        args       = %s", hclString(p.o.Image), hclList(p.args))
	if len(p.ports) > 0 {
		names := make([]string, len(p.ports))
		for i, x := range p.ports {
			names[i] = x.name
		}
		w.add(4, "ports      = %s", hclList(names))
	}
	w.add(4, "mount { # record, history, and the log within its bounds\n          type   = \"tmpfs\"\n          target = %s", hclString(stateDir))
	w.add(5, "tmpfs_options {\n            size = %s\n            mode = 1023 # 1777\n          }\n        }\n      }\n", strconv.FormatInt(p.stateMiB()<<20, 10))
}

// nomadSecrets takes them from the variables that a job may read by itself (Nomad, "Variables", "Task Access to Variables").
func (p *plan) nomadSecrets(w *indented) {
	lines := []string{
		"template {", "  destination = \"secrets/apexd.env\"", "  env         = true", "  data        = <<EOT",
	}
	for _, l := range lines {
		w.add(3, "%s", l)
	}
	w.b.WriteString(strings.Join([]string{
		`{{- with nomadVar "nomad/jobs/` + p.d.Key + `" }}{{ range $name, $value := . }}`, `{{ $name }}={{ $value | toJSON }}`, `{{- end }}{{ end }}`, "EOT", "",
	}, "\n"))
	w.add(3, "}")
}
