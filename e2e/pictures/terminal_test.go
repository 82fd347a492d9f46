package pictures

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// cell is one cell of a terminal.
type cell struct {
	char   rune
	colour string // the parameter of the last SGR, "" for none
}

// terminal is what is seen of the text written to it, as far as apexd uses a terminal (internal/term): lines, eight colours, a cursor that moves, and the alternate screen. It has
// as many lines as are written, and none scrolls away.
type terminal struct {
	width    int
	lines    [][]cell
	row, col int
	colour   string
	main     [][]cell // while the alternate screen is shown
	shot     [][]cell // the alternate screen, as it was when it was left
}

// shown is what somebody sees who looks at a terminal of that width, in cells, to which raw was written: the last alternate screen where there was one.
func shown(raw string, width int) [][]cell {
	t := &terminal{width: width}
	for raw != "" {
		raw = raw[t.take(raw):]
	}
	lines := t.lines
	if t.shot != nil {
		lines = t.shot
	}
	for len(lines) > 0 && strings.TrimSpace(plain(lines[len(lines)-1])) == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// take does what the beginning of s says, and returns how long that is.
func (t *terminal) take(s string) int {
	if rest, ok := strings.CutPrefix(s, "\x1b["); ok {
		end := strings.IndexFunc(rest, func(r rune) bool { return r >= '@' && r <= '~' }) // ECMA-48, 5.4: the final byte
		if end < 0 {
			return len(s)
		}
		t.control(rest[:end], rest[end])
		return len(s) - len(rest) + end + 1
	}
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case r == '\r':
		t.col = 0
	case r == '\n':
		t.row++
	case r >= ' ':
		t.put(r)
	}
	return size
}

func (t *terminal) put(r rune) {
	if t.col == t.width {
		t.row, t.col = t.row+1, 0
	}
	t.reach()
	for len(t.lines[t.row]) <= t.col {
		t.lines[t.row] = append(t.lines[t.row], cell{char: ' '})
	}
	t.lines[t.row][t.col] = cell{r, t.colour}
	t.col++
}

// reach makes the line of the cursor.
func (t *terminal) reach() {
	for len(t.lines) <= t.row {
		t.lines = append(t.lines, nil)
	}
}

// control does what a control sequence says.
func (t *terminal) control(arg string, final byte) {
	switch string(final) {
	case "m":
		t.colour = strings.TrimPrefix(arg, "0")
	case "H":
		row, col, _ := strings.Cut(arg, ";")
		t.row, t.col = max(number(row), 1)-1, max(number(col), 1)-1
	case "K":
		if t.reach(); t.col < len(t.lines[t.row]) {
			t.lines[t.row] = t.lines[t.row][:t.col]
		}
	case "J":
		if arg == "2" {
			t.lines = nil
		} else if t.row < len(t.lines) {
			t.lines = t.lines[:t.row]
		}
	case "h":
		if arg == "?1049" {
			t.main, t.lines = t.lines, nil
		}
	case "l":
		if arg == "?1049" {
			t.shot, t.lines = t.lines, t.main
		}
	}
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // "" is the default
	return n
}

// plain is a line without colours.
func plain(line []cell) string {
	var b strings.Builder
	for _, c := range line {
		b.WriteRune(c.char)
	}
	return strings.TrimRight(b.String(), " ")
}

func TestShown(t *testing.T) {
	for name, row := range map[string]struct{ raw, want string }{
		"lines":                   {"one\r\ntwo\r\n\r\n", "one|two"},
		"a line that is replaced": {"waiting\rgone\x1b[K\r\n", "gone"},
		"a line that wraps":       {"0123456789ab", "0123456789|ab"},
		"colours":                 {"a \x1b[32mgood\x1b[0m b", "a good b"},
		"alternate screen":        {"before\r\n\x1b[?1049h\x1b[?7l\x1b[2J\x1b[1;1Htop\x1b[K\x1b[3;1Hrow\x1b[K\x1b[2;1H\x1b[J\x1b[?1049l", "top"},
		"its last state":          {"\x1b[?1049h\x1b[1;1Hold old\x1b[K\x1b[1;1Hnew\x1b[K\x1b[?1049lafter", "new"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, line := range shown(row.raw, 10) {
				got = append(got, plain(line))
			}
			if text := strings.Join(got, "|"); text != row.want {
				t.Errorf("%q, want %q", text, row.want)
			}
		})
	}
	if line := shown("a\x1b[31mb\x1b[0mc", 10)[0]; line[0].colour != "" || line[1].colour != "31" || line[2].colour != "" {
		t.Errorf("colours: %v", line)
	}
}
