package term

import "os"

// Style colours text, or leaves it as it is. The zero value has no colour.
type Style struct{ on bool }

// NewStyle is for text on f: colour where f is a terminal that has it, and nobody has said otherwise: NO_COLOR, set to anything (https://no-color.org), or TERM=dumb.
func NewStyle(f *os.File, getenv func(string) string) Style {
	return Style{IsTerminal(f) && getenv("NO_COLOR") == "" && !Dumb(getenv) && escapes(f)}
}

// Colour is one of the eight that every terminal has; the user's own palette says how they look.
type Colour string

// The colours, by what they are used for. A word stands beside each use: none means anything alone.
const (
	Plain Colour = ""
	Good  Colour = "32" // green
	Busy  Colour = "33" // yellow
	Bad   Colour = "31" // red
	Faint Colour = "2"
	Bold  Colour = "1"
)

// Paint is text in colour c (ECMA-48, SGR).
func (s Style) Paint(c Colour, text string) string {
	if !s.on || c == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}
