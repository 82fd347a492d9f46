//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/internal/plist"
)

// launchd's errors, as `launchctl error` names them.
var words = map[int]string{
	1: "Operation not permitted", 3: "No such process", 5: "Input/output error", 36: "Operation now in progress", 37: "Operation already in progress", 109: "Invalid property list",
	111: "Invalid or missing Program/ProgramArguments", 112: "Could not find specified domain", 113: "Could not find specified service", 119: "Service is disabled",
	122: "Path had bad ownership/permissions", 125: "Domain does not support specified action", 134: "Service cannot load in requested session",
}

// failure is "Bootstrap failed: 5: Input/output error".
func failure(what string, status int) answer {
	return answer{Err: fmt.Sprintf("%s: %d: %s\n", what, status, words[status]), Status: status}
}

func usage(args []string) answer {
	return answer{Err: fmt.Sprintf("Unrecognized subcommand: %s\n", strings.Join(args, " ")), Status: 64}
}

// modern are the subcommands that came with OS X 10.10.
var modern = []string{"bootstrap", "bootout", "print", "print-disabled", "enable", "disable", "kickstart", "kill", "managername"}

// answer does what launchctl asks.
func (m *machine) answer(q question) answer {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(q.Args) == 0 || m.o.NoBootstrap && slices.Contains(modern, q.Args[0]) {
		return usage(q.Args)
	}
	verb, args := q.Args[0], q.Args[1:]
	if a, ok := m.permitted(verb, args, q.UID); !ok {
		return a
	}
	switch {
	case verb == "bootstrap" && len(args) == 2:
		return m.bootstrap(args[0], args[1])
	case verb == "bootout" && len(args) == 1:
		return m.bootout(args[0])
	case verb == "print" && len(args) == 1:
		return m.print(args[0])
	case verb == "print-disabled" && len(args) == 1:
		return m.printDisabled(args[0])
	case (verb == "enable" || verb == "disable") && len(args) == 1:
		return m.override(args[0], verb == "disable")
	case verb == "kickstart" && len(args) == 1:
		return m.kickstart(args[0])
	case verb == "kill" && len(args) == 2:
		return m.kill(args[0], args[1])
	case verb == "managername" && len(args) == 0:
		return m.managername()
	}
	return m.legacy(verb, args, q.UID)
}

func (m *machine) managername() answer {
	if m.o.NoGUI {
		return answer{Out: "Background\n"}
	}
	return answer{Out: "Aqua\n"}
}

// find splits a service target. ok is false where the domain is not there.
func (m *machine) find(target string) (domain, label string, j *job, ok bool) {
	at := strings.LastIndexByte(target, '/')
	if at < 0 {
		return "", "", nil, false
	}
	domain, label = target[:at], target[at+1:]
	jobs, ok := m.domains[domain]
	return domain, label, jobs[label], ok
}

// missing is the answer of print, kickstart and kill where there is no such job.
func missing(domain, label string, known bool) answer {
	kind, id, _ := strings.Cut(domain, "/")
	where := map[string]string{"gui": "user gui: " + id, "user": "user: " + id}[kind]
	if where == "" {
		where = domain
	}
	if !known {
		return answer{Err: "Bad request.\nCould not find domain for " + where + "\n", Status: 112}
	}
	return answer{Err: fmt.Sprintf("Bad request.\nCould not find service %q in domain for %s\n", label, where), Status: 113}
}

// bootstrap loads a property list. A label that is still there, whether it runs or is being booted out, is an error that says nothing of it.
func (m *machine) bootstrap(domain, path string) answer {
	const what = "Bootstrap failed"
	jobs, ok := m.domains[domain]
	if !ok {
		return failure(what, 125)
	}
	p, status := load(domain, path)
	if status != 0 {
		return failure(what, status)
	}
	old := jobs[p.Label]
	switch {
	case m.disabled[overrideKey(domain, p.Label)]:
		return failure(what, 119)
	case old != nil && old.removing && m.turn():
		return failure(what, 37)
	case old != nil:
		return failure(what, 5)
	}
	j := &job{m: m, domain: domain, path: path, p: p, state: stateNotRunning}
	jobs[p.Label] = j
	switch {
	case !p.RunAtLoad && p.KeepAlive == nil:
	case m.o.Pend:
		j.pended = true
	default:
		j.spawn()
	}
	return answer{}
}

// load reads a property list as launchd does: whose it is, who may write it, what it says, and for which session. Root may load one for a user, and then it is still to be that user's or root's.
func load(domain, path string) (p launchd.PropertyList, status int) {
	fi, err := os.Stat(path)
	if err != nil || !fi.Mode().IsRegular() {
		return p, 5
	}
	owner := int(fi.Sys().(*syscall.Stat_t).Uid)
	if fi.Mode().Perm()&0o022 != 0 || owner != 0 && owner != whose(domain) {
		return p, 122
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return p, 5
	}
	var raw map[string]any
	if plist.Decode(string(b), &p) != nil || plist.Decode(string(b), &raw) != nil || p.Label == "" || unknownKey(raw) {
		return p, 109
	}
	if len(p.ProgramArguments) == 0 {
		return p, 111
	}
	session := p.LimitLoadToSessionType
	if session == "" && domain != "system" {
		session = "Aqua"
	}
	if domain != "system" && session != launchd.Domain(domain).Session() {
		return p, 134
	}
	return p, 0
}

// unknownKey reports whether this launchd has not learnt one of the keys.
func unknownKey(raw map[string]any) bool {
	known := []string{
		"Label", "ProgramArguments", "WorkingDirectory", "EnvironmentVariables", "UserName", "RunAtLoad", "KeepAlive", "ThrottleInterval", "ExitTimeOut", "ProcessType", "LimitLoadToSessionType",
	}
	for k := range raw {
		if !slices.Contains(known, k) {
			return true
		}
	}
	return false
}

// bootout comes back before the process has ended, with success or with "in progress".
func (m *machine) bootout(target string) answer {
	_, _, j, _ := m.find(target)
	if j == nil {
		return failure("Boot-out failed", 3)
	}
	if !j.removing {
		j.bootOut()
	}
	if j.pid != 0 && m.turn() {
		return failure("Boot-out failed", 36)
	}
	return answer{}
}

// kickstart starts what does not run, throttled or not.
func (m *machine) kickstart(target string) answer {
	domain, label, j, ok := m.find(target)
	switch {
	case j == nil:
		return missing(domain, label, ok)
	case j.removing:
		return failure("Could not kickstart service", 37)
	case j.pid == 0:
		j.spawn()
	}
	return answer{}
}

func (m *machine) kill(sig, target string) answer {
	domain, label, j, ok := m.find(target)
	if j == nil {
		return missing(domain, label, ok)
	}
	signals := map[string]syscall.Signal{"SIGHUP": syscall.SIGHUP, "SIGTERM": syscall.SIGTERM, "SIGKILL": syscall.SIGKILL}
	n, ok := signals[sig]
	if !ok {
		return usage([]string{"kill", sig})
	}
	if j.signal(n) != nil {
		return failure("Could not signal service", 3)
	}
	return answer{}
}

func (m *machine) override(target string, disabled bool) answer {
	domain, label, _, ok := m.find(target)
	if !ok {
		return failure("Could not find domain", 112)
	}
	if err := m.setDisabled(overrideKey(domain, label), disabled); err != nil {
		return answer{Err: err.Error(), Status: 5}
	}
	return answer{}
}

// legacy are the older subcommands. load says 0 whatever comes of it.
func (m *machine) legacy(verb string, args []string, uid int) answer {
	domain := m.own(uid)
	switch {
	case verb == "load" && len(args) == 1:
		if a := m.bootstrap(domain, args[0]); a.Status != 0 {
			return answer{Err: strings.Replace(a.Err, "Bootstrap", "Load", 1)}
		}
	case verb == "unload" && len(args) == 1:
		label := strings.TrimSuffix(filepath.Base(args[0]), ".plist")
		if a := m.bootout(domain + "/" + label); a.Status == 3 {
			return answer{Err: "Unload failed: 5: Input/output error\n"}
		}
	case verb == "list" && len(args) == 1:
		return m.list(domain, args[0])
	default:
		return usage(append([]string{verb}, args...))
	}
	return answer{}
}

// own is the domain of whoever asks: root's is the system's, unless it is root who is logged in.
func (m *machine) own(uid int) string {
	for _, d := range []launchd.Domain{launchd.GUI(uid), launchd.User(uid)} {
		if _, ok := m.domains[string(d)]; ok {
			return string(d)
		}
	}
	if uid == 0 {
		return "system"
	}
	return string(launchd.User(uid))
}
