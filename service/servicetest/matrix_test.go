package servicetest

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func small() *Matrix {
	var m Matrix
	m.Column("fake")
	m.Column("direct")
	m.Add(Cell{"direct", "first start", Pass, ""})
	m.Add(Cell{"fake", "first start", Pass, ""})
	m.Add(Cell{"direct", "double start", Fail, ""})
	m.Add(Cell{"fake", "double start", NotApplicable, "no reason"})
	m.Add(Cell{"fake", "kill", NotApplicable, "no reason"})
	m.Add(Cell{"direct", "kill", NotRun, "no root"})
	return &m
}

func TestMarkdown(t *testing.T) {
	text := small().Markdown()
	for _, line := range []string{
		"| case | fake | direct |\n|---|---|---|\n", "| first start | pass | pass |\n", "| double start | n/a | FAIL |\n", "| kill | n/a | not run |\n",
		"| graceful stop | not run | not run |\n", // never heard of is not passed
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	if got, want := small().Reasons(), "- fake, n/a: no reason (double start; kill)\n- direct, not run: no root (kill)\n"; got != want {
		t.Errorf("reasons are\n%swant\n%s", got, want)
	}
}

func TestDifferences(t *testing.T) {
	table := small().Markdown()
	for _, tt := range []struct {
		name   string
		change func(m *Matrix)
		table  string
		want   []string
	}{
		{"none", func(*Matrix) {}, table, nil},
		{"passes now", func(m *Matrix) { m.Add(Cell{"direct", "double start", Pass, ""}) }, table, []string{"direct, double start: pass here, FAIL in the table"}},
		{"fails now", func(m *Matrix) { m.Add(Cell{"direct", "first start", Fail, ""}) }, table, []string{"direct, first start: FAIL here, pass in the table"}},
		{"not run here", func(m *Matrix) { m.Add(Cell{"direct", "first start", NotRun, ""}) }, table, nil},
		{"not run there", func(m *Matrix) { m.Add(Cell{"direct", "kill", Pass, ""}) }, table, nil},
		{"a new driver", func(m *Matrix) { m.Add(Cell{"new", "kill", Pass, ""}) }, table, []string{"new, kill: pass here, and not in the table"}},
		{"a case that is no more", func(*Matrix) {}, table + "| old case | pass | pass |\n", []string{"old case: in the table, and no case"}},
		{"no table", func(m *Matrix) { m.drivers, m.cells = nil, nil; m.Add(Cell{"a", "kill", Pass, ""}) }, "", []string{"a, kill: pass here, and not in the table"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := small()
			tt.change(m)
			if got := m.Differences(tt.table); !slices.Equal(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestMatrixJSON(t *testing.T) {
	b, err := json.Marshal(small())
	if err != nil {
		t.Fatal(err)
	}
	var m Matrix
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	if m.Markdown() != small().Markdown() || m.Reasons() != small().Reasons() {
		t.Errorf("became\n%s", m.Markdown())
	}
	if err := json.Unmarshal([]byte(`{}`), &m); err == nil {
		t.Error("an object is read as cells")
	}
}

func TestComplete(t *testing.T) {
	var m Matrix
	if m.Complete() {
		t.Error("nothing is complete")
	}
	for _, n := range Names() {
		if m.Complete() {
			t.Fatalf("complete before %s", n)
		}
		m.Add(Cell{"d", n, Pass, ""})
	}
	if !m.Complete() {
		t.Error("every case of one driver is not complete")
	}
	if m.Column("e"); m.Complete() {
		t.Error("a second driver without results is complete")
	}
}

func TestBlock(t *testing.T) {
	const text = "before\n<!-- x -->\nold\n<!-- /x -->\nafter\n"
	if b, ok := Block(text, "x"); !ok || b != "old\n" {
		t.Errorf("%q %t", b, ok)
	}
	if got, want := ReplaceBlock(text, "x", "new\nnewer\n"), "before\n<!-- x -->\nnew\nnewer\n<!-- /x -->\nafter\n"; got != want {
		t.Errorf("%q", got)
	}
	empty := ReplaceBlock(text, "x", "")
	if got := ReplaceBlock(empty, "x", "old\n"); got != text {
		t.Errorf("%q", got)
	}
	for _, bad := range []string{"", "<!-- x -->\nno end", "<!-- /x -->"} {
		if _, ok := Block(bad, "x"); ok {
			t.Errorf("a block in %q", bad)
		}
		if got := ReplaceBlock(bad, "x", "new"); got != bad {
			t.Errorf("%q became %q", bad, got)
		}
	}
}
