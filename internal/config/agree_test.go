package config

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/joshuaaferguson/apexd/internal/testenv"
)

// fuzzSections are sections that are mostly right: what a mutation of them does is more telling than what noise does.
func fuzzSections() []string {
	var out []string
	for i := range keys {
		if _, ok := other[keys[i].path]; ok {
			out = append(out, yamlOf(&keys[i]))
		}
	}
	for _, c := range allDocuments() {
		if s, ok := strings.CutPrefix(c.text, "daemon: "); ok {
			out = append(out, s)
		}
	}
	return out
}

// What Load takes, the schema must take: an editor that underlines a good file is worse than one that misses a bad value.
func FuzzSchemaAgrees(f *testing.F) {
	for _, s := range fuzzSections() {
		f.Add(s)
	}
	dir, err := os.MkdirTemp("", "apexd-fuzz-")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = os.RemoveAll(dir) })
	schema := compileSchema(f)
	f.Fuzz(func(t *testing.T, section string) {
		text := "daemon: " + section
		write(t, dir, ".apex/config.yaml", text)
		if _, err := Load(Input{Project: dir}); err != nil {
			return
		}
		var v any
		if yaml.Unmarshal([]byte(text), &v) != nil {
			return
		}
		if v = jsonValue(v); !isJSON(v) {
			return
		}
		if err := schema.Validate(v); err != nil {
			t.Errorf("Load takes %q; the schema: %v", text, err)
		}
	})
}

// isJSON reports whether v can be asked of a JSON Schema: it has no infinite numbers.
func isJSON(v any) bool {
	switch v := v.(type) {
	case float64:
		return !math.IsInf(v, 0) && !math.IsNaN(v)
	case []any:
		for _, x := range v {
			if !isJSON(x) {
				return false
			}
		}
	case map[string]any:
		for _, x := range v {
			if !isJSON(x) {
				return false
			}
		}
	}
	return true
}

// The schema has exactly the keys of the table, each with a description.
func TestSchemaHasAllKeys(t *testing.T) {
	var doc struct {
		Defs struct {
			Daemon struct {
				Properties map[string]json.RawMessage `json:"properties"`
			} `json:"daemon"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	props := doc.Defs.Daemon.Properties
	for i := range keys {
		group, name, nested := strings.Cut(keys[i].path, ".")
		raw := string(props[group])
		if nested && !strings.Contains(raw, `"`+name+`"`) || raw == "" {
			t.Errorf("%s is not in the schema", keys[i].path)
		}
		if !strings.Contains(raw, `"description"`) {
			t.Errorf("%s has no description", keys[i].path)
		}
	}
	if len(props) != len(names("")) {
		t.Errorf("%d properties, want %d", len(props), len(names("")))
	}
	if again := Schema(); string(again) != string(Schema()) {
		t.Error("the schema is not the same each time")
	}
}

// Loading is safe from several goroutines, as the race detector sees it, and gives the same each time.
func TestLoadAtOnce(t *testing.T) {
	dir := projectWith(t, strings.Replace(everything, "secrets/env", "my.env", 1))
	write(t, dir, "my.env", "A=1\n")
	done := make(chan string)
	for range 8 {
		go func() {
			c, err := Load(Input{Project: dir})
			pid, _, warning := Locate(Input{Project: dir})
			switch {
			case err != nil:
				done <- err.Error()
			case warning != nil || pid != c.Spec.PIDFile:
				done <- "Locate differs: " + pid
			default:
				b, _ := json.Marshal(c.Values)
				done <- string(b)
			}
		}()
	}
	first := <-done
	for range 7 {
		if again := <-done; again != first || !strings.HasPrefix(again, "[") {
			t.Errorf("%s\nand %s", first, again)
		}
	}
}

// Of several first Inits one writes the file, whole, and the others say that it is there.
func TestInitAtOnce(t *testing.T) {
	dir := testenv.TempDir(t)
	done := make(chan error)
	for range 8 {
		go func() { done <- Init(dir, "daemon", Starter{Command: []string{"node"}}) }()
	}
	wrote := 0
	for range 8 {
		if <-done == nil {
			wrote++
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, ".apex", "config.yaml"))
	if wrote != 1 || err != nil || strings.Count(string(b), "\ndaemon:") != 1 {
		t.Errorf("%d wrote it, %v:\n%s", wrote, err, b)
	}
	mustLoad(t, Input{Project: dir})
}

// The JSON of Values is what `apexd config --json` promises.
func TestValueJSON(t *testing.T) {
	b, err := json.Marshal(Value{Key: "restart.limit", Value: 3, Source: "default"})
	if want := `{"key":"restart.limit","value":3,"source":"default"}`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
	b, err = json.Marshal(mustLoad(t, Input{Project: testenv.TempDir(t)}).Values[0])
	if want := `{"key":"command","value":[],"source":"default"}`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
}
