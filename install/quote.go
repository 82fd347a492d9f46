package install

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What a setting expands in its value, beyond the escapes of systemd.syntax(7).
type expansion int

const (
	expandNothing    expansion = iota
	expandSpecifiers           // %h and its like: systemd.unit(5), "Specifiers"
	expandVariables            // these, and $HOME, ${HOME}: systemd.service(5), "Command lines"
)

// quoteWord writes s as one word that systemd reads back as s, byte for byte: systemd.syntax(7), "Quoting".
func quoteWord(s string, e expansion) string {
	if s != "" && strings.IndexFunc(s, special) < 0 {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1, r < ' ', r == 0x7f:
			for _, c := range []byte(s[i : i+n]) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		case r == '"', r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '%' && e >= expandSpecifiers, r == '$' && e >= expandVariables:
			b.WriteRune(r)
			b.WriteRune(r)
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	b.WriteByte('"')
	return b.String()
}

// special reports whether r may mean something to systemd outside of quotes. Everything that is not plainly harmless may.
func special(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+=:,@", r))
}

// unquoteWord is the inverse of quoteWord with expandNothing.
func unquoteWord(s string) (string, error) {
	if !strings.HasPrefix(s, `"`) {
		if strings.IndexFunc(s, special) >= 0 {
			return "", errNotQuoted
		}
		return s, nil
	}
	if len(s) < 2 || !strings.HasSuffix(s, `"`) {
		return "", errNotQuoted
	}
	s = s[1 : len(s)-1]
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return "", errNotQuoted
		case s[i] != '\\':
			b.WriteByte(s[i])
		case i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case i+3 < len(s) && s[i+1] == 'x':
			c, err := strconv.ParseUint(s[i+2:i+4], 16, 8)
			if err != nil {
				return "", errNotQuoted
			}
			b.WriteByte(byte(c))
			i += 3
		default:
			return "", errNotQuoted
		}
	}
	return b.String(), nil
}

var errNotQuoted = errors.New("not a word that apexd has quoted")

// commandLine is argv as the value of ExecStart=. The first word is the program, in which systemd refuses what string_is_safe() does. No variables are looked for in
// it, but in the argv[0] that is made of it they are; "@" lets that be said separately (systemd.service(5)).
func commandLine(argv []string) (string, error) {
	if err := checkProgram(argv[0]); err != nil {
		return "", err
	}
	words := []string{quoteWord(argv[0], expandSpecifiers)}
	if strings.Contains(argv[0], "$") {
		words[0] = "@" + words[0]
		argv = append(argv[:1:1], argv...)
	}
	for _, a := range argv[1:] {
		if strings.IndexByte(a, 0) >= 0 {
			return "", fmt.Errorf("the argument %q has a NUL byte, which no command line can carry", a)
		}
		words = append(words, quoteWord(a, expandVariables))
	}
	return strings.Join(words, " "), nil
}

// checkProgram reports why systemd would not execute the program at p.
func checkProgram(p string) error {
	switch {
	case !path.IsAbs(p):
		return fmt.Errorf("the program's path %q is not absolute", p)
	case !utf8.ValidString(p):
		return fmt.Errorf("the program's path %q is not UTF-8, which systemd refuses", p)
	case strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`"'\`, r) }):
		return fmt.Errorf("the program's path %q has a quote, a backslash or a control character, which systemd refuses", p)
	}
	return nil
}

// directory is p as the value of WorkingDirectory=, which is not a word: nothing is unquoted or unescaped in it (systemd.exec(5)). It reports false for a path
// that cannot be said there.
func directory(p string) (string, bool) {
	if !path.IsAbs(p) || !utf8.ValidString(p) || strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f }) ||
		strings.TrimSpace(p) != p || strings.HasSuffix(p, `\`) {
		return "", false
	}
	return strings.ReplaceAll(p, "%", "%%"), true
}

// pathWord is p as one word of ReadWritePaths=, where \x escapes are not known (systemd.exec(5)).
func pathWord(p string) (string, error) {
	if !path.IsAbs(p) || !utf8.ValidString(p) || strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "", fmt.Errorf("the path %q has a control character or is not UTF-8, which ReadWritePaths= cannot carry", p)
	}
	return quoteWord(p, expandSpecifiers), nil
}

// assignment is KEY=value as one word of Environment=. systemd drops what is not UTF-8 or has control characters.
func assignment(kv string) (string, error) {
	if !utf8.ValidString(kv) || strings.ContainsFunc(kv, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		key, _, _ := strings.Cut(kv, "=")
		return "", fmt.Errorf("the value of the environment variable %q has a control character or is not UTF-8, which Environment= cannot carry", key)
	}
	return quoteWord(kv, expandSpecifiers), nil
}

// words is s for people, in a setting that is one line of text: nothing in it is expanded or continues the line.
func words(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "%", "%%")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
