package term

import (
	"slices"
	"strings"
)

// Column is one column of a table.
type Column struct {
	Title string
	Right bool // numbers
	Keep  Keep
	// Spare columns are left out where the terminal is too narrow, those with the highest value first. 0 is never left out.
	Spare int
}

// Keep says what is left of a cell that is too wide.
type Keep int

// KeepAll is never cut. One column of a table may be; of a path the end says more.
const (
	KeepAll Keep = iota
	KeepStart
	KeepEnd
)

// Cell is one cell, of text without control characters.
type Cell struct {
	Text   string
	Colour Colour
}

// Table is rows under titles. Each row has as many cells as there are columns.
type Table struct {
	Columns []Column
	Rows    [][]Cell
}

// leastEnd is how narrow the column that may be cut becomes before others are left out, in cells.
const leastEnd = 20

const gap = 2 // between two columns, in cells

// Lines are the lines of t, the titles first. With a width of more than 0 none is longer, unless a single column is. Blanks at the end of a line are left out.
func (t Table) Lines(width int, s Style) []string {
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		widths[i] = Width(c.Title)
		for _, row := range t.Rows {
			widths[i] = max(widths[i], Width(row[i].Text))
		}
	}
	shown := t.fit(widths, width)
	titles := make([]Cell, len(t.Columns))
	for i, c := range t.Columns {
		titles[i] = Cell{c.Title, Bold}
	}
	lines := []string{t.line(titles, shown, widths, s)}
	for _, row := range t.Rows {
		lines = append(lines, t.line(row, shown, widths, s))
	}
	return lines
}

// fit chooses the columns that are shown in width cells, and makes the one that may be cut as narrow as it must be.
func (t Table) fit(widths []int, width int) (shown []int) {
	for i := range t.Columns {
		shown = append(shown, i)
	}
	if width <= 0 {
		return shown
	}
	for {
		total, cut := -gap, -1
		for _, i := range shown {
			total += widths[i] + gap
			if t.Columns[i].Keep != KeepAll {
				cut = i
			}
		}
		over := total - width
		if over <= 0 {
			return shown
		}
		if cut >= 0 && widths[cut]-over >= min(leastEnd, widths[cut]) {
			widths[cut] -= over
			return shown
		}
		spare := slices.MaxFunc(shown, func(a, b int) int { return t.Columns[a].Spare - t.Columns[b].Spare })
		if t.Columns[spare].Spare == 0 {
			if cut >= 0 {
				widths[cut] = max(widths[cut]-over, 1)
			}
			return shown
		}
		shown = slices.DeleteFunc(shown, func(i int) bool { return i == spare })
	}
}

func (t Table) line(row []Cell, shown, widths []int, s Style) string {
	var b strings.Builder
	blanks := 0
	for n, i := range shown {
		text := row[i].Text
		switch keep := t.Columns[i].Keep; {
		case keep == KeepStart, keep == KeepEnd && text == t.Columns[i].Title:
			text = Fit(text, widths[i])
		case keep == KeepEnd:
			text = FitEnd(text, widths[i])
		}
		before, after := 0, widths[i]-Width(text)
		if t.Columns[i].Right {
			before, after = after, 0
		}
		if n > 0 {
			before += gap
		}
		b.WriteString(strings.Repeat(" ", blanks+before))
		b.WriteString(s.Paint(row[i].Colour, text))
		blanks = max(after, 0)
	}
	return strings.TrimRight(b.String(), " ")
}
