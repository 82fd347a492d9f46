package pictures

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// Sizes in pixels. Most fonts of fixed width have cells of 0.6 em; in those that have not, a run of text is stretched to its cells.
const (
	fontSize   = 14
	cellWidth  = 8.4
	lineHeight = 20
	margin     = 16
	titleBar   = 30
)

// The picture brings its own background, so that it can be read on a light page and on a dark one; the border is for the dark one. Each colour has a contrast to the background of
// at least 5 to 1 (WCAG 2.2, 1.4.3 wants 4.5).
const style = `text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono","Liberation Mono",monospace;fill:#e6edf3}` +
	`.c1{font-weight:600}.c2,.title{fill:#9198a1}.c31{fill:#ff7b72}.c32{fill:#56d364}.c33{fill:#e3b341}.title{font-size:12px;text-anchor:middle}`

// runs are a line's parts that stand together: of one colour, and without two blanks in them, so that columns stand where they should in every font.
var runs = regexp.MustCompile(`\S+(?: \S+)*`)

// svg is a picture of lines, of that width in cells. alt is what it says to who cannot see it.
func svg(title, alt string, lines [][]cell, width int) string {
	var b strings.Builder
	w, h := float64(width)*cellWidth+2*margin, titleBar+len(lines)*lineHeight+margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" role="img" width="%.0f" height="%d" viewBox="0 0 %.0f %d">`+"\n", w, h, w, h)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n", escape(alt), style)
	fmt.Fprintf(&b, `<rect x=".5" y=".5" width="%.0f" height="%d" rx="8" fill="#0d1117" stroke="#3d444d"/>`+"\n", w-1, h-1)
	fmt.Fprintf(&b, `<text class="title" x="%.0f" y="20">%s</text>`+"\n", w/2, escape(title))
	for i, line := range lines {
		y := titleBar + i*lineHeight + fontSize
		for _, same := range coloured(line) {
			text, begin := plainOf(line, same), same[0]
			for _, at := range runs.FindAllStringIndex(text, -1) {
				run, x := text[at[0]:at[1]], begin+utf8.RuneCountInString(text[:at[0]])
				fmt.Fprintf(&b, `<text%s x="%.1f" y="%d" textLength="%.1f">%s</text>`+"\n",
					class(line[begin].colour), margin+float64(x)*cellWidth, y, float64(utf8.RuneCountInString(run))*cellWidth, escape(run))
			}
		}
	}
	return b.String() + "</svg>\n"
}

// coloured are the parts of a line that have one colour: where each begins and ends.
func coloured(line []cell) [][2]int {
	var parts [][2]int
	for i, c := range line {
		if i == 0 || c.colour != line[i-1].colour {
			parts = append(parts, [2]int{i, i})
		}
		parts[len(parts)-1][1] = i + 1
	}
	return parts
}

func plainOf(line []cell, part [2]int) string { return plain(line[part[0]:part[1]]) }

func class(colour string) string {
	if colour == "" {
		return ""
	}
	return ` class="c` + colour + `"`
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder takes everything
	return b.String()
}

// textOf is the text of a picture, a line of it on each line, as a reader sees it; an error says what a picture must not have.
func textOf(picture string) (string, error) {
	var b strings.Builder
	d, line, depth := xml.NewDecoder(strings.NewReader(picture)), "", ""
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return strings.TrimSpace(b.String()), nil
		}
		if err != nil {
			return "", err
		}
		switch token := token.(type) {
		case xml.StartElement:
			switch depth = token.Name.Local; depth {
			case "svg", "title", "style", "rect", "text":
			default:
				return "", fmt.Errorf("it has an element %q", depth)
			}
			y := ""
			for _, a := range token.Attr {
				if a.Name.Local == "y" {
					y = a.Value
				}
				if strings.Contains(a.Name.Local, "href") || strings.HasPrefix(a.Name.Local, "on") {
					return "", fmt.Errorf("it has an attribute %q", a.Name.Local)
				}
			}
			if depth == "text" && y != line {
				b.WriteString("\n")
				line = y
			} else if depth == "text" {
				b.WriteString(" ")
			}
		case xml.CharData:
			if depth == "text" {
				b.WriteString(strings.TrimRight(string(token), "\n"))
			}
		}
	}
}

func TestSVG(t *testing.T) {
	raw := "\x1b[1mNAME   STATE\x1b[0m\r\nweb    \x1b[32mrunning\x1b[0m <&>\r\n"
	picture := svg("apexd list", `a "list"`, shown(raw, 40), 40)
	text, err := textOf(picture)
	if want := "apexd list\nNAME STATE\nweb running <&>"; err != nil || text != want {
		t.Errorf("%v: %q, want %q", err, text, want)
	}
	for _, want := range []string{
		`<text class="c1" x="16.0" y="44" textLength="33.6">NAME</text>`, `<text class="c1" x="74.8" y="44" textLength="42.0">STATE</text>`, // the eighth cell
		`<text class="c32" x="74.8" y="64" textLength="58.8">running</text>`, `<title>a &#34;list&#34;</title>`,
	} {
		if !strings.Contains(picture, want) {
			t.Errorf("no %s in\n%s", want, picture)
		}
	}
	for _, bad := range []string{`<svg><script>x</script></svg>`, `<svg><image href="x"/></svg>`, `<svg><text onclick="x">a</text></svg>`, `<svg><text>`} {
		if _, err := textOf(bad); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}
