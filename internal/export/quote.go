package export

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/joshuaaferguson/apexd/internal/dquote"
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

// yamlList is words as a flow sequence.
func yamlList(words []string, escape func(string) string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = dquote.YAML(escape(w))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func asIs(s string) string { return s }

// dollars doubles each "$": in a container's command, arguments and environment Kubernetes puts variables in place of $(NAME) and one "$" in place of two
// (k8s.io/api/core/v1, Container.Args); Compose does the like with $NAME and ${NAME}, everywhere (compose-spec, "Interpolation").
func dollars(s string) string { return strings.ReplaceAll(s, "$", "$$") }

// hclString is s as a quoted template without templates (HCL Native Syntax Specification, "Template Expressions").
func hclString(s string) string {
	return dquote.With(s, func(b *strings.Builder, at int, r rune) bool {
		switch {
		case r == '\r':
			b.WriteString(`\r`)
		case (r == '$' || r == '%') && strings.HasPrefix(s[at+1:], "{"):
			b.WriteRune(r)
			b.WriteRune(r)
		default:
			return false
		}
		return true
	})
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
	return dquote.With(s, func(b *strings.Builder, _ int, r rune) bool {
		switch {
		case r == '"' || r == '\\':
			return false
		case r == '%' || r == '$':
			b.WriteRune(r)
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
		return true
	})
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
