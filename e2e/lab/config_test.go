package main

import (
	"errors"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	all := worlds()
	user := all["noinit-plain"]
	user.User = true
	for _, row := range []struct {
		name string
		args string
		want config
		err  string
	}{
		{"a command", "noinit -- true", config{World: all["noinit"], Args: []string{"true"}}, ""},
		{"without the dashes", "wine wine x.exe", config{World: all["wine"], Args: []string{"wine", "x.exe"}}, ""},
		{"its own flags and dashes", "noinit -- cmd -v -- x", config{World: all["noinit"], Args: []string{"cmd", "-v", "--", "x"}}, ""},
		{"an ordinary user", "-user noinit-plain -- id", config{World: user, Args: []string{"id"}}, ""},
		{"binds and variables", "-bind /a -bind /b -env A=1 -env B= systemd x", config{
			World: all["systemd"], Binds: []string{"/a", "/b"}, Env: []string{"A=1", "B="}, Args: []string{"x"},
		}, ""},
		{"a time limit", "-timeout 3s noinit x", config{World: all["noinit"], Timeout: 3 * time.Second, Args: []string{"x"}}, ""},
		{"no world", "", config{}, "unknown world"},
		{"no such world", "upstart -- x", config{}, `unknown world "upstart", want one of busybox noinit noinit-plain`},
		{"no command", "noinit", config{}, "no command"},
		{"no command after the dashes", "noinit --", config{}, "no command"},
		{"not a variable", "-env A noinit x", config{}, "want KEY=value"},
		{"no such flag", "-x noinit x", config{}, "not defined: -x"},
		{"help", "-h", config{}, "help"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := parse(strings.Fields(row.args), io.Discard)
			if row.err != "" {
				if err == nil || !strings.Contains(err.Error(), row.err) {
					t.Fatalf("error %v, want %q", err, row.err)
				}
				return
			}
			if row.want.Timeout == 0 {
				row.want.Timeout = 10 * time.Minute
			}
			if err != nil || !reflect.DeepEqual(got, row.want) {
				t.Errorf("%+v, %v\nwant %+v", got, err, row.want)
			}
		})
	}
}

func TestHelpNamesEveryWorld(t *testing.T) {
	var out strings.Builder
	if _, err := parse([]string{"-h"}, &out); !errors.Is(err, errHelp) {
		t.Fatalf("error %v", err)
	}
	for name := range maps.Keys(worlds()) {
		if !strings.Contains(out.String(), "  "+name+" ") {
			t.Errorf("help does not name %s:\n%s", name, out.String())
		}
	}
}

func TestEnvironment(t *testing.T) {
	caller := []string{
		"PATH=/bin", "HOME=/root", "GOFLAGS=-v", "CGO_ENABLED=0", "LC_ALL=C", "APEXD_E2E=1", "APEXD_LAB_CONFIG={}",
		"NOTIFY_SOCKET=/x", "XDG_RUNTIME_DIR=/run/user/0", "APEX_PROJECT_PATH=/p", "SUDO_USER=me", "INVOCATION_ID=1", "A=b=c",
	}
	want := []string{"PATH=/bin", "GOFLAGS=-v", "CGO_ENABLED=0", "LC_ALL=C", "APEXD_E2E=1", "HOME=/home/lab", "A=2"}
	got := merge(inherited(caller), []string{"HOME=/home/lab", "A=1"}, []string{"A=2"})
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(caller) != 13 || caller[7] != "NOTIFY_SOCKET=/x" {
		t.Errorf("the caller's environment was changed: %q", caller)
	}
}

func TestHandDown(t *testing.T) {
	want := config{
		World: worlds()["wine"], Binds: []string{"/a b"}, Timeout: time.Second, Dir: "/d\n", Env: []string{"X=ü"}, Args: []string{"sh", "-c", `"$x"`},
	}
	env, err := want.handDown()
	if err != nil {
		t.Fatal(err)
	}
	name, value, _ := strings.Cut(env[len(env)-1], "=")
	t.Setenv(name, value)
	if got, err := handedDown(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v\nwant %+v", got, err, want)
	}
	if slices.Contains(want.Env, env[len(env)-1]) {
		t.Error("the command would see the configuration")
	}
}
