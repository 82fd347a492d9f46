package backends

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// TestMergeScript is the table of mergeScript's comment, and what comes of a script that is gone or that no runlevel starts.
func TestMergeScript(t *testing.T) {
	reg := service.Registration{Backend: service.KindSysV, Scope: service.ScopeSystem, Service: "apex-x"}
	for _, tt := range []struct {
		name            string
		running         bool
		by              string
		state           service.State
		script, enabled bool
		backend         string
		wanted          bool
		warning         string
	}{
		{"running by the script", true, "sysv", service.StateRunning, true, true, "sysv", true, ""},
		{"reloading by the script", true, "sysv", service.StateReloading, true, false, "sysv", true, ""},
		{"running outside", true, "direct", service.StateRunning, true, true, "direct", true, "runs outside"},
		{"running, and the script is gone", true, "sysv", service.StateRunning, false, false, "sysv", true, "is gone"},
		{"stopped", false, "direct", service.StateStopped, true, true, "sysv", true, ""},
		{"stopped and disabled", false, "direct", service.StateStopped, true, false, "sysv", false, ""},
		{"failed", false, "sysv", service.StateFailed, true, false, "sysv", true, ""},
		{"cannot tell", false, "sysv", service.StateUnknown, true, true, "sysv", true, ""},
		{"links to nothing", false, "direct", service.StateStopped, false, true, "sysv", false, "is gone"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st := service.Status{Running: tt.running, Backend: tt.by, State: tt.state, Warnings: []string{}}
			mergeScript(&st, reg, tt.script, tt.enabled)
			if st.Backend != tt.backend || st.State != tt.state || st.Wanted != tt.wanted || st.Registered != tt.script || st.Enabled == nil || *st.Enabled != tt.enabled || st.Native != nil {
				t.Errorf("%+v", st)
			}
			if said := strings.Join(st.Warnings, "\n"); !strings.Contains(said, tt.warning) || tt.warning == "" && said != "" {
				t.Errorf("warnings %q", said)
			}
		})
	}
}

// TestRegisteredScript: only a script that says that it is ours and System V's is a registration.
func TestRegisteredScript(t *testing.T) {
	ref := pidfile.Ref{Project: "/srv/shop", Path: filepath.Join(t.TempDir(), "daemon.pid")}
	d := &Direct{Ref: ref, Spec: service.Spec{Name: service.DefaultName}}
	name := service.RegistrationName(ref.Project, d.Spec.Name)
	mark := sysv.Mark{Kind: "sysv", Project: ref.Project, Name: d.Spec.Name}
	other := mark
	other.Kind = "openrc"
	for _, tt := range []struct {
		name, script string
		running      pidfile.Finding
		want         bool
	}{
		{"ours", "#!/bin/sh\n" + mark.String(), pidfile.Finding{}, true},
		{"ours, another manager's", "#!/sbin/openrc-run\n" + other.String(), pidfile.Finding{}, false},
		{"somebody's", "#!/bin/sh\n", pidfile.Finding{}, false},
		{"none", "", pidfile.Finding{}, false},
		{"none, but it runs", "", pidfile.Finding{Running: true, Record: &pidfile.Record{Backend: "sysv", Service: name}}, true},
		{"none, and another runs", "", pidfile.Finding{Running: true, Record: &pidfile.Record{Backend: "direct"}}, false},
		{"none, and it cannot be read what runs", "", pidfile.Finding{Running: true}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := sysv.Layout{Root: t.TempDir()}
			if err := os.MkdirAll(l.Dir(), 0o755); err != nil {
				t.Fatal(err)
			}
			if tt.script != "" {
				if err := os.WriteFile(l.Script(name), []byte(tt.script), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			m, ok := scriptIn(l, d, tt.running)
			if ok != tt.want || ok && (m.Kind() != service.KindSysV || m.Registered().Service != name) {
				t.Errorf("%v, %+v", ok, m)
			}
			if def := m.Definition(); (def != "") != (tt.script != "") {
				t.Errorf("definition %q", def)
			}
		})
	}
}

// TestScriptAnswers: what a script prints is apexd's answer, and what is not one is explained.
func TestScriptAnswers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows runs no scripts")
	}
	for _, tt := range []struct {
		name, body string
		pid        int
		code       service.Code
		text       string
	}{
		{"started", `echo '{"pid":42}'`, 42, "", ""},
		{"refused", `echo '{"error":{"op":"start daemon","code":"ALREADY_RUNNING","pid":7}}'`, 0, service.CodeAlreadyRunning, "start daemon"},
		{"failed", `echo '{"error":{"op":"start daemon","code":"START_FAILED"}}'; exit 1`, 0, service.CodeStartFailed, "start daemon"},
		{"no apexd", `echo "apexd is missing" >&2; exit 5`, 0, service.CodeStartFailed, "apexd is missing"},
		{"says nothing", "exit 0", 0, service.CodeStartFailed, "gave no answer"},
		{"a PID, and a failure", `echo '{"pid":42}'; exit 1`, 0, service.CodeStartFailed, "exit status 1"},
		{"the script is gone", "", 0, service.CodeServiceNotFound, "no such script"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &SysV{
				Direct:       &Direct{Ref: pidfile.Ref{Project: "/srv/shop", Path: filepath.Join(t.TempDir(), "daemon.pid")}},
				Registration: service.Registration{Backend: service.KindSysV, Scope: service.ScopeSystem, Service: "apex-x"},
				Layout:       sysv.Layout{Root: t.TempDir()},
			}
			if tt.body != "" {
				if err := errors.Join(os.MkdirAll(s.Layout.Dir(), 0o755), os.WriteFile(s.script(), fmt.Appendf(nil, "#!/bin/sh\n[ \"$*\" = 'start --json' ] || exit 9\n%s\n", tt.body), 0o755)); err != nil {
					t.Fatal(err)
				}
			}
			got, err := s.Start(t.Context())
			if got.PID != tt.pid || service.CodeOf(err) != tt.code || err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}
