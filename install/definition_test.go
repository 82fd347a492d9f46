package install

import (
	"testing"

	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/service"
)

// What was written is read again, whatever the path and the user.
func TestReadDefinition(t *testing.T) {
	for _, exec := range []string{"/usr/bin/apexd", "/opt/a b/100%/apexd", "/opt/$HOME/é/apexd"} {
		r := request()
		r.Exec, r.User = exec, "alice"
		unit, err := RenderUnit(r, service.ScopeSystem, 252)
		if err != nil {
			t.Fatal(err)
		}
		rc, err := RenderOpenRC(r)
		if err != nil {
			t.Fatal(err)
		}
		script, err := RenderSysV(r)
		if err != nil {
			t.Fatal(err)
		}
		for kind, text := range map[service.Kind]string{service.KindSystemd: unit.Text, service.KindOpenRC: rc.Text, service.KindSysV: script} {
			got, known := ReadDefinition(r.registration(kind, service.ScopeSystem), text)
			if !known || got.User != "alice" || got.Program != exec {
				t.Errorf("%s: %+v, %v", kind, got, known)
			}
		}
	}
	for _, kind := range []service.Kind{service.KindSystemd, service.KindOpenRC, service.KindSysV, service.KindLaunchd, service.KindRunit} {
		if got, known := ReadDefinition(service.Registration{Backend: kind}, "#!/bin/sh\n"); known {
			t.Errorf("%s: %+v of somebody's own", kind, got)
		}
	}
}

func TestAskedOfService(t *testing.T) {
	r := request()
	r.User, r.Service = winsvc.LocalService, ServiceOptions{Start: winsvc.Delayed, Depends: []string{"Tcpip"}}
	d, _, _ := r.definition()
	got := askedOf(d)
	if got.User != r.User || got.Program != r.Exec || got.Service.Start != winsvc.Delayed || len(got.Service.Depends) != 1 {
		t.Errorf("%+v", got)
	}
	d.Start = winsvc.Disabled
	if got := askedOf(d); got.Program != "" {
		t.Errorf("one that is disabled was asked for: %+v", got)
	}
	d.Start, d.ImagePath = winsvc.Automatic, `C:\other.exe run`
	if got := askedOf(d); got.Program != "" {
		t.Errorf("somebody's own was asked for: %+v", got)
	}
}

// TestSettled: what the shell of an installation has put into a definition is no drift.
func TestSettled(t *testing.T) {
	const list = "\t<dict>\n\t\t<key>EnvironmentVariables</key>\n\t\t<dict>\n\t\t\t<key>PATH</key>\n\t\t\t<string>%s</string>\n\t\t</dict>\n\t\t<key>ExitTimeOut</key>\n\t\t<integer>15</integer>\n\t</dict>\n"
	for _, row := range []struct{ name, text, want string }{
		{"a unit", "# Made by apexd 1.2\n[Service]\nEnvironment=\"PATH=/a\"\nExecStart=/x\n", "[Service]\nExecStart=/x\n"},
		{"a property list", list, "\t<dict>\n\t\t<key>ExitTimeOut</key>\n\t\t<integer>15</integer>\n\t</dict>\n"},
	} {
		if got := Settled(row.text); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
}

// TestSettledScripts: another shell, another version, another project called " as " or like the verb make no difference in what is compared; everything else does.
func TestSettledScripts(t *testing.T) {
	renders := map[string]func(Request) (string, error){
		"openrc":  func(r Request) (string, error) { out, err := RenderOpenRC(r); return out.Text, err },
		"sysv":    RenderSysV,
		"windows": func(r Request) (string, error) { d, _, _ := r.definition(); return d.String(), nil },
	}
	for _, row := range []struct {
		name   string
		change func(*Request)
		drifts bool
	}{
		{"another PATH", func(r *Request) { r.Path = "/opt/it's as \"$verb\" /bin" }, false},
		{"more of an environment", func(r *Request) { r.Env = []string{"XDG_STATE_HOME=/x as y"} }, false},
		{"another version", func(r *Request) { r.Version = "9 \"$verb\" as" }, false},
		{"another user", func(r *Request) { r.User = "bob" }, true},
		{"another program", func(r *Request) { r.Exec = "/opt/other/apexd" }, true},
		{"another log", func(r *Request) { r.LogFile = "/var/log/x" }, true},
	} {
		for name, render := range renders {
			before := request()
			before.User, before.Spec.Project = "alice", "/srv/good as gold \"$verb\" as x"
			after := before
			row.change(&after)
			old, err1 := render(before)
			text, err2 := render(after)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			if got := Settled(old) != Settled(text); got != row.drifts {
				t.Errorf("%s, %s: drift %v, want %v\n%s\n%s", name, row.name, got, row.drifts, Settled(old), Settled(text))
			}
		}
	}
}
