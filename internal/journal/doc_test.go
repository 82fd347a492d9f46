package journal

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFieldsDoc: every field of an entry is in docs/metrics.md.
func TestFieldsDoc(t *testing.T) {
	doc, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	field := regexp.MustCompile(`"(APEX_[A-Z_]+|PRIORITY|MESSAGE|SYSLOG_IDENTIFIER)[="]`)
	found := map[string]bool{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range field.FindAllSubmatch(src, -1) {
			found[string(m[1])] = true
		}
	}
	if len(found) < 8 {
		t.Errorf("fields %v", found)
	}
	for name := range found {
		if !strings.Contains(string(doc), "| `"+name+"` |") {
			t.Errorf("the field %s is not documented", name)
		}
	}
}
