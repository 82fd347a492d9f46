// Package dquote puts strings between double quotes for languages that escape with backslashes: YAML, HCL, systemd's. It is pure.
package dquote

import (
	"fmt"
	"strings"
	"unicode"
)

// YAML returns s as a double-quoted scalar on one line, of printable characters (YAML 1.2.2, section 7.3.1).
func YAML(s string) string {
	return With(s, func(*strings.Builder, int, rune) bool { return false })
}

// With returns s between double quotes, with a backslash before quotes and backslashes, \n, \t, and \uXXXX or \UXXXXXXXX for what is not printable, which YAML and HCL
// have in common. What special writes itself, and says so, is not written again; at is the offset of r in s.
func With(s string, special func(b *strings.Builder, at int, r rune) bool) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case special(&b, i, r):
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r > 0xffff && !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\U%08x`, r)
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}
