package export

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/export"
)

// splitter takes a command line of systemd's apart, one word at a time.
type splitter struct {
	rest, word string
	err        error
}

// next reads a word: pieces in '…', in "…" and outside of quotes, with escapes of C in all of them.
func (p *splitter) next() bool {
	p.rest = strings.TrimLeft(p.rest, " \t")
	if p.rest == "" || p.err != nil {
		return false
	}
	var b strings.Builder
	var quote byte
	for p.rest != "" {
		c := p.rest[0]
		switch {
		case c == '\\':
			p.escape(&b)
			continue
		case quote == 0 && (c == ' ' || c == '\t'):
			p.word = b.String()
			return true
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		default:
			b.WriteByte(c)
		}
		p.rest = p.rest[1:]
	}
	if quote != 0 {
		p.err = errors.New("a quote has no end")
	}
	p.word = b.String()
	return true
}

// escape reads \a \b \f \n \r \t \v \\ \" \' \s \xNN \NNN \uNNNN \UNNNNNNNN.
func (p *splitter) escape(b *strings.Builder) {
	switch {
	case strings.HasPrefix(p.rest, `\s`):
		b.WriteByte(' ')
		p.rest = p.rest[2:]
		return
	case strings.HasPrefix(p.rest, `\'`), strings.HasPrefix(p.rest, `\"`):
		b.WriteByte(p.rest[1])
		p.rest = p.rest[2:]
		return
	}
	r, multibyte, tail, err := strconv.UnquoteChar(p.rest, 0)
	if err != nil {
		p.err, p.rest = err, ""
		return
	}
	if p.rest = tail; multibyte {
		b.WriteRune(r)
	} else {
		b.WriteByte(byte(r))
	}
}

// roundTripText has each document and what apexd's arguments in it are.
func roundTripText(t *testing.T, n int, each func(text string, args []string)) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 4))
	for range n {
		d := daemon()
		d.Spec.FromArgs, d.Spec.Command = true, words(r)
		for i := range d.Spec.Command {
			d.Spec.Command[i] += "." // an empty word is refused
		}
		doc, err := export.Render(export.Quadlet, d, export.Options{Image: "example.org/shop:1"})
		if err != nil {
			t.Fatal(err)
		}
		each(doc.Text, append([]string{"run", "--"}, d.Spec.Command...))
	}
}
