package winsvc

import "strings"

// CommandLine is the ImagePath of a service: argv as CommandLineToArgvW takes it apart again. The program is always quoted: without, the SCM would try "C:\Program.exe"
// first for "C:\Program Files\…" (Microsoft, CreateService, "lpBinaryPathName").
func CommandLine(argv []string) string {
	var b strings.Builder
	for i, a := range argv {
		if i == 0 { // a file name has no quotes, and backslashes in it are only backslashes
			b.WriteString(`"` + a + `"`)
			continue
		}
		b.WriteByte(' ')
		quote(&b, a)
	}
	return b.String()
}

// quote writes a so that one argument is read back (Microsoft, "Parsing C++ command-line arguments"): backslashes count double before a quote only.
func quote(b *strings.Builder, a string) {
	if a != "" && !strings.ContainsAny(a, " \t\n\v\"") {
		b.WriteString(a)
		return
	}
	b.WriteByte('"')
	slashes := 0
	for _, c := range []byte(a) {
		switch c {
		case '\\':
			slashes++
		case '"':
			b.WriteString(strings.Repeat(`\`, slashes+1))
			slashes = 0
		default:
			slashes = 0
		}
		b.WriteByte(c)
	}
	b.WriteString(strings.Repeat(`\`, slashes) + `"`)
}

// Argv takes a command line apart by the rules of CommandLineToArgvW.
func Argv(line string) []string {
	line = strings.TrimLeft(line, " \t")
	if line == "" {
		return nil
	}
	first, rest := program(line)
	argv := []string{first}
	for rest = strings.TrimLeft(rest, " \t"); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		var a string
		a, rest = argument(rest)
		argv = append(argv, a)
	}
	return argv
}

// program is the first word, in which a backslash never escapes.
func program(line string) (name, rest string) {
	if quoted, ok := strings.CutPrefix(line, `"`); ok {
		name, rest, _ = strings.Cut(quoted, `"`)
		return name, rest
	}
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		return line[:i], line[i:]
	}
	return line, ""
}

func argument(line string) (a, rest string) {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			n := len(line[i:]) - len(strings.TrimLeft(line[i:], `\`))
			i += n - 1
			if i+1 == len(line) || line[i+1] != '"' {
				b.WriteString(strings.Repeat(`\`, n))
				break
			}
			b.WriteString(strings.Repeat(`\`, n/2))
			if n%2 == 1 {
				b.WriteByte('"')
				i++
			}
		case c == '"' && quoted && i+1 < len(line) && line[i+1] == '"': // two of them within quotes are one
			b.WriteByte('"')
			i++
		case c == '"':
			quoted = !quoted
		case (c == ' ' || c == '\t') && !quoted:
			return b.String(), line[i:]
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), ""
}
