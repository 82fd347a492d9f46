//go:build unix

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// print is `launchctl print TARGET`, in the form of macOS 13 and later, or of 10.14.
func (m *machine) print(target string) answer {
	domain, label, j, ok := m.find(target)
	if j == nil {
		return missing(domain, label, ok)
	}
	var b strings.Builder
	head := target
	if m.o.Old {
		head = label
	}
	active := 0
	if j.pid != 0 {
		active = 1
	}
	fmt.Fprintf(&b, "%s = {\n\tactive count = %d\n\tpath = %s\n", head, active, j.path)
	if !m.o.Old {
		fmt.Fprintf(&b, "\ttype = %s\n", map[bool]string{true: "LaunchDaemon", false: "LaunchAgent"}[domain == "system"])
	}
	fmt.Fprintf(&b, "\tstate = %s\n\n\tprogram = %s\n\targuments = {\n", j.state, j.p.ProgramArguments[0])
	for _, a := range j.p.ProgramArguments {
		fmt.Fprintf(&b, "\t\t%s\n", a)
	}
	fmt.Fprintf(&b, "\t}\n\n\tdefault environment = {\n\t\tPATH => /usr/bin:/bin:/usr/sbin:/sbin\n\t}\n\n\tenvironment = {\n\t\tXPC_SERVICE_NAME => %s\n\t}\n\n", label)
	fmt.Fprintf(&b, "\tdomain = %s\n\tminimum runtime = %d\n\texit timeout = %d\n\truns = %d\n", domain, max(j.p.ThrottleInterval, 1), j.p.ExitTimeOut, j.runs)
	if j.pid != 0 {
		fmt.Fprintf(&b, "\tpid = %d\n\timmediate reason = speculative\n\tforks = 0\n\texecs = 1\n", j.pid)
	}
	b.WriteString(j.lastEnd())
	if j.pended {
		b.WriteString("\tpended nondemand spawn = speculative\n")
	}
	fmt.Fprintf(&b, "\n\tresource coalition = {\n\t\tID = 1\n\t\ttype = resource\n\t\tstate = active\n\t\tactive count = 1\n\t\tname = %s\n\t}\n\n\tspawn type = daemon (3)\n}\n", label)
	return answer{Out: b.String()}
}

// lastEnd is the line of how it ended: a signal stands in place of the exit code.
func (j *job) lastEnd() string {
	switch {
	case j.failed:
		return fmt.Sprintf("\tlast exit code = %d: EX_CONFIG\n", exConfig)
	case !j.ended:
		return "\tlast exit code = (never exited)\n"
	case j.last.Signaled():
		return fmt.Sprintf("\tlast terminating signal = %s: %d\n", j.last.Signal(), int(j.last.Signal()))
	}
	return fmt.Sprintf("\tlast exit code = %d\n", j.last.ExitStatus())
}

// list is `launchctl list LABEL`.
func (m *machine) list(domain, label string) answer {
	j := m.domains[domain][label]
	if j == nil {
		return answer{Err: fmt.Sprintf("Could not find service %q in domain for port\n", label), Status: 113}
	}
	s := fmt.Sprintf("{\n\t\"LimitLoadToSessionType\" = \"Aqua\";\n\t\"Label\" = \"%s\";\n\t\"LastExitStatus\" = %d;\n", label, int(j.last))
	if j.pid != 0 {
		s += fmt.Sprintf("\t\"PID\" = %d;\n", j.pid)
	}
	return answer{Out: s + "};\n"}
}

// printDisabled lists overrides, in one of two forms.
func (m *machine) printDisabled(domain string) answer {
	if _, ok := m.domains[domain]; !ok {
		return missing(domain, "", false)
	}
	prefix := overrideKey(domain, "")
	var b strings.Builder
	b.WriteString("\tdisabled services = {\n")
	for _, key := range slices.Sorted(maps.Keys(m.disabled)) {
		label, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		word := map[bool]string{true: "disabled", false: "enabled"}[m.disabled[key]]
		if m.o.Old {
			word = fmt.Sprint(m.disabled[key])
		}
		fmt.Fprintf(&b, "\t\t\"%s\" => %s\n", label, word)
	}
	b.WriteString("\t}\n")
	return answer{Out: b.String()}
}
