package install

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/service"
)

func nothing(string) bool { return false }

// TestRegisteredUnits: units of ours are read, others and those that are known already are not.
func TestRegisteredUnits(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no units here")
	}
	dir := t.TempDir()
	r := request()
	r.User = "alice"
	out, err := RenderUnit(r, service.ScopeSystem, 252)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, r.name()+".service")
	for file, text := range map[string]string{path: out.Text, filepath.Join(dir, "apex-x.service"): "[Service]\n", filepath.Join(dir, "other.service"): out.Text} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := Known{Scope: service.ScopeSystem, Definition: path, Project: r.Spec.Project, Name: r.Spec.Name, User: "alice"}
	if got := registeredUnits(dir, Known{Scope: service.ScopeSystem}, nothing); len(got) != 1 || got[0] != want {
		t.Errorf("system: %+v, want %+v", got, want)
	}
	want.Scope, want.User = service.ScopeUser, "bob"
	if got := registeredUnits(dir, Known{Scope: service.ScopeUser, User: "bob"}, nothing); len(got) != 1 || got[0] != want {
		t.Errorf("user: %+v, want %+v", got, want)
	}
	if got := registeredUnits(dir, Known{}, func(name string) bool { return name == r.name() }); len(got) != 0 {
		t.Errorf("known: %+v", got)
	}
}

// TestRegisteredScripts: an init script of ours says whose it is.
func TestRegisteredScripts(t *testing.T) {
	l := sysv.Layout{Root: t.TempDir()}
	m := sysv.Mark{Kind: "sysv", Project: "/src/a b", Name: "web", PIDFile: "/run/x.pid"}
	err := os.MkdirAll(l.Dir(), 0o755)
	if err == nil {
		err = os.WriteFile(l.Script("apex-1"), []byte("#!/bin/sh\n"+m.String()), 0o600)
	}
	if err == nil {
		err = os.WriteFile(l.Script("apex-2"), []byte("#!/bin/sh\n"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	got := registeredScripts(l, nothing)
	if len(got) != 1 || got[0].Project != m.Project || got[0].Name != m.Name || got[0].PIDFile != m.PIDFile {
		t.Errorf("%+v", got)
	}
}

// TestRegisteredDirs: a service directory of ours says whose it is, by however many links it is found, and one of somebody else's is none.
func TestRegisteredDirs(t *testing.T) {
	scan, away := filepath.Join(testenv.TempDir(t), "service"), testenv.TempDir(t)
	m := sysv.Mark{Kind: "s6", Project: "/src/a b", Name: "web", PIDFile: "/run/x.pid", User: "alice"}
	other := m
	other.Kind = "sysv"
	for dir, run := range map[string]string{
		filepath.Join(away, "shop"): "#!/bin/sh\n" + m.String(), filepath.Join(scan, "theirs"): "#!/bin/sh\nexec sleep 1\n", filepath.Join(scan, "script"): other.String(), filepath.Join(scan, "empty"): "",
	} {
		err := os.MkdirAll(dir, 0o755)
		if err == nil && run != "" {
			err = os.WriteFile(filepath.Join(dir, "run"), []byte(run), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range []string{"shop", "shop-again"} {
		testenv.Symlink(t, filepath.Join(away, "shop"), filepath.Join(scan, link))
	}
	testenv.Symlink(t, filepath.Join(away, "gone"), filepath.Join(scan, "dangling"))
	want := Known{Scope: service.ScopeSystem, Definition: filepath.Join(away, "shop", "run"), Project: m.Project, Name: m.Name, PIDFile: m.PIDFile, User: m.User}
	if got := registeredDirs([]string{scan, filepath.Join(scan, "none")}, nothing); len(got) != 1 || got[0] != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := registeredDirs([]string{scan}, func(name string) bool { return name == service.RegistrationName(m.Project, m.Name) }); len(got) != 0 {
		t.Errorf("known: %+v", got)
	}
}
