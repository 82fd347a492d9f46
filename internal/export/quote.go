package export

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// quote is s for a person.
func quote(s string) string { return strconv.Quote(s) }

// oneLine is s without anything that could end a comment or act on a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\ufffd'
		}
		return r
	}, s)
}

// yamlString is s as a double-quoted scalar (YAML 1.2.2, section 7.3.1), on one line, of printable characters.
func yamlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
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

// yamlList is words as a flow sequence.
func yamlList(words []string, escape func(string) string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = yamlString(escape(w))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func asIs(s string) string { return s }

// dollars doubles each "$": in a container's command, arguments and environment Kubernetes puts variables in place of $(NAME) and one "$" in place of two
// (k8s.io/api/core/v1, Container.Args); Compose does the like with $NAME and ${NAME}, everywhere (compose-spec, "Interpolation").
func dollars(s string) string { return strings.ReplaceAll(s, "$", "$$") }

// hclString is s as a quoted template without templates (HCL Native Syntax Specification, "Template Expressions").
func hclString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case (r == '$' || r == '%') && strings.HasPrefix(s[i+1:], "{"):
			b.WriteRune(r)
			b.WriteRune(r)
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

func hclList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = hclString(w)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// unitWord is s as one word of a command line of systemd's (systemd.syntax(7), "Quoting"; systemd.service(5), "Command lines"), which the generator takes apart and
// puts into ExecStart= as it is: "%" and "$" mean something there.
func unitWord(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '%' || r == '$':
			b.WriteRune(r)
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

func unitWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if quoted[i] = w; w == "" || strings.ContainsFunc(w, odd) {
			quoted[i] = unitWord(w)
		}
	}
	return strings.Join(quoted, " ")
}
