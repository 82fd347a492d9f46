package config

import "strings"

// envVar is one variable for the workload.
type envVar struct {
	name, value string
	from        origin
}

// parseEnv reads KEY=value lines: empty lines and those that begin with # are skipped, "export " before a key is allowed, and a value may be in '…'
// (as it is) or "…" (with \n, \t, \r, \", \\, \$), over several lines if need be. Nothing is expanded.
func parseEnv(file, text string) ([]envVar, Problems) {
	p := envParser{file: file, rest: strings.TrimPrefix(text, "\ufeff"), line: 1}
	for p.rest != "" {
		start := p.line
		f := p.entry()
		if f != nil {
			p.problems = append(p.problems, Problem{File: file, Line: start, Text: f.text, Fix: f.fix})
			if len(p.problems) >= maxProblems {
				break
			}
		}
	}
	return p.vars, p.problems
}

type envParser struct {
	file, rest string
	line       int
	vars       []envVar
	problems   Problems
}

// cut takes the text up to the end of the line.
func (p *envParser) cut() string {
	line, rest, _ := strings.Cut(p.rest, "\n")
	p.rest = rest
	p.line++
	return strings.TrimSuffix(line, "\r")
}

// entry reads one line, or more where a quoted value has more.
func (p *envParser) entry() *fault {
	head, _, _ := strings.Cut(p.rest, "\n")
	if t := strings.TrimSpace(head); t == "" || t[0] == '#' {
		p.cut()
		return nil
	}
	name, value, ok := strings.Cut(head, "=")
	if !ok {
		p.cut()
		return &fault{"there is no = in this line", "write KEY=value, or # before a comment"} // the line itself may be a secret
	}
	name = strings.TrimSpace(name)
	if rest, ok := strings.CutPrefix(name, "export "); ok {
		name = strings.TrimSpace(rest)
	}
	from := origin{file: p.file, line: p.line}
	value = strings.TrimLeft(value, " \t")
	p.rest = p.rest[len(head)-len(value):]
	text, f := p.value()
	if f == nil {
		f = checkEnv(name, text)
	}
	if f == nil {
		p.vars = append(p.vars, envVar{name, text, from})
	}
	return f
}

// value reads what stands after the =.
func (p *envParser) value() (string, *fault) {
	if strings.HasPrefix(p.rest, "'") || strings.HasPrefix(p.rest, `"`) {
		return p.quotedValue()
	}
	v := strings.TrimSpace(p.cut())
	if strings.Contains(v, " #") || strings.Contains(v, "\t#") {
		return "", &fault{"it is not clear whether # begins a comment here", "put the value in quotes"}
	}
	return v, nil
}

func (p *envParser) quotedValue() (string, *fault) {
	q := p.rest[0]
	end := closing(p.rest)
	if end < 0 {
		p.cut()
		return "", &fault{"a " + string(q) + " is never closed", "close it"}
	}
	text := p.rest[1:end]
	p.line += strings.Count(text, "\n")
	p.rest = p.rest[end+1:]
	if after := strings.TrimSpace(p.cut()); after != "" && after[0] != '#' {
		return "", &fault{"text stands after the closing " + string(q), "put all of the value in one pair of quotes"}
	}
	text = strings.ReplaceAll(text, "\r\n", "\n")
	if q == '"' {
		text = unescape(text)
	}
	return text, nil
}

// closing is the index of the quote that closes the one at s[0], or -1.
func closing(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == s[0]:
			return i
		case s[i] == '\\' && s[0] == '"':
			i++
		}
	}
	return -1
}

// unescape replaces the escapes of a value in "…"; a backslash before anything else stands for itself.
func unescape(s string) string {
	return strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\r`, "\r", `\"`, `"`, `\\`, `\`, `\$`, `$`).Replace(s)
}

// checkEnv reports what is wrong with a variable for the workload, or nil.
func checkEnv(name, value string) *fault {
	switch {
	case name == "":
		return &fault{"a variable has no name", "write NAME before the ="}
	case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r == '=' || r == 0x7f }):
		return &fault{"the name " + quoted(name) + " has a space, a = or a control character in it", "use letters, digits and _"}
	case isReserved(name):
		return &fault{name + " is set by apexd itself", reservedFix(name)}
	case strings.ContainsRune(value, 0):
		return &fault{"the value has a NUL character in it, which no program can be given", "remove it"} // execve(2)
	}
	return nil
}

// reservedEnv are the variables that apexd sets for the workload.
var reservedEnv = [...]string{
	"APEX_DAEMON_MODE", "APEX_PROJECT_PATH", "APEX_DAEMON_NAME", "APEX_PID_FILE", "APEX_LOG_FILE", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
	"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
}

func isReserved(name string) bool {
	for _, r := range reservedEnv {
		if r == name {
			return true
		}
	}
	return false
}

func reservedFix(name string) string {
	for i := range keys {
		if keys[i].env == name {
			return "set the key " + keys[i].path + " of the daemon instead"
		}
	}
	return "remove it"
}
