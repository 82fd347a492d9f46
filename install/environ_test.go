package install

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/service"
)

func TestSurround(t *testing.T) {
	nowhere := func(string) string { return "" }
	for _, tt := range []struct {
		name     string
		environ  []string
		own      bool
		command  string
		found    func(string) string
		path     string
		env      []string
		warnings []string
	}{
		{"plain", []string{"PATH=/usr/bin:/bin", "HOME=/x"}, true, "", nowhere, "/usr/bin:/bin", nil, nil},
		{"what a unit cannot carry", []string{"PATH=/a::.:/b\n:/a:/c"}, true, "", nowhere, "/a:/c", nil, []string{`""`, `"."`, `"/b\n"`}},
		{"where the files are", []string{"XDG_STATE_HOME=/s", "XDG_CONFIG_HOME=rel"}, true, "", nowhere, "", []string{"XDG_STATE_HOME=/s"}, nil},
		{"somebody else's files", []string{"XDG_STATE_HOME=/s"}, false, "", nowhere, "", nil, nil},
		{"settings of the shell", []string{"APEX_LOG_LEVEL=debug", "APEX_PROJECT_PATH=/p"}, true, "", nowhere, "", nil, []string{"APEX_LOG_LEVEL"}},
		{"no such program", []string{"PATH=/bin"}, true, "node", nowhere, "/bin", nil, []string{`no "node"`}},
		{"nvm", []string{"PATH=/bin"}, true, "node", func(string) string { return "/home/u/.nvm/versions/node/v20.1.0/bin/node" }, "/bin", nil, []string{"nvm's"}},
		{"venv", []string{"PATH=/bin"}, true, "python", func(string) string { return "/srv/x/.venv/bin/python" }, "/bin", nil, []string{"virtual environment"}},
		{"a temporary directory", []string{"PATH=/tmp"}, true, "x", func(p string) string { return p + "/x" }, "/tmp", nil, []string{"temporary"}},
		{"a program that stays", []string{"PATH=/bin"}, true, "x", func(p string) string { return p + "/x" }, "/bin", nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := Surround(tt.environ, tt.own, tt.command, tt.found)
			if s.Path != tt.path || !slices.Equal(s.Env, tt.env) || len(s.Warnings) != len(tt.warnings) {
				t.Fatalf("%+v", s)
			}
			for i, w := range tt.warnings {
				if !strings.Contains(s.Warnings[i], w) {
					t.Errorf("warning %q, want %s in it", s.Warnings[i], w)
				}
			}
		})
	}
	if ProgramWarning("/usr/bin/apexd") != "" || ProgramWarning("/tmp/go-build1/apexd") == "" {
		t.Error("the warning about apexd's own place")
	}
}

func TestScope(t *testing.T) {
	for _, tt := range []struct {
		name   string
		caller Caller
		want   service.Scope
		got    service.Scope
		code   service.Code
	}{
		{"root", Caller{0, false}, "", service.ScopeSystem, ""},
		{"sudo", Caller{0, true}, "", service.ScopeSystem, ""},
		{"an ordinary user", Caller{1000, false}, "", service.ScopeUser, ""},
		{"root's own manager", Caller{0, false}, service.ScopeUser, service.ScopeUser, ""},
		{"the system's as an ordinary user", Caller{1000, false}, service.ScopeSystem, "", service.CodePermissionDenied},
		{"one's own through sudo", Caller{0, true}, service.ScopeUser, "", service.CodePermissionDenied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.caller.Scope(tt.want)
			if got != tt.got || service.CodeOf(err) != tt.code {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestRunAs(t *testing.T) {
	name := func(uid int) string { return map[int]string{1000: "alice"}[uid] }
	for _, tt := range []struct {
		name, want string
		owner      int
		got        string
		refused    bool
	}{
		{"the project's owner", "", 1000, "alice", false},
		{"somebody else", "www", 1000, "www", false},
		{"root's project", "", 0, "", true},
		{"root's project, meant so", "root", 0, "root", false},
		{"an owner that cannot be seen", "", -1, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := RunAs(tt.want, tt.owner, name)
			var e *service.Error
			if got != tt.got || errors.As(err, &e) != tt.refused || tt.refused && !strings.Contains(e.Hint, "--run-as root") {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestCheckRoot(t *testing.T) {
	dir := func(p string, owner int, mode fs.FileMode) Entry { return Entry{p, owner, mode | fs.ModeDir} }
	for _, tt := range []struct {
		name    string
		entries []Entry
		want    string // the path refused
	}{
		{"all root's", []Entry{dir("/", 0, 0o755), dir("/usr", 0, 0o755), {"/usr/x", 0, 0o755}}, ""},
		{"the file is another's", []Entry{dir("/", 0, 0o755), {"/x", 1000, 0o755}}, "/x"},
		{"the file is its group's", []Entry{dir("/", 0, 0o755), {"/x", 0, 0o775}}, "/x"},
		{"a directory is another's", []Entry{dir("/", 0, 0o755), dir("/home/u", 1000, 0o700), {"/home/u/x", 0, 0o755}}, "/home/u"},
		{"a directory is everybody's", []Entry{dir("/", 0, 0o755), dir("/d", 0, 0o777), {"/d/x", 0, 0o755}}, "/d"},
		{"in /tmp, and root's", []Entry{dir("/", 0, 0o755), dir("/tmp", 0, 0o777|fs.ModeSticky), {"/tmp/x", 0, 0o755}}, ""},
		{"/tmp itself", []Entry{dir("/", 0, 0o755), dir("/tmp", 0, 0o777|fs.ModeSticky)}, "/tmp"},
		{"a link", []Entry{dir("/", 0, 0o755), {"/bin", 0, 0o777 | fs.ModeSymlink}}, ""},
		{"another's link", []Entry{dir("/", 0, 0o755), {"/bin", 1, 0o777 | fs.ModeSymlink}}, "/bin"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, err := range []error{CheckRoot(tt.entries), CheckProgram(tt.entries), CheckSocket(tt.entries)} {
				var e *service.Error
				if got := errors.As(err, &e); got != (tt.want != "") || got && (e.Path != tt.want || e.Hint == "") {
					t.Errorf("%v, want %q refused", err, tt.want)
				}
			}
		})
	}
}
