// Package shellword writes words for POSIX shells: into scripts, and into commands that a person is told to type. What the shell reads back is the same, byte for byte.
package shellword

import (
	"fmt"
	"strings"
)

// Quote writes s as one word that a POSIX shell reads back as s: bare where nothing in it means anything there, else between single quotes, where nothing means anything but the quote
// itself (POSIX.1-2024, "Shell Command Language", 2.2.2). Errors: a NUL byte, which no shell can carry.
func Quote(s string) (string, error) {
	if strings.IndexByte(s, 0) >= 0 {
		return "", fmt.Errorf("%q has a NUL byte, which no shell script can carry", s)
	}
	return Show(s), nil
}

// Show is Quote for a person, of what is the name of a file or a program and so has no NUL byte.
func Show(s string) string {
	if s != "" && Plain(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Plain reports whether nothing in s may mean something to a shell outside of quotes. "~" and "=" do in some places, so that they are not plain.
func Plain(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:,@", r))
	})
}

// Join are the words of one simple command, each quoted. Errors: Quote's.
func Join(words []string) (string, error) {
	quoted := make([]string, len(words))
	for i, w := range words {
		q, err := Quote(w)
		if err != nil {
			return "", err
		}
		quoted[i] = q
	}
	return strings.Join(quoted, " "), nil
}

// Comment is s as the rest of a comment line, for people: no character of it can end the line.
func Comment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
