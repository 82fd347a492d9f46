package install

import (
	"fmt"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/service"
)

// processType says that the daemon has the machine as a program has that was started in a terminal: neither its processor time nor its disk is throttled, as they are for "Background", and to
// a degree without the key (launchd.plist(5), ProcessType).
const processType = "Interactive"

// property is the property list of r for a session of this kind ("Aqua", "Background", "System"), and what launchd cannot say of its restart policy. The same request has the same list.
func property(r Request, scope service.Scope, session string) (launchd.PropertyList, []gap) {
	reg := r.registration(service.KindLaunchd, scope)
	p := launchd.PropertyList{
		Label: reg.Service, ProgramArguments: r.argv(reg), WorkingDirectory: r.Spec.Project, EnvironmentVariables: map[string]string{}, UserName: r.User,
		RunAtLoad: true, ExitTimeOut: wholeSeconds(r.Spec.StopTimeout + stopMargin), ProcessType: processType,
	}
	if scope == service.ScopeUser { // a daemon of the system's has no choice
		p.LimitLoadToSessionType = session
	}
	for _, kv := range append([]string{"PATH=" + r.Path}, r.Env...) {
		if key, value, _ := strings.Cut(kv, "="); value != "" {
			p.EnvironmentVariables[key] = value
		}
	}
	var missing []gap
	p.KeepAlive, p.ThrottleInterval, missing = keepAlive(r.Spec.Restart)
	return p, missing
}

// keepAlive is the restart policy in launchd's words, and what it has none for. launchd asks only whether the status was 0: apexd ends with 0 after what is not to be restarted, and
// with another after what is, so that on-failure and always are one to it. A limit it does not know, and the daemon counts for itself.
func keepAlive(p service.RestartPolicy) (*launchd.KeepAlive, int, []gap) {
	if p.When == service.RestartNever {
		return nil, 0, nil
	}
	throttle := max(1, wholeSeconds(p.Delay)) // launchd takes 0 for 10
	var missing []gap
	if d := time.Duration(throttle) * time.Second; d != p.Delay {
		missing = append(missing, gap{[]string{"restart.delay"}, fmt.Sprintf("restart.delay %s: it counts whole seconds, from start to start: %s", p.Delay, d)})
	}
	if steps(p) > 0 {
		missing = append(missing, gap{[]string{"restart.factor", "restart.maxDelay"}, fmt.Sprintf("restart.factor %g: every try waits as long", p.Factor)})
	}
	if p.Jitter > 0 {
		missing = append(missing, gap{[]string{"restart.jitter"}, fmt.Sprintf("restart.jitter %g: delays are exact", p.Jitter)})
	}
	return &launchd.KeepAlive{SuccessfulExit: false}, throttle, missing
}

// ownerOfJob tells whose a property list is by the command line in it. It reports false for one that apexd has not made.
func ownerOfJob(p launchd.PropertyList) (owner, bool) {
	var o owner
	args := p.ProgramArguments
	if len(args) < 2 || args[1] != "run" {
		return o, false
	}
	flags := map[string]string{}
	for i := 2; i+1 < len(args); i += 2 {
		flags[args[i]] = args[i+1]
	}
	o = owner{flags["--project"], flags["--name"]}
	return o, flags["--keeper"] == string(service.KindLaunchd) && flags["--service"] == p.Label && o.project != "" && o.name != ""
}
