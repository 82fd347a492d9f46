package cli

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/export"
	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/service"
)

// TestPlanExport: what stands where the document should go is looked at, and only one's own is replaced.
func TestPlanExport(t *testing.T) {
	const text = "# shop: the daemon\nx: 1\n"
	for name, row := range map[string]struct {
		stands func(t *testing.T, dir string)
		output string
		path   string // in the directory
		code   service.Code
	}{
		"nothing":           {nil, "a.yaml", "a.yaml", ""},
		"a directory":       {nil, ".", "compose.yaml", ""},
		"one that is to be": {nil, "new/", "new/compose.yaml", ""},
		"one's own":         {holds("a.yaml", "# shop: the daemon\nx: 2\n"), "a.yaml", "a.yaml", ""},
		"another's":         {holds("a.yaml", "# blog: the daemon\n"), "a.yaml", "", service.CodeServiceExists},
		"an empty file":     {holds("a.yaml", ""), "a.yaml", "", service.CodeServiceExists},
		"in a directory":    {holds("compose.yaml", "services: {}\n"), ".", "", service.CodeServiceExists},
		"a link to one's own": {func(t *testing.T, dir string) {
			holds("b.yaml", text)(t, dir)
			testenv.Symlink(t, "b.yaml", filepath.Join(dir, "a.yaml"))
		}, "a.yaml", "", service.CodeServiceExists},
	} {
		t.Run(name, func(t *testing.T) {
			dir := testenv.TempDir(t)
			if row.stands != nil {
				row.stands(t, dir)
			}
			f, err := planExport(dir+string(os.PathSeparator)+row.output, export.Compose, "shop", text)
			var known *service.Error
			switch {
			case row.code != "":
				if !errors.As(err, &known) || known.Code != row.code {
					t.Errorf("%v, want %s", err, row.code)
				}
				return
			case err != nil || f.path != filepath.Join(dir, filepath.FromSlash(row.path)) || !f.changes():
				t.Fatalf("%+v, %v", f, err)
			}
			if err := f.write(); err != nil {
				t.Fatal(err)
			}
			if b, err := os.ReadFile(f.path); err != nil || string(b) != text {
				t.Errorf("%q, %v", b, err)
			}
			if again, err := planExport(f.path, export.Compose, "shop", text); err != nil || again.changes() {
				t.Errorf("again: %+v, %v", again, err)
			}
		})
	}
}

func holds(name, text string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
