package systemd

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

func TestUnit(t *testing.T) {
	want := Unit{
		LoadState: "loaded", ActiveState: "activating", SubState: "auto-restart", UnitFileState: "enabled", Restart: "always", Result: "signal",
		FragmentPath: "/etc/systemd/system/a=b.service", MainPID: 129, Restarts: 2, ExitCode: 2, ExitStatus: 9, NeedsReload: true,
		DropIns: []string{}, TriggeredBy: []string{"a-http.socket", "b.timer"}, Since: time.Unix(1700000000, 0),
	}
	show := parseShow("Restart=always\nMainPID=129\nNRestarts=2\nExecMainCode=2\nExecMainStatus=9\nResult=signal\nLoadState=loaded\nActiveState=activating\nSubState=auto-restart\n" +
		"FragmentPath=/etc/systemd/system/a=b.service\nUnitFileState=enabled\nNeedDaemonReload=yes\nTriggeredBy=a-http.socket b.timer\nActiveEnterTimestamp=@1700000000\nLoadError= \nnonsense\n")
	bus := map[string]any{
		"Restart": "always", "MainPID": uint32(129), "NRestarts": uint32(2), "ExecMainCode": int32(2), "ExecMainStatus": int32(9), "Result": "signal",
		"LoadState": "loaded", "ActiveState": "activating", "SubState": "auto-restart", "FragmentPath": "/etc/systemd/system/a=b.service", "UnitFileState": "enabled",
		"NeedDaemonReload": true, "TriggeredBy": []string{"a-http.socket", "b.timer"}, "ActiveEnterTimestamp": uint64(1700000000000000), "LoadError": []any{"", ""},
	}
	if got := unitOf(func(p string) string { return show[p] }); !reflect.DeepEqual(got, want) {
		t.Errorf("of systemctl: %+v", got)
	}
	if got := unitOf(func(p string) string { return text(bus[p]) }); !reflect.DeepEqual(got, want) {
		t.Errorf("of D-Bus: %+v", got)
	}
	if got := unitOf(func(string) string { return "" }); !reflect.DeepEqual(got, Unit{TriggeredBy: []string{}, DropIns: []string{}}) {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestStale(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.service")
	conf := filepath.Join(path+".d", "mine.conf")
	if err := errors.Join(os.Mkdir(path+".d", 0o755), os.WriteFile(conf, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		u    Unit
		want bool
	}{
		{"nothing known", Unit{}, false},
		{"in its own opinion", Unit{NeedsReload: true}, true},
		{"a drop-in that was not read", Unit{FragmentPath: path}, true},
		{"one that was", Unit{FragmentPath: path, DropIns: []string{path + ".d/mine.conf"}}, false},
		{"no drop-ins", Unit{FragmentPath: path + "x"}, false},
	} {
		if got := tt.u.Stale(); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func FuzzParseShow(f *testing.F) {
	f.Add("MainPID=1\nResult=x\n")
	f.Add("MainPID=99999999999999999999\n=\n==\n\x00")
	f.Fuzz(func(t *testing.T, out string) {
		m := parseShow(out)
		if u := unitOf(func(p string) string { return m[p] }); u.Since.Before(time.Time{}) {
			t.Errorf("%+v", u)
		}
	})
}

func TestFacts(t *testing.T) {
	for in, want := range map[string]int{"252.38-1~deb12u1": 252, "systemd 255 (255.4)": 255, "v": 0, "": 0, "99999999999999999999": 9999999} {
		if got := parseVersion(in); got != want {
			t.Errorf("%q is version %d, want %d", in, got, want)
		}
	}
	if _, err := (Facts{}).check("?"); err == nil {
		t.Error("a manager without a version is planned with")
	}
}

func TestCtlError(t *testing.T) {
	exit := errors.New("exit status 1")
	for said, want := range map[string]error{
		"Failed to start x.service: Access denied": ErrDenied, "Interactive authentication required.": ErrDenied, "Unit x.service not found.": exit, "": exit,
		"Failed to reset failed state of unit x.service: Unit x.service not loaded.": ErrNoUnit,
	} {
		if err := ctlError(said, exit); !errors.Is(err, want) || !strings.Contains(err.Error(), said) {
			t.Errorf("%q: %v", said, err)
		}
	}
}

func TestSockets(t *testing.T) {
	env := func(string) string { return "/run/user/1" }
	for _, tt := range []struct {
		name  string
		scope service.Scope
		uid   int
		self  int
		want  []Socket
	}{
		{"the system's, root", service.ScopeSystem, 0, 0, []Socket{{"/run/systemd/private", true}, {"/run/dbus/system_bus_socket", false}}},
		{"the system's, another", service.ScopeSystem, 0, 1, []Socket{{"/run/dbus/system_bus_socket", false}}},
		{"one's own", service.ScopeUser, 1, 1, []Socket{{"/run/user/1/systemd/private", true}, {"/run/user/1/bus", false}}},
		{"another's", service.ScopeUser, 2, 0, []Socket{{"/run/user/2/systemd/private", true}, {"/run/user/2/bus", false}}},
	} {
		if got := Sockets(tt.scope, tt.uid, tt.self, env); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

func TestRuntimeDir(t *testing.T) {
	for _, tt := range []struct{ name, env, want string }{
		{"none, as after su", "", "/run/user/1000"},
		{"one's own", "/run/user/1000", "/run/user/1000"},
		{"another user's, as after sudo -E", "/run/user/0", "/run/user/1000"},
		{"elsewhere", "/tmp/xdg", "/tmp/xdg"},
	} {
		if got := RuntimeDir(func(string) string { return tt.env }, 1000); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
