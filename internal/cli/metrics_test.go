package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/apiserver"
	"github.com/joshuaaferguson/apexd/internal/metrics"
)

const metricsDoc = "../../docs/metrics.md"

// TestMetricsDoc keeps the table in docs/metrics.md equal to what is written.
func TestMetricsDoc(t *testing.T) {
	var b strings.Builder
	b.WriteString("| name | type | in | meaning |\n|---|---|---|---|\n")
	row := func(name, kind, in, help string) { fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, kind, in, help) }
	for _, m := range metrics.OfDaemons() {
		row(m.Name, m.Type, "both", m.Help)
	}
	row(metrics.InfoName, metrics.Gauge, "both", metrics.InfoHelp)
	for _, m := range apiserver.OfProcess() {
		row(m.Name, m.Type, "`/metrics`", m.Help)
	}
	row(unreadableName, metrics.Gauge, "`apexd metrics`", unreadableHelp)
	have, err := os.ReadFile(metricsDoc)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- metrics: made by `go test ./internal/cli -update` -->\n", "<!-- /metrics -->"
	before, rest, ok := strings.Cut(string(have), begin)
	_, after, ended := strings.Cut(rest, end)
	if !ok || !ended {
		t.Fatalf("%s has no place for the table", metricsDoc)
	}
	want := before + begin + b.String() + end + after
	if *update {
		if err := os.WriteFile(metricsDoc, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(have) != want {
		t.Errorf("%s is not what is written: go test ./internal/cli -update", metricsDoc)
	}
}

// TestEventsDoc: every key and every event is in docs/metrics.md.
func TestEventsDoc(t *testing.T) {
	doc, err := os.ReadFile(metricsDoc)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[daemonEvent]()) {
		if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); !f.Anonymous && !bytes.Contains(doc, []byte("| `"+key+"` |")) {
			t.Errorf("the key %s is not documented", key)
		}
	}
	for _, name := range eventNames(t) {
		if !bytes.Contains(doc, []byte("`"+name+"`")) {
			t.Errorf("the event %s is not documented", name)
		}
	}
}

// eventNames are the string constants of package history's first group.
func eventNames(t *testing.T) (names []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "../history/history.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 && spec.Names[0].IsExported() {
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				name, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				names = append(names, name)
			}
		}
		return true
	})
	if len(names) < 11 {
		t.Fatalf("events %q", names)
	}
	return names
}

// TestMetricsExamples: alerts and dashboard ask for metrics that exist.
func TestMetricsExamples(t *testing.T) {
	known := map[string]bool{metrics.InfoName: true, unreadableName: true, "node_textfile_mtime_seconds": true}
	for _, m := range metrics.OfDaemons() {
		known[m.Name] = true
	}
	name := regexp.MustCompile(`\b(apexd_[a-z_]+|node_[a-z_]+)\b`)
	for _, file := range []string{"alerts.yml", "alerts_test.yml", "dashboard.json"} {
		b, err := os.ReadFile("../../docs/metrics/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".json") && !json.Valid(b) {
			t.Errorf("%s is not JSON", file)
		}
		found := name.FindAllString(string(b), -1)
		for _, n := range found {
			if !known[n] {
				t.Errorf("%s asks for %s, which there is not", file, n)
			}
		}
		if len(found) < 6 {
			t.Errorf("%s: %q", file, found)
		}
	}
}
