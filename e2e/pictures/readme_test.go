package pictures

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pictures is where they are.
const pictures = "../../docs/img"

// maxSize is how large a picture may be, in bytes: a page with all of them comes at once.
const maxSize = 40_000

// TestInREADME: each picture is in the README, with a text for who cannot see it, is small, and needs nothing from elsewhere.
func TestInREADME(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	all, err := filepath.Glob(filepath.Join(pictures, "*.svg"))
	if err != nil || len(all) < 3 {
		t.Fatalf("%v: %q", err, all)
	}
	for _, path := range all {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`!\[[^\]]{40,}\]\(docs/img/` + filepath.Base(path) + `\)`).Match(readme) {
			t.Errorf("%s is not in README.md with a text that says what it shows", path)
		}
		text, err := textOf(string(b))
		if err != nil || len(text) < 200 {
			t.Errorf("%s: %v: %q", path, err, text)
		}
		addresses := strings.Count(string(b), "://") - strings.Count(text, "://")
		if len(b) > maxSize || addresses != 1 || strings.Contains(string(b), "url(") || strings.Contains(string(b), "@import") { // the one is the name of SVG itself
			t.Errorf("%s: %d bytes, %d addresses: want at most %d, and nothing from elsewhere", path, len(b), addresses, maxSize)
		}
	}
}
