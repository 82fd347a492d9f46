package servicetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Verdict is what came of one case on one driver.
type Verdict string

// The verdicts. NotRun: the machine was in the way, which says nothing of the driver.
const (
	Pass          Verdict = "pass"
	Fail          Verdict = "FAIL"
	NotApplicable Verdict = "n/a"
	NotRun        Verdict = "not run"
)

// Cell is one result.
type Cell struct {
	Driver  string  `json:"driver"`
	Case    string  `json:"case"`
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason,omitempty"` // of n/a and not run
}

// Matrix collects results, cases × drivers. It is safe for concurrent use; its zero value is empty.
type Matrix struct {
	mu      sync.Mutex
	drivers []string
	cells   map[[2]string]Cell // by driver and case
}

// Column adds a driver, so that columns are in the order of these calls. A driver known already is left where it is.
func (m *Matrix) Column(driver string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.column(driver)
}

func (m *Matrix) column(driver string) {
	if !slices.Contains(m.drivers, driver) {
		m.drivers = append(m.drivers, driver)
	}
}

// Add records a result.
func (m *Matrix) Add(c Cell) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.column(c.Driver)
	if m.cells == nil {
		m.cells = map[[2]string]Cell{}
	}
	m.cells[[2]string{c.Driver, c.Case}] = c
}

// Cells returns the results in the order of columns and cases.
func (m *Matrix) Cells() []Cell {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Cell
	for _, d := range m.drivers {
		for _, name := range Names() {
			if c, ok := m.cells[[2]string{d, name}]; ok {
				all = append(all, c)
			}
		}
	}
	return all
}

// MarshalJSON writes the cells, for a process that merges those of several.
func (m *Matrix) MarshalJSON() ([]byte, error) { return json.Marshal(m.Cells()) }

// UnmarshalJSON adds the cells that MarshalJSON has written.
func (m *Matrix) UnmarshalJSON(b []byte) error {
	var cells []Cell
	if err := json.Unmarshal(b, &cells); err != nil {
		return err
	}
	for _, c := range cells {
		m.Add(c)
	}
	return nil
}

// Complete reports whether every case has a result in every column; a run of only some tests has not.
func (m *Matrix) Complete() bool {
	return len(m.Cells()) == len(m.drivers)*len(Names()) && len(m.drivers) > 0
}

// Markdown is the matrix as a table.
func (m *Matrix) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| case | %s |\n|---%s|\n", strings.Join(m.drivers, " | "), strings.Repeat("|---", len(m.drivers)))
	for _, name := range Names() {
		fmt.Fprintf(&b, "| %s |", name)
		for _, d := range m.drivers {
			fmt.Fprintf(&b, " %s |", m.verdict(d, name))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (m *Matrix) verdict(driver, name string) Verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c, ok := m.cells[[2]string{driver, name}]; ok {
		return c.Verdict
	}
	return NotRun
}

// Reasons says why cells are n/a or not run, one line a driver and reason.
func (m *Matrix) Reasons() string {
	type key struct {
		driver, reason string
		verdict        Verdict
	}
	var order []key
	cases := map[key][]string{}
	for _, c := range m.Cells() {
		if c.Verdict != NotApplicable && c.Verdict != NotRun {
			continue
		}
		k := key{c.Driver, c.Reason, c.Verdict}
		if len(cases[k]) == 0 {
			order = append(order, k)
		}
		cases[k] = append(cases[k], c.Case)
	}
	var b strings.Builder
	for _, k := range order {
		what := strings.Join(cases[k], "; ")
		if len(cases[k]) == len(Names()) {
			what = "every case"
		}
		fmt.Fprintf(&b, "- %s, %s: %s (%s)\n", k.driver, k.verdict, k.reason, what)
	}
	return b.String()
}

// Differences says where a table, as Markdown wrote it, is not what came of this run. Cells that were not run here are not compared.
func (m *Matrix) Differences(table string) []string {
	written := parseTable(table)
	var diff []string
	for _, c := range m.Cells() {
		if c.Verdict == NotRun {
			continue
		}
		was, ok := written[[2]string{c.Driver, c.Case}]
		switch {
		case !ok:
			diff = append(diff, fmt.Sprintf("%s, %s: %s here, and not in the table", c.Driver, c.Case, c.Verdict))
		case was != c.Verdict && was != NotRun:
			diff = append(diff, fmt.Sprintf("%s, %s: %s here, %s in the table", c.Driver, c.Case, c.Verdict, was))
		}
	}
	for k := range written {
		if !slices.Contains(Names(), k[1]) {
			diff = append(diff, fmt.Sprintf("%s: in the table, and no case", k[1]))
		}
	}
	slices.Sort(diff)
	return slices.Compact(diff)
}

// parseTable reads what Markdown wrote: verdicts by driver and case.
func parseTable(table string) map[[2]string]Verdict {
	cells := map[[2]string]Verdict{}
	var drivers []string
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		row := strings.Split(strings.Trim(line, "| "), " | ")
		if drivers == nil {
			drivers = row[1:]
			continue
		}
		for i, v := range row[1:] {
			if i < len(drivers) {
				cells[[2]string{drivers[i], row[0]}] = Verdict(v)
			}
		}
	}
	return cells
}

// Block returns what stands between the marks "<!-- name -->" and "<!-- /name -->" in text, and whether they are there.
func Block(text, name string) (string, bool) {
	_, rest, ok := strings.Cut(text, "<!-- "+name+" -->\n")
	if !ok {
		return "", false
	}
	block, _, ok := strings.Cut(rest, "<!-- /"+name+" -->")
	return block, ok
}

// ReplaceBlock returns text with block between its marks. Without marks it returns text as it is.
func ReplaceBlock(text, name, block string) string {
	old, ok := Block(text, name)
	if !ok {
		return text
	}
	open := "<!-- " + name + " -->\n"
	return strings.Replace(text, open+old, open+block, 1)
}
