package logfile

import (
	"io"
	"strings"
	"unicode/utf8"
)

// Escaper passes text on and makes visible what could change a terminal or deceive its reader: C0 controls except newline and tab (^[, ^G), DEL (^?), C1 controls
// (\u009b, raw \x9b), bytes that are not UTF-8 (\xff), and the characters that reverse the direction of text (\u202e, "Trojan Source").
// A carriage return before a newline is left out. Text without these is passed on unchanged. Not safe for concurrent use.
type Escaper struct {
	w    io.Writer
	held []byte // the start of a character, or a carriage return
	out  []byte
}

// NewEscaper returns an Escaper that writes to w.
func NewEscaper(w io.Writer) *Escaper { return &Escaper{w: w} }

// Write escapes b. A character that b does not complete is kept for the next Write or Flush.
func (e *Escaper) Write(b []byte) (int, error) {
	n := len(b)
	if len(e.held) > 0 {
		b = append(e.held, b...)
		e.held = nil
	}
	rest := e.escape(b, false)
	e.held = append([]byte(nil), rest...)
	return n, e.send()
}

// Flush writes what is kept.
func (e *Escaper) Flush() error {
	e.escape(e.held, true)
	e.held = nil
	return e.send()
}

func (e *Escaper) send() error {
	if len(e.out) == 0 {
		return nil
	}
	_, err := e.w.Write(e.out)
	e.out = e.out[:0]
	return err
}

// Sanitize returns s as an Escaper would write it.
func Sanitize(s string) string {
	if plainRun([]byte(s)) == len(s) {
		return s
	}
	var b strings.Builder
	e := NewEscaper(&b)
	e.escape([]byte(s), true)
	_ = e.send() // a strings.Builder takes everything
	return b.String()
}

// SanitizeLine is Sanitize for what must stay on one line, or in one cell of a table: newlines (^J) and tabs (^I) are made visible too.
func SanitizeLine(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(Sanitize(s), "\n", "^J"), "\t", "^I")
}

// SanitizeJSON returns the JSON text b with what an Escaper makes visible written as \u escapes, which mean the same. encoding/json does so with C0 controls only.
func SanitizeJSON(b []byte) []byte {
	var out []byte
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r != 0x7f && !hidden(r) {
			if out != nil {
				out = append(out, b[i:i+size]...)
			}
		} else {
			if out == nil {
				out = append(make([]byte, 0, len(b)+16), b[:i]...)
			}
			out = appendUnicode(out, r)
		}
		i += size
	}
	if out == nil {
		return b
	}
	return out
}

// escape appends b to e.out and returns what cannot be decided before more is known; nothing when it is the end.
func (e *Escaper) escape(b []byte, end bool) []byte {
	for len(b) > 0 {
		n := plainRun(b)
		e.out = append(e.out, b[:n]...)
		if b = b[n:]; len(b) == 0 {
			break
		}
		if !end && (!utf8.FullRune(b) || b[0] == '\r' && len(b) == 1) {
			return b
		}
		b = b[e.one(b):]
	}
	return nil
}

// plainRun is the length of the printable ASCII, newlines and tabs that b begins with.
func plainRun(b []byte) int {
	for i, c := range b {
		if (c < ' ' || c > '~') && c != '\n' && c != '\t' {
			return i
		}
	}
	return len(b)
}

// one appends the first character of b and returns its length.
func (e *Escaper) one(b []byte) int {
	r, size := utf8.DecodeRune(b)
	switch {
	case b[0] == '\r' && len(b) > 1 && b[1] == '\n':
	case r == utf8.RuneError && size == 1:
		e.out = append(e.out, '\\', 'x', hex(b[0]>>4), hex(b[0]))
	case r < ' ' || r == 0x7f:
		e.out = append(e.out, '^', byte(r)^0x40)
	case hidden(r):
		e.out = appendUnicode(e.out, r)
	default:
		e.out = append(e.out, b[:size]...)
	}
	return size
}

// hidden: C1 controls (ECMA-48) and the embeddings, overrides and isolates of the bidirectional algorithm (Unicode UAX #9).
func hidden(r rune) bool {
	return r >= 0x80 && r <= 0x9f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

func appendUnicode(b []byte, r rune) []byte {
	return append(b, '\\', 'u', hex(byte(r>>12)), hex(byte(r>>8)), hex(byte(r>>4)), hex(byte(r)))
}

func hex(n byte) byte { return "0123456789abcdef"[n&0xf] }
