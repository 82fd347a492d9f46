package export

import (
	"fmt"
	"strings"

	"github.com/joshuaaferguson/apexd/service"

	"github.com/joshuaaferguson/apexd/internal/dquote"
)

// indented collects lines of YAML.
type indented struct{ b strings.Builder }

// add writes a line, depth levels of two spaces deep.
func (w *indented) add(depth int, format string, args ...any) {
	w.b.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(&w.b, format, args...)
	w.b.WriteByte('\n')
}

// kubernetes is a Deployment of one Pod, or a Job where nothing is to be started again, and a Service for its ports.
func (p *plan) kubernetes() string {
	p.kubernetesNotes()
	var w indented
	if p.never() {
		w.add(0, "apiVersion: batch/v1\nkind: Job")
	} else {
		w.add(0, "apiVersion: apps/v1\nkind: Deployment")
	}
	w.add(0, "metadata:\n  name: %s\n  labels: {app.kubernetes.io/name: %s}", dquote.YAML(p.label()), dquote.YAML(p.label()))
	w.add(0, "spec:")
	if p.never() {
		w.add(1, "backoffLimit: 0")
	} else {
		w.add(1, "replicas: 1\n  strategy: {type: Recreate} # never two at once")
		w.add(1, "progressDeadlineSeconds: %d", max(600, seconds(p.d.Spec.Readiness.Timeout)+60))
		w.add(1, "selector:\n    matchLabels: {app.kubernetes.io/name: %s}", dquote.YAML(p.label()))
	}
	w.add(1, "template:\n    metadata:\n      labels: {app.kubernetes.io/name: %s}", dquote.YAML(p.label()))
	p.pod(&w)
	p.kubernetesService(&w)
	return w.b.String()
}

func (p *plan) kubernetesNotes() {
	p.apexdKeeps("the kubelet starts it again after a pause of its own, 10 s at first and 5 min at most, and never gives up")
	if p.d.Spec.Restart.When == service.RestartOnFailure {
		p.note("restart", "a Deployment starts its container again after a good end too")
	}
	if p.d.EnvFile != "" {
		p.note("environmentFile", "the values are taken from the Secret %s: kubectl create secret generic %s --from-env-file=FILE (values as they stand, without the quotes that apexd allows)", p.secret(), p.secret())
	}
	p.note("stopTimeout", "the kubelet sends the image's STOPSIGNAL, which has to be SIGTERM as it is where nothing else is said; apexd sends the workload %s", p.d.Spec.StopSignal)
}

func (p *plan) secret() string { return p.label() + "-env" }

// label is the key as the name of a Service, which begins with a letter (RFC 1035, section 2.3.1).
func (p *plan) label() string {
	if c := p.d.Key[0]; c < 'a' || c > 'z' {
		return "apexd-" + p.d.Key
	}
	return p.d.Key
}

func (p *plan) pod(w *indented) {
	w.add(2, "spec:")
	if p.never() {
		w.add(3, "restartPolicy: Never")
	}
	w.add(3, "terminationGracePeriodSeconds: %d # stopTimeout %s and %s more", seconds(p.grace), p.d.Spec.StopTimeout, graceMargin)
	w.add(3, "containers:\n        - name: daemon\n          image: %s", dquote.YAML(p.o.Image))
	w.add(5, `command: ["apexd"]`)
	w.add(5, "args: %s", yamlList(p.args, dollars))
	w.add(5, "env:")
	for _, e := range p.env {
		w.add(6, "- {name: %s, value: %s}", e[0], dquote.YAML(dollars(e[1])))
	}
	if p.needsSecret() {
		w.add(5, "envFrom:\n            - secretRef: {name: %s}", dquote.YAML(p.secret()))
	}
	if len(p.ports) > 0 {
		w.add(5, "ports:")
	}
	for _, x := range p.ports {
		w.add(6, "- {name: %s, containerPort: %d, protocol: %s}", dquote.YAML(x.name), x.number, x.protocol())
	}
	p.kubernetesProbes(w)
	w.add(5, "volumeMounts:\n            - {name: apexd, mountPath: %s}", stateDir)
	w.add(3, "volumes:\n        - name: apexd\n          emptyDir: {sizeLimit: %dMi} # record, history, and the log within its bounds", p.stateMiB())
}

// needsSecret reports whether variables come from neither the image nor this file.
func (p *plan) needsSecret() bool {
	if p.d.EnvFile != "" {
		return true
	}
	for _, s := range p.d.Elsewhere {
		if strings.HasPrefix(s.Key, "environment.") {
			return true
		}
	}
	return false
}

// kubernetesProbes: that a start takes its time is apexd's to judge (readiness.timeout), so that there is no startup probe, and the liveness probe holds also while it starts.
func (p *plan) kubernetesProbes(w *indented) {
	w.add(5, "readinessProbe:")
	switch q := p.probe; {
	case q.http:
		scheme := "HTTP"
		if q.https {
			scheme = "HTTPS"
		}
		w.add(6, "httpGet: {path: %s, port: %d, scheme: %s}", dquote.YAML(q.path), q.port, scheme)
	case q.port != 0:
		w.add(6, "tcpSocket: {port: %d}", q.port)
	default:
		w.add(6, "exec: {command: %s}", yamlList(readyCommand(), asIs))
	}
	w.add(6, "periodSeconds: 2\n            timeoutSeconds: %d\n            failureThreshold: 3", seconds(probeTimeout))
	w.add(5, "livenessProbe:")
	w.add(6, "exec: {command: %s} # holds also while it starts, or waits for its next try", yamlList(statusCommand(), asIs))
	w.add(6, "periodSeconds: %d\n            timeoutSeconds: %d\n            failureThreshold: 3", seconds(probePeriod), seconds(probeTimeout))
}

func (p *plan) kubernetesService(w *indented) {
	if len(p.ports) == 0 {
		return
	}
	w.add(0, "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: %s\n  labels: {app.kubernetes.io/name: %s}", dquote.YAML(p.label()), dquote.YAML(p.label()))
	w.add(0, "spec:\n  selector: {app.kubernetes.io/name: %s}\n  ports:", dquote.YAML(p.label()))
	for _, x := range p.ports {
		w.add(2, "- {name: %s, port: %d, targetPort: %s, protocol: %s}", dquote.YAML(x.name), x.number, dquote.YAML(x.name), x.protocol())
	}
}
