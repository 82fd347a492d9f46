package logging

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// collected takes lines as a logfile would.
type collected struct{ lines []string }

func (c *collected) WriteLine(b []byte) error {
	c.lines = append(c.lines, string(b))
	return nil
}

func TestText(t *testing.T) {
	var c collected
	l := New(&c, service.LogPolicy{Level: "info", Format: "text"})
	l.Info("Started the workload", "pid", 7, "took", 1500*time.Millisecond, "by", "", "err", nil)
	if len(c.lines) != 1 {
		t.Fatalf("%d lines, want 1", len(c.lines))
	}
	got := c.lines[0]
	for _, want := range []string{`level=info`, `msg="Started the workload"`, `pid=7`, `took=1.5s`, `time="20`} {
		if !strings.Contains(got, want) {
			t.Errorf("%q has no %s", got, want)
		}
	}
	for _, not := range []string{"by=", "err=", "\n", "\x1b"} {
		if strings.Contains(got, not) {
			t.Errorf("%q has %q", got, not)
		}
	}
}

// TestForging: what a workload or a path says cannot make a second line.
func TestForging(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var c collected
		New(&c, service.LogPolicy{Level: "info", Format: format}).Error("Cannot\nlevel=info", "err", errors.New("a\nb\x1b[2J"))
		if len(c.lines) != 1 || strings.ContainsAny(c.lines[0], "\n\x1b") {
			t.Errorf("%s: %q", format, c.lines)
		}
	}
}

func TestJSON(t *testing.T) {
	var c collected
	New(&c, service.LogPolicy{Level: "info", Format: "json"}).Warn("Careful", "state", service.StateRunning)
	var m map[string]any
	if err := json.Unmarshal([]byte(c.lines[0]), &m); err != nil {
		t.Fatal(err)
	}
	if m["level"] != "warning" || m["msg"] != "Careful" || m["state"] != "running" {
		t.Errorf("%v", m)
	}
}

func TestLevel(t *testing.T) {
	var c collected
	l := New(&c, service.LogPolicy{Level: "error", Format: "text"})
	l.Info("no")
	l.Warn("no")
	l.Error("yes")
	if len(c.lines) != 1 {
		t.Errorf("%q, want the error only", c.lines)
	}
}

// kept takes entries as a journal would.
type kept struct {
	collected
	severity int
	message  string
}

func (k *kept) WriteEntry(severity int, message string, line []byte) error {
	k.severity, k.message = severity, message
	return k.WriteLine(line)
}

func TestEntries(t *testing.T) {
	var k kept
	l := New(&k, service.LogPolicy{Level: "info", Format: "text"})
	for _, row := range []struct {
		name     string
		log      func(string, ...any)
		severity int
		kv       []any
		message  string
		level    string
	}{
		{"no fields", l.Info, 6, nil, "It ran", "info"},
		{"fields, in order", l.Warn, 4, []any{"took", 1500 * time.Millisecond, "pid", 7, "by", ""}, "It ran (pid=7 took=1.5s)", "warning"},
		{"quoted", l.Error, 3, []any{"err", errors.New(`no "x"`), "path", "/a b"}, `It ran (err="no \"x\"" path="/a b")`, "error"},
	} {
		t.Run(row.name, func(t *testing.T) {
			k = kept{}
			row.log("It ran", row.kv...)
			if k.severity != row.severity || k.message != row.message {
				t.Errorf("%d %q", k.severity, k.message)
			}
			var c collected
			lines := New(&c, service.LogPolicy{Level: "info", Format: "text"})
			map[string]func(string, ...any){"info": lines.Info, "warning": lines.Warn, "error": lines.Error}[row.level]("It ran", row.kv...)
			after := func(s string) string { return s[strings.Index(s, " level="):] }
			if len(k.lines) != 1 || after(k.lines[0]) != after(c.lines[0]) {
				t.Errorf("%q, a file has %q", k.lines, c.lines)
			}
		})
	}
}
