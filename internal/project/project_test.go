package project

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/service"
)

// tree makes files (names ending in "/" are directories) below a new directory.
func tree(t *testing.T, names ...string) string {
	t.Helper()
	root := testenv.TempDir(t)
	for _, n := range names {
		p := filepath.Join(root, filepath.FromSlash(n))
		dir := filepath.Dir(p)
		if strings.HasSuffix(n, "/") {
			dir = p
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if dir == p {
			continue
		}
		if err := os.WriteFile(p, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func environ(kv ...string) func(string) string {
	return func(k string) string {
		for i := 0; i < len(kv); i += 2 {
			if kv[i] == k {
				return kv[i+1]
			}
		}
		return ""
	}
}

func TestFind(t *testing.T) {
	cases := []struct {
		name      string
		tree      []string
		flag, env string // relative to the tree's root where they begin with "@"
		cwd, home string // below the tree's root
		want, src string
	}{
		{name: "nothing anywhere is cwd", tree: []string{"a/b/"}, cwd: "a/b", want: "a/b", src: SourceCwd},
		{name: "configuration in cwd", tree: []string{"a/.apex/config.yaml"}, cwd: "a", want: "a", src: SourceCwd},
		{name: "configuration above", tree: []string{"a/.apex/config.yaml", "a/b/c/"}, cwd: "a/b/c", want: "a", src: SourceAncestor},
		{name: "record above", tree: []string{"a/.apex/web.pid", "a/b/"}, cwd: "a/b", want: "a", src: SourceAncestor},
		{name: "the nearest wins", tree: []string{"a/.apex/config.yaml", "a/b/.apex/daemon.pid", "a/b/c/"}, cwd: "a/b/c", want: "a/b", src: SourceAncestor},
		{name: "a lock is no record", tree: []string{"a/.apex/daemon.pid.lock", "a/b/"}, cwd: "a/b", want: "a/b", src: SourceCwd},
		{name: "an empty .apex is no project", tree: []string{"a/.apex/", "a/b/"}, cwd: "a/b", want: "a/b", src: SourceCwd},
		{name: "a file called .apex is no project", tree: []string{"a/.apex", "a/b/"}, cwd: "a/b", want: "a/b", src: SourceCwd},
		{name: "home above does not count", tree: []string{"h/.apex/config.yaml", "h/src/"}, cwd: "h/src", home: "h", want: "h/src", src: SourceCwd},
		{name: "home itself does", tree: []string{"h/.apex/config.yaml"}, cwd: "h", home: "h", want: "h", src: SourceCwd},
		{name: "past home it goes on", tree: []string{"x/.apex/config.yaml", "x/h/.apex/config.yaml", "x/h/src/"}, cwd: "x/h/src", home: "x/h", want: "x", src: SourceAncestor},
		{name: "flag", tree: []string{"a/.apex/config.yaml", "b/"}, flag: "@b", env: "@a", cwd: "a", want: "b", src: SourceFlag},
		{name: "flag relative to cwd", tree: []string{"a/", "b/"}, flag: "../b", cwd: "a", want: "b", src: SourceFlag},
		{name: "environment", tree: []string{"a/.apex/config.yaml", "b/"}, env: "@b", cwd: "a", want: "b", src: SourceEnv},
		{name: "environment relative to cwd", tree: []string{"a/b/"}, env: "b", cwd: "a", want: "a/b", src: SourceEnv},
		{name: "flag names a directory below a project", tree: []string{"a/.apex/config.yaml", "a/b/"}, flag: "@a/b", cwd: "a", want: "a/b", src: SourceFlag},
		{name: "spaces and letters of any kind", tree: []string{"mein Läden %x/.apex/config.yaml", "mein Läden %x/b/"}, cwd: "mein Läden %x/b", want: "mein Läden %x", src: SourceAncestor},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			root := tree(t, c.tree...)
			at := func(p string) string {
				if rest, ok := strings.CutPrefix(p, "@"); ok {
					return filepath.Join(root, filepath.FromSlash(rest))
				}
				return filepath.FromSlash(p)
			}
			home := ""
			if c.home != "" {
				home = at("@" + c.home)
			}
			dir, src, err := Find(at(c.flag), environ(SourceEnv, at(c.env)), at("@"+c.cwd), home)
			if err != nil || dir != at("@"+c.want) || src != c.src {
				t.Errorf("Find = %q, %q, %v; want %q, %q", dir, src, err, at("@"+c.want), c.src)
			}
		})
	}
}

func TestFindFollowsLinksOfTheProject(t *testing.T) {
	root := tree(t, "real/.apex/config.yaml", "real/sub/", "other/")
	testenv.Symlink(t, filepath.Join(root, "real"), filepath.Join(root, "link"))
	want := filepath.Join(root, "real")
	for name, args := range map[string][2]string{
		"flag":                   {filepath.Join(root, "link"), root},
		"relative flag":          {"../link", filepath.Join(root, "other")},
		"cwd reached by a link":  {"", filepath.Join(root, "link", "sub")},
		"dot dot after the link": {"link/sub/..", root},
	} {
		if dir, _, err := Find(args[0], environ(), args[1], ""); err != nil || dir != want {
			t.Errorf("%s: Find = %q, %v; want %q", name, dir, err, want)
		}
	}
	if dir, _, err := Find("", environ(), filepath.Join(root, "link", "sub"), filepath.Join(root, "link")); err != nil || dir == want {
		t.Errorf("home given by a link was not recognised: %q, %v", dir, err)
	}
}

func TestFindErrors(t *testing.T) {
	root := tree(t, "a/", "file")
	cases := []struct {
		name, flag, env, cwd, hint string
	}{
		{"flag names nothing", filepath.Join(root, "none"), "", root, "--project"},
		{"flag names a file", filepath.Join(root, "file"), "", root, "name a directory with --project"},
		{"environment names nothing", "", filepath.Join(root, "none"), root, "APEX_PROJECT_PATH"},
		{"environment names a file", "", filepath.Join(root, "file"), root, "APEX_PROJECT_PATH"},
		{"below a file", filepath.Join(root, "file", "x"), "", root, "--project"},
		{"current directory gone", "", "", filepath.Join(root, "gone"), "create the directory"},
		{"current directory unknown", "a", "", "", "cd to a directory"},
	}
	if dir, _, err := Find(filepath.Join(root, "none", "x"), environ(), root, ""); !errors.Is(err, fs.ErrNotExist) || dir != filepath.Join(root, "none", "x") {
		t.Errorf("a missing directory is %q, %v, want its path and fs.ErrNotExist", dir, err)
	}
	for _, c := range cases {
		_, _, err := Find(c.flag, environ(SourceEnv, c.env), c.cwd, "")
		var e *service.Error
		if !errors.As(err, &e) || e.Code != service.CodeConfigInvalid || !strings.Contains(e.Hint, c.hint) || c.flag+c.env != "" && e.Path == "" {
			t.Errorf("%s: %#v", c.name, err)
		}
	}
	if dir, _, err := Find(filepath.Join(root, "a"), environ(), "", ""); err != nil || dir != filepath.Join(root, "a") {
		t.Errorf("an absolute flag needs no current directory: %q, %v", dir, err)
	}
}

func TestFindPassesOverSharedDirectories(t *testing.T) {
	root := tree(t, "tmp/.apex/config.yaml", "tmp/mine/")
	tmp := filepath.Join(root, "tmp")
	if err := os.Chmod(tmp, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if fi, _ := os.Stat(tmp); fi.Mode()&fs.ModeSticky == 0 {
		t.Skip("this system has no sticky directories")
	}
	if dir, src, err := Find("", environ(), filepath.Join(tmp, "mine"), ""); err != nil || src != SourceCwd {
		t.Errorf("a .apex that anybody may have made in %q was chosen: %q, %v", tmp, dir, err)
	}
	if dir, _, err := Find("", environ(), tmp, ""); err != nil || dir != tmp {
		t.Errorf("Find in it = %q, %v", dir, err)
	}
}

func TestFindRootOnlyAsCwd(t *testing.T) {
	root := filepath.VolumeName(os.TempDir()) + string(filepath.Separator)
	if dir, src, err := Find("", environ(), root, ""); err != nil || dir != root || src != SourceCwd {
		t.Errorf("Find in %q = %q, %q, %v", root, dir, src, err)
	}
}

func TestCheckDir(t *testing.T) {
	root := tree(t, "none/", "good/.apex/", "file/.apex", "target/", "link/")
	for _, c := range []struct {
		project string
		bad     string
	}{{"none", ""}, {"good", ""}, {"gone", ""}, {"file", "not a directory"}} {
		checkDir(t, filepath.Join(root, c.project), c.bad)
	}
	testenv.Symlink(t, filepath.Join(root, "target"), filepath.Join(root, "link", DirName))
	checkDir(t, filepath.Join(root, "link"), "symbolic link")
}

func checkDir(t *testing.T, project, bad string) {
	t.Helper()
	err := CheckDir(project)
	if bad == "" {
		if err != nil {
			t.Errorf("CheckDir(%q) = %v", project, err)
		}
		return
	}
	var e *service.Error
	if !errors.As(err, &e) || e.Code != service.CodeConfigInvalid || e.Path != filepath.Join(project, DirName) || e.Hint == "" || !strings.Contains(err.Error(), bad) {
		t.Errorf("CheckDir(%q) = %#v; want %q", project, err, bad)
	}
}

// A link called .apex is still the nearest project, so that CheckDir can say what is wrong with it.
func TestFindStopsAtLinkedDir(t *testing.T) {
	root := tree(t, "outer/.apex/config.yaml", "outer/inner/sub/", "elsewhere/config.yaml")
	testenv.Symlink(t, filepath.Join(root, "elsewhere"), filepath.Join(root, "outer/inner/.apex"))
	dir, _, err := Find("", environ(), filepath.Join(root, "outer/inner/sub"), "")
	if want := filepath.Join(root, "outer", "inner"); err != nil || dir != want {
		t.Errorf("Find = %q, %v; want %q", dir, err, want)
	}
}

// TestRealDirBelowWhatCannotBeLookedAt: who may use a directory, and not the ones above, names it by its real path.
func TestRealDirBelowWhatCannotBeLookedAt(t *testing.T) {
	denied := func(p string) (string, error) {
		return "", &fs.PathError{Op: "lstat", Path: filepath.Dir(p), Err: fs.ErrPermission}
	}
	dir := testenv.TempDir(t)
	if got, err := realDir(dir, denied); got != dir || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := realDir(filepath.Join(dir, "none"), denied); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("what cannot be reached either: %v", err)
	}
}
