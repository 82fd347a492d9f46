package cli

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/install"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// output is an app whose standard output and error are read by calling the functions.
func output(t *testing.T) (a *app, out, errs func() string) {
	t.Helper()
	file := func(name string) (*os.File, func() string) {
		f, err := os.Create(filepath.Join(t.TempDir(), name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f, func() string {
			b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<20))
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
	}
	a = &app{}
	a.out, out = file("out")
	a.err, errs = file("err")
	return a, out, errs
}

// stateWith makes a state directory whose index has one daemon, which crashed.
func stateWith(t *testing.T) (state, project string) {
	t.Helper()
	state, project = t.TempDir(), t.TempDir()
	record := filepath.Join(project, ".apex", "daemon.pid")
	entry, err := json.Marshal(map[string]any{"pidFile": record, "projectPath": project, "name": "daemon"})
	err = errors.Join(err, os.MkdirAll(filepath.Join(state, "daemons"), 0o755), os.Mkdir(filepath.Dir(record), 0o755),
		os.WriteFile(filepath.Join(state, "daemons", "1.json"), entry, 0o600),
		os.WriteFile(record, []byte(`{"pid":2147483647,"startedAt":"2025-01-15T10:30:00.000Z","projectPath":`+string(quoted(t, project))+`}`), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	return state, project
}

func listOf(t *testing.T, a *app, r roster) error {
	t.Helper()
	found, missed := r.look(t.Context(), false, true)
	return a.printList(found, missed, r.allUsers)
}

func quoted(t *testing.T, s string) []byte {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestListAllUsers: every user's daemons with their owners, and what could not be read.
func TestListAllUsers(t *testing.T) {
	alice, aliceProject := stateWith(t)
	bob, bobProject := stateWith(t)
	if err := os.WriteFile(filepath.Join(bob, "daemons", "2.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	closed := t.TempDir()
	if err := os.WriteFile(filepath.Join(closed, "daemons"), nil, 0o600); err != nil { // a mode of 0000 would not stop root
		t.Fatal(err)
	}
	r := roster{allUsers: true, places: []place{{"bob", bob, false}, {"alice", alice, false}, {"carol", closed, false}, {"dave", filepath.Join(closed, "none"), false}}}
	unreadable := []string{"bob", "carol"}
	if runtime.GOOS == "windows" {
		unreadable = unreadable[:1] // a file in place of a directory counts as missing there
	}

	t.Run("text", func(t *testing.T) {
		a, out, errs := output(t)
		if err := listOf(t, a, r); !errors.Is(err, statusError(exitFailed)) {
			t.Errorf("%v, want exit status 1", err)
		}
		lines := strings.Split(strings.TrimSpace(out()), "\n")
		if len(lines) != 3 || !strings.HasPrefix(lines[0], "USER ") || !strings.HasPrefix(lines[1], "alice ") || !strings.HasSuffix(lines[2], bobProject) {
			t.Errorf("printed %q", lines)
		}
		for _, u := range unreadable {
			if !strings.Contains(errs(), "cannot read the daemons of "+u) {
				t.Errorf("nothing of %s in %q", u, errs())
			}
		}
	})
	t.Run("JSON", func(t *testing.T) {
		a, out, _ := output(t)
		a.json = true
		r.missed = []unread{{Error: "before"}}
		if err := listOf(t, a, r); !errors.Is(err, statusError(exitFailed)) {
			t.Errorf("%v, want exit status 1", err)
		}
		var got struct {
			Daemons    []struct{ User, State, Project string }
			Unreadable []unread
		}
		if err := json.Unmarshal([]byte(out()), &got); err != nil {
			t.Fatal(err)
		}
		if len(got.Daemons) != 2 || got.Daemons[0].User != "alice" || got.Daemons[0].State != "failed" || got.Daemons[0].Project != aliceProject {
			t.Errorf("daemons %+v", got.Daemons)
		}
		if len(got.Unreadable) != 1+len(unreadable) || got.Unreadable[1].User != "bob" || got.Unreadable[1].Path != bob || got.Unreadable[1].Error == "" {
			t.Errorf("unreadable %+v", got.Unreadable)
		}
	})
}

// TestRosterPlaces: the caller's own index is where the environment puts it, and that of others where it is by default.
func TestRosterPlaces(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("no XDG_STATE_HOME here")
	}
	base, own := t.TempDir(), t.TempDir()
	t.Setenv("XDG_STATE_HOME", base)
	t.Setenv("HOME", own)
	mine := filepath.Join(base, "apexd")
	if r := newRoster(false); len(r.places) != 1 || r.places[0].dir != mine || len(r.missed) != 0 {
		t.Errorf("%+v", r)
	}
	got := newRoster(true).places
	if last := got[len(got)-1]; last.dir != mine || last.user == "" {
		t.Errorf("own place is %+v, want %s", last, mine)
	}
	if _, err := os.Stat("/etc/passwd"); err != nil {
		t.Skipf("no passwd(5): %v", err)
	}
	if !slices.ContainsFunc(got, func(p place) bool { return p.user == "root" && strings.HasSuffix(p.dir, "/root/.local/state/apexd") }) {
		t.Errorf("root's is not among %+v", got)
	}
}

// TestListWithoutHome: a user without a home has no index, and that is no empty list.
func TestListWithoutHome(t *testing.T) {
	a, out, errs := output(t)
	if err := listOf(t, a, roster{places: []place{{"", "", true}}}); !errors.Is(err, statusError(exitFailed)) {
		t.Errorf("%v, want exit status 1", err)
	}
	if !strings.HasPrefix(out(), "NAME ") || !strings.Contains(errs(), "cannot read all daemons: "+pidfile.ErrNoStateDir.Error()) {
		t.Errorf("%q, %q", out(), errs())
	}
}

// TestRosterRegistered: what a manager has and what never ran is there, once.
func TestRosterRegistered(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there are no units here")
	}
	config, project := t.TempDir(), t.TempDir()
	units := filepath.Join(config, "systemd/user")
	spec := service.Spec{Project: project, Name: "web", Dir: project, Command: []string{"true"}, StopTimeout: time.Second}
	r := install.Request{Spec: spec, Ref: pidfile.Ref{Project: project}, Exec: "/usr/local/bin/apexd", Version: "1", Hardening: install.HardeningBaseline}
	out, err := install.RenderUnit(r, service.ScopeUser, install.OldestVersion)
	if err == nil {
		err = os.MkdirAll(units, 0o755)
	}
	name := service.NewRegistration(service.KindSystemd, service.ScopeUser, project, "web").Service
	if err == nil {
		err = os.WriteFile(filepath.Join(units, name), []byte(out.Text), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	of := roster{people: []install.Person{{Config: config}}}
	mine := func(found []known) bool {
		return slices.ContainsFunc(found, func(k known) bool {
			return k.ref.Project == project && k.name == "web" && k.ref.Path == filepath.Join(project, ".apex", "web.pid")
		})
	}
	if found := of.registered(map[string]bool{}); !mine(found) {
		t.Errorf("found %+v", found)
	}
	if found := of.registered(map[string]bool{strings.TrimSuffix(name, ".service"): true}); mine(found) {
		t.Error("it is known already, and found again")
	}
}
