package project

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/testenv"
)

func TestPathsOf(t *testing.T) {
	dir := filepath.Join("p", ".apex")
	want := Paths{
		Dir: dir, Config: filepath.Join(dir, "config.yaml"), PIDFile: filepath.Join(dir, "web.pid"), Lock: filepath.Join(dir, "web.pid.lock"),
		Log: filepath.Join(dir, "web.log"), History: filepath.Join(dir, "web.history"), EnvFile: filepath.Join(dir, "web.env"),
	}
	if got := PathsOf("p", "web"); got != want {
		t.Errorf("PathsOf = %+v, want %+v", got, want)
	}
}

func TestStateDir(t *testing.T) {
	cases := []struct {
		name, goos, key, value, home, want string
	}{
		{"linux", "linux", "", "", "/home/u", "/home/u/.local/state/apexd"},
		{"linux with XDG", "linux", "XDG_STATE_HOME", "/s", "/home/u", "/s/apexd"},
		{"a relative XDG value is ignored", "linux", "XDG_STATE_HOME", "s", "/home/u", "/home/u/.local/state/apexd"},
		{"XDG without home", "freebsd", "XDG_STATE_HOME", "/s", "", "/s/apexd"},
		{"linux without home", "linux", "", "", "", ""},
		{"darwin", "darwin", "XDG_STATE_HOME", "/s", "/Users/u", "/Users/u/Library/Application Support/apexd"},
		{"darwin without home", "darwin", "", "", "", ""},
		{"windows", "windows", "LocalAppData", `C:\Users\u\AppData\Local`, `C:\Users\u`, `C:\Users\u\AppData\Local\apexd`},
		{"windows without the variable", "windows", "", "", `C:\Users\u`, `C:\Users\u\AppData\Local\apexd`},
		{"windows, root of a drive", "windows", "LocalAppData", `D:\`, "", `D:\apexd`},
		{"windows without anything", "windows", "", "", "", ""},
	}
	for _, c := range cases {
		if got := StateDir(c.goos, environ(c.key, c.value), c.home); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestKeyPrefix(t *testing.T) {
	for project, want := range map[string]string{
		"/src/shop":                       "shop",
		"/src/My Shop (2)":                "my-shop-2",
		"/src/--x--":                      "x",
		"/src/a..b__c":                    "a-b-c",
		"/src/läden":                      "l-den",
		"/src/店":                          "project",
		"/":                               "project",
		"":                                "project",
		"/src/" + strings.Repeat("a", 99): strings.Repeat("a", maxPrefix),
		"/src/" + strings.Repeat("a", maxPrefix-1) + "-b": strings.Repeat("a", maxPrefix-1),
	} {
		key := Key(project, filepath.Join(project, ".apex", "daemon.pid"))
		prefix, hash := key[:len(key)-13], key[len(key)-12:]
		if prefix != want || strings.Trim(hash, "0123456789abcdef") != "" || len(key) > 48 {
			t.Errorf("Key(%q) = %q, want prefix %q", project, key, want)
		}
	}
}

func TestKeyIdentity(t *testing.T) {
	root := tree(t, "p/", "q/p/")
	p := filepath.Join(root, "p")
	before := Key(p, PathsOf(p, "daemon").PIDFile)
	if err := os.MkdirAll(filepath.Join(p, DirName), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := Key(p, PathsOf(p, "daemon").PIDFile); got != before {
		t.Errorf("the key changed when .apex was made: %q, %q", before, got)
	}
	if got := Key(p, PathsOf(p, "web").PIDFile); got == before {
		t.Error("two daemons of one project have one key")
	}
	q := filepath.Join(root, "q", "p")
	if got := Key(q, PathsOf(q, "daemon").PIDFile); got == before {
		t.Error("two projects of one base name have one key")
	}
	testenv.Symlink(t, p, filepath.Join(root, "l"))
	if got := Key(p, PathsOf(filepath.Join(root, "l"), "daemon").PIDFile); got != before {
		t.Errorf("through a link the key differs: %q, %q", got, before)
	}
}

func FuzzKey(f *testing.F) {
	for _, s := range []string{"/src/shop", "", "/", "../x", "a\x00b", "/src/\xff-Ä"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, project string) {
		key := Key(project, project+"/.apex/daemon.pid")
		if len(key) > 48 || key[0] == '-' || strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.Contains(key, "--") {
			t.Errorf("Key(%q) = %q", project, key)
		}
	})
}
