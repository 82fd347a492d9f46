// Package term is what a command needs of a terminal: whether there is one, how wide it is, how wide a text is on it, colour, tables that fit, and a screen that is redrawn in
// place and given back as it was. Without a terminal all of it is plain text.
package term

import (
	"os"
	"strings"
)

// IsTerminal reports whether f is a terminal. /dev/null is none.
func IsTerminal(f *os.File) bool { return f != nil && isTerminal(f) }

// Size is the width and height of the terminal f, in cells; zeros where f is none or does not say.
func Size(f *os.File) (width, height int) {
	if f == nil {
		return 0, 0
	}
	return size(f)
}

// Dumb reports whether TERM names a terminal that cannot move its cursor.
func Dumb(getenv func(string) string) bool { return getenv("TERM") == "dumb" }

// Unicode reports whether a text beyond ASCII is shown as what it is, by the locale: LC_ALL, LC_CTYPE, LANG (locale(7)). Where none is set, as in a container, it is not, except on systems
// whose terminals have nothing else.
func Unicode(goos string, getenv func(string) string) bool {
	for _, name := range [...]string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(getenv(name)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return goos == "windows" || goos == "darwin"
}
