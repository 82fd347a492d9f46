package export

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/joshuaaferguson/apexd/service"

	"github.com/joshuaaferguson/apexd/internal/dquote"
)

// compose is a Compose file with one service (compose-spec).
func (p *plan) compose() string {
	p.composeNotes()
	var w indented
	w.add(0, "name: %s\nservices:\n  %s:", dquote.YAML(p.d.Key), dquote.YAML(p.d.Spec.Name))
	w.add(2, "image: %s", dquote.YAML(p.o.Image))
	w.add(2, `entrypoint: ["apexd"]`)
	w.add(2, "command: %s", yamlList(p.args, dollars))
	w.add(2, "environment:")
	for _, e := range p.env {
		w.add(3, "%s: %s", e[0], dquote.YAML(dollars(e[1])))
	}
	if p.d.EnvFile != "" {
		w.add(2, "env_file: %s", yamlList([]string{p.besideProject(p.d.EnvFile)}, dollars))
	}
	if len(p.ports) > 0 {
		w.add(2, "ports:")
	}
	for _, x := range p.ports {
		w.add(3, "- {target: %d, published: \"%d\", protocol: %s}", x.number, x.number, strings.ToLower(x.protocol()))
	}
	w.add(2, "healthcheck:\n      test: %s", yamlList(append([]string{"CMD"}, readyCommand()...), asIs))
	w.add(3, "interval: %s\n      timeout: %s\n      retries: 3", goSpan(seconds(probePeriod)), goSpan(seconds(probeTimeout)))
	if t := p.d.Spec.Readiness.Timeout; t > 0 {
		w.add(3, "start_period: %s # readiness.timeout", goSpan(seconds(t)))
	}
	w.add(2, "restart: %s", p.composeRestart())
	w.add(2, "stop_signal: SIGTERM # apexd sends the workload %s", p.d.Spec.StopSignal)
	w.add(2, "stop_grace_period: %s # stopTimeout %s and %s more", goSpan(seconds(p.grace)), p.d.Spec.StopTimeout, graceMargin)
	w.add(2, "tmpfs: [%s] # record, history, and the log within its bounds", dquote.YAML(fmt.Sprintf("%s:size=%dm,mode=1777", stateDir, p.stateMiB())))
	return w.b.String()
}

// composeRestart is the policy for the container. A number of tries would count those of apexd in it as one.
func (p *plan) composeRestart() string {
	switch p.d.Spec.Restart.When {
	case service.RestartNever:
		return `"no"`
	case service.RestartAlways:
		return "always"
	}
	return "on-failure"
}

func (p *plan) composeNotes() {
	p.apexdKeeps("the engine starts it again after a pause of its own, 100 ms at first and 1 min at most, and never gives up")
	if p.d.Spec.Restart.When == service.RestartOnFailure {
		p.note("restart", "on-failure holds for a container that fails, not for one that was running when the machine went down: those come back with always")
	}
	if p.d.EnvFile != "" {
		p.note("environmentFile", "Compose reads %s itself, with rules of its own for quotes, and puts variables in place of $NAME in it", p.besideProject(p.d.EnvFile))
	}
	if p.d.Spec.Readiness.Timeout == 0 {
		p.note("readiness.timeout", "none: a container that is not ready within 30 s is called unhealthy, and is left running")
	} else {
		p.note("readiness", "an unhealthy container is shown as such and left running: Compose starts none again for it")
	}
	for _, s := range p.d.Elsewhere {
		if strings.HasPrefix(s.Key, "environment.") && p.d.EnvFile == "" {
			p.note("environmentFile", "for these variables add env_file, or environment: [NAME], which takes it from the shell")
		}
	}
}

// besideProject is path as it is seen from the project, where the file is meant to be.
func (p *plan) besideProject(path string) string {
	rel, err := filepath.Rel(p.d.Spec.Project, path)
	if err != nil || !filepath.IsLocal(rel) {
		return path
	}
	return "./" + filepath.ToSlash(rel)
}

func goSpan(seconds int64) string { return fmt.Sprintf("%ds", seconds) }
