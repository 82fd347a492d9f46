package install

import (
	"fmt"
	"strings"
)

// shellQuote writes s as one word that a POSIX shell reads back as s, byte for byte: between single quotes nothing means anything but the quote itself (POSIX.1-2024,
// "Shell Command Language", 2.2.2). Errors: a NUL byte, which no shell can carry.
func shellQuote(s string) (string, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return "", fmt.Errorf("%q has a NUL byte, which no shell script can carry", s)
	}
	if s != "" && strings.IndexFunc(s, notPlain) < 0 {
		return s, nil
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'", nil
}

// notPlain reports whether r may mean something to a shell outside of quotes. "~" and "=" do in some places, so they are among them.
func notPlain(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:,@", r))
}

// shellWords are the words of one simple command, each quoted.
func shellWords(words []string) (string, error) {
	quoted := make([]string, len(words))
	for i, w := range words {
		q, err := shellQuote(w)
		if err != nil {
			return "", err
		}
		quoted[i] = q
	}
	return strings.Join(quoted, " "), nil
}

// shellComment is s as the rest of a comment line, for people: no character of it can end the line.
func shellComment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
