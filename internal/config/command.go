package config

import "strings"

// A command that is one string is split into words as a shell would, by spaces, '…', "…" and backslash, and nothing more: there are no
// variables, globs, pipes or comments. What a shell would treat as such is an error outside of quotes rather than a silent difference.

const (
	shellOnly = ";|&<>$`\n" // end, join, redirect or expand in a shell
	useList   = `write a list, [node, server.js], or run a shell: [sh, -c, "…"]`

	// commandPattern is what splitCommand accepts, but for what begins with an assignment or a word with "~", and for nothing but spaces.
	commandPattern    = "^\\s*([^;|&<>$`\\n'\"\\\\]|\\\\[^A-Za-z0-9]|'[^']*'|\"([^\"\\\\]|\\\\[\\s\\S])*\")*\\s*$"
	assignmentPattern = `^\s*[A-Za-z_][A-Za-z0-9_]*=`
)

// splitCommand returns the words of s.
func splitCommand(s string) ([]string, *fault) {
	p := splitter{rest: strings.Trim(s, " \t\r\n")}
	var words []string
	for p.rest = strings.TrimLeft(p.rest, " \t"); p.rest != ""; p.rest = strings.TrimLeft(p.rest, " \t") {
		if p.rest[0] == '~' {
			return nil, &fault{`"~" is not expanded`, "write the whole path, or quote it"}
		}
		if f := p.word(); f != nil {
			return nil, f
		}
		words = append(words, p.out.String())
		p.out.Reset()
	}
	if len(words) == 0 {
		return nil, &fault{"it is empty", "write a program and its arguments, or remove the key for the built-in API server"}
	}
	if isAssignment(strings.TrimLeft(s, " \t\r\n")) {
		return nil, &fault{quoted(words[0]) + " is not a program", "set variables with environment: {NAME: value}"}
	}
	return words, nil
}

// isAssignment reports whether s begins as NAME=, which a shell would take for a variable.
func isAssignment(s string) bool {
	name, _, ok := strings.Cut(s, "=")
	if !ok || name == "" || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c != '_' && !alphanumeric(c) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

type splitter struct {
	rest string
	out  strings.Builder
}

// word moves one word from rest to out.
func (p *splitter) word() *fault {
	for p.rest != "" {
		var f *fault
		switch c := p.rest[0]; {
		case c == ' ' || c == '\t':
			return nil
		case c == '\'':
			f = p.single()
		case c == '"':
			f = p.double()
		case c == '\\':
			f = p.escape()
		case strings.IndexByte(shellOnly, c) >= 0:
			return &fault{quoted(p.rest[:1]) + " outside of quotes means something to a shell, and there is none", useList}
		default:
			p.take(1)
		}
		if f != nil {
			return f
		}
	}
	return nil
}

func (p *splitter) take(n int) {
	p.out.WriteString(p.rest[:n])
	p.rest = p.rest[n:]
}

func (p *splitter) single() *fault {
	text, rest, ok := strings.Cut(p.rest[1:], "'")
	if !ok {
		return &fault{"a ' is never closed", "close it, or " + useList}
	}
	p.out.WriteString(text)
	p.rest = rest
	return nil
}

// double ends at the next quote. A backslash takes the meaning from ", \, $ and `, and stands for itself before anything else (POSIX shell).
func (p *splitter) double() *fault {
	for p.rest = p.rest[1:]; p.rest != ""; p.take(1) {
		switch {
		case p.rest[0] == '"':
			p.rest = p.rest[1:]
			return nil
		case p.rest[0] == '\\' && len(p.rest) > 1 && strings.IndexByte("\"\\$`", p.rest[1]) >= 0:
			p.rest = p.rest[1:]
		}
	}
	return &fault{`a " is never closed`, "close it, or " + useList}
}

// escape refuses a backslash before a letter or digit: a shell would drop it, which is never what C:\Users\me was to mean.
func (p *splitter) escape() *fault {
	p.rest = p.rest[1:]
	switch {
	case p.rest == "":
		return &fault{`a \ ends it`, useList}
	case alphanumeric(p.rest[0]):
		return &fault{`a \ outside of quotes stands before ` + quoted(p.rest[:1]) + ", where a shell would drop it", `put the path in '…', or ` + useList}
	}
	p.take(1)
	return nil
}
