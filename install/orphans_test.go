package install

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

func TestOrphans(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no units here")
	}
	dir, live := t.TempDir(), t.TempDir()
	write := func(project string) string {
		r := request()
		r.Spec.Project = project
		out, err := RenderUnit(r, service.ScopeUser, 252)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, r.name()+".service")
		if err := os.WriteFile(path, []byte(out.Text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	gone := filepath.Join(live, "gone")
	path := write(gone)
	write(live)
	if err := os.WriteFile(filepath.Join(dir, "apex-foreign.service"), []byte("[Service]\nExecStart=/bin/true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := Orphans(dir)
	if len(got) != 1 || got[0].Definition != path || got[0].Project != gone || got[0].Name != "daemon" {
		t.Errorf("%+v", got)
	}
	if got := Orphans(filepath.Join(dir, "none")); got != nil {
		t.Errorf("%+v", got)
	}
}
