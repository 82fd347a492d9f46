package export

import (
	"math"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

const (
	stateDir     = "/run/apexd"         // in the container: record, lock, log, history
	graceMargin  = 5 * time.Second      // beyond stopTimeout, in which apexd kills what is left and says so
	probeTimeout = 10 * time.Second     // for one question; apexd answers in milliseconds, a busy machine later
	probePeriod  = 10 * time.Second     // between two of them
	stateSpare   = int64(16 << 20)      // bytes for record, history and the log's index
	maxSeconds   = int64(math.MaxInt32) // what the formats take
)

// plan is what is the same for all engines.
type plan struct {
	d     Daemon
	o     Options
	args  []string // of apexd
	env   [][2]string
	grace time.Duration
	ports []port
	probe probe
	notes []Note
}

// port is one on which the workload answers the world.
type port struct {
	name   string // of at most 15 of a-z, 0-9 and '-', with a letter in it: what Kubernetes takes (RFC 6335, section 5.1)
	number int
	udp    bool
}

func (p port) protocol() string {
	if p.udp {
		return "UDP"
	}
	return "TCP"
}

// probe is how the engine itself can ask the workload; the zero value is that it cannot, and asks apexd.
type probe struct {
	port  int
	path  string // with http
	http  bool
	https bool
}

func newPlan(d Daemon, o Options) *plan {
	name := d.Spec.Name
	p := &plan{d: d, o: o, args: arguments(d), grace: d.Spec.StopTimeout + graceMargin}
	p.env = [][2]string{
		{"APEX_PROJECT_PATH", o.Path},
		{"APEX_DAEMON_NAME", name},
		{"APEX_PID_FILE", stateDir + "/" + name + ".pid"},
		{"APEX_LOG_FILE", stateDir + "/" + name + ".log"},
		{"XDG_STATE_HOME", stateDir},
	}
	p.findPorts()
	p.findProbe()
	p.say()
	return p
}

// findPorts publishes what was asked for, and the configured sockets that the world can reach.
func (p *plan) findPorts() {
	for _, n := range p.o.Ports {
		p.publish("port-"+strconv.Itoa(n), n, false)
	}
	for _, s := range p.d.Spec.Sockets {
		key := "sockets." + s.Name
		host, text, err := net.SplitHostPort(s.Address)
		number, _ := strconv.Atoi(text)
		switch {
		case len(p.d.Spec.Command) == 0: // the built-in API server does not use them
		case s.UnixPath() != "":
			p.note(key, "%s is in the container only; a volume that both sides mount shows it to others", s.UnixPath())
		case err != nil || number == 0:
			p.note(key, "its port is chosen anew at each start, and cannot be published")
		case loopback(host):
			p.note(key, "%s is the container's own loopback, which nobody outside of it reaches: write 0.0.0.0:%d or [::]:%d", s.Address, number, number)
		default:
			p.publish(portName(s.Name, number), number, s.Kind == service.SocketDatagram)
		}
	}
	if len(p.d.Spec.Command) == 0 {
		p.note("api.address", "the built-in API server answers in the container alone: nothing is published")
	} else if len(p.ports) == 0 {
		p.note("ports", "nothing is published; name the workload's ports with --port")
	}
}

func (p *plan) publish(name string, number int, udp bool) {
	same := func(x port) bool { return x.number == number && x.udp == udp }
	if slices.ContainsFunc(p.ports, same) {
		return
	}
	if slices.ContainsFunc(p.ports, func(x port) bool { return x.name == name }) {
		name = strings.ToLower(port{udp: udp}.protocol()) + "-" + strconv.Itoa(number)
	}
	p.ports = append(p.ports, port{name, number, udp})
}

// portName is name as Kubernetes and Nomad take it.
func portName(name string, number int) string {
	var b strings.Builder
	letter := false
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z':
			letter = true
			b.WriteRune(r)
		case r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	s := strings.TrimRight(b.String(), "-")
	if !letter || len(s) > 15 {
		return "port-" + strconv.Itoa(number)
	}
	return s
}

// loopback reports whether host is this machine alone.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// findProbe lets the engine ask the workload itself where the port that says ready is published.
func (p *plan) findProbe() {
	r := p.d.Spec.Readiness
	if len(p.d.Spec.Command) == 0 {
		return
	}
	var q probe
	var host string
	switch r.Kind {
	case service.ReadyHTTP:
		u, err := url.Parse(r.URL)
		if err != nil || u.User != nil { // a password is not for a file that is handed around
			return
		}
		q = probe{http: true, https: u.Scheme == "https", path: u.RequestURI()}
		host, q.port = u.Host, 80
		if text := u.Port(); text != "" {
			q.port, _ = strconv.Atoi(text)
		}
	case service.ReadyTCP:
		h, text, _ := net.SplitHostPort(r.Address)
		host = h
		q.port, _ = strconv.Atoi(text)
	default:
		return
	}
	if slices.ContainsFunc(p.ports, func(x port) bool { return x.number == q.port && !x.udp }) {
		p.probe = q
		return
	}
	p.note("readiness", "%s is asked by apexd in the container, until it has answered once; publish port %d (--port) and the engine asks it for as long as it runs", host, q.port)
}

// say notes what is the same everywhere: what the configuration takes from elsewhere, and where secrets are.
func (p *plan) say() {
	for _, s := range p.d.Elsewhere {
		if strings.HasPrefix(s.Key, "environment.") {
			p.note(s.Key, "it comes from %s, which is not in the image; put it where the secrets are", s.From)
			continue
		}
		p.note(s.Key, "it comes from %s, which is not in the image; put it into the project's .apex/config.yaml", s.From)
	}
	if p.d.EnvFileNamed {
		p.note("environmentFile", "the configuration names it, so that apexd in the container looks for it too and does not start without: mount it there with mode 0600, or leave the key out")
	}
	if dir := p.d.Spec.Dir; dir != p.d.Spec.Project && !strings.HasPrefix(dir, strings.TrimSuffix(p.d.Spec.Project, "/")+"/") {
		p.note("workingDirectory", "%s is outside of the project; the image has to have it", dir)
	}
	if p.d.Spec.Log.Store == service.LogJournal {
		p.note("log.store", "there is no journal in the container: the log is a file, and standard output")
	}
}

// names of one of several ends of the restart policy.
func (p *plan) never() bool { return p.d.Spec.Restart.When == service.RestartNever }

// apexdKeeps notes what stays with apexd of the restart policy, where the engine starts the container by rules of its own.
func (p *plan) apexdKeeps(engine string) {
	r := p.d.Spec.Restart
	if p.never() {
		return
	}
	if r.Limit > 0 {
		p.note("restart.limit", "apexd gives up after %d restarts within %s and the container ends; %s", r.Limit, r.Window, engine)
		return
	}
	p.note("restart", "apexd starts the workload again and never gives up; when the container itself ends, %s", engine)
}

// stateBytes bounds what apexd keeps in stateDir.
func (p *plan) stateBytes() int64 {
	l := p.d.Spec.Log
	if files := int64(l.MaxFiles) + 1; l.MaxSize <= (math.MaxInt64-stateSpare)/files {
		return l.MaxSize*files + stateSpare
	}
	return math.MaxInt64
}

// stateMiB is stateBytes in MiB, rounded up.
func (p *plan) stateMiB() int64 { return (p.stateBytes()-1)>>20 + 1 }

// seconds is d for who counts in whole seconds, rounded up.
func seconds(d time.Duration) int64 { return min(int64(math.Ceil(d.Seconds())), maxSeconds) }

// statusCommand is the question whether it runs, readyCommand whether it is ready as well. Both need no shell.
func statusCommand() []string { return []string{"apexd", "status", "--quiet"} }
func readyCommand() []string  { return []string{"apexd", "status", "--quiet", "--ready"} }
