package install

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// TestServiceAccess: who is granted the project, and what is warned of.
func TestServiceAccess(t *testing.T) {
	sid := winsvc.ServiceSID(serviceRequest().name())
	tests := []struct {
		name    string
		change  func(*Request, *fakeSCM)
		granted bool
		says    string // in the plan, or in a warning
		ownSID  bool
	}{
		{"its own account", func(*Request, *fakeSCM) {}, true, `icacls.exe "C:\src\my shop" /grant "*` + sid + `:(OI)(CI)M"`, false},
		{"a shared account: the service alone", func(r *Request, _ *fakeSCM) { r.User = "LocalService" }, true, "ServiceSidType=unrestricted", true},
		{"NetworkService", func(r *Request, _ *fakeSCM) { r.User = "NetworkService" }, true, "*" + sid, true},
		{"the system", func(r *Request, _ *fakeSCM) { r.User = "LocalSystem" }, false, "", false},
		{"a user", func(r *Request, _ *fakeSCM) { r.User, r.Service.Password = "alice", "x" }, false, "", false},
		{"a file system without lists", func(_ *Request, m *fakeSCM) { m.forgets = true }, false, "keeps no access lists", false},
		{"a log elsewhere", func(r *Request, _ *fakeSCM) { r.LogFile = `D:\logs\web.log` }, true, `D:\logs\web.log" is not in the project`, false},
		{"a log in the project", func(r *Request, _ *fakeSCM) { r.LogFile = `c:\SRC\my shop\logs\web.log` }, true, "", false},
		{"a program that it cannot run", func(r *Request, m *fakeSCM) { m.private, r.Programs = `C:\x.exe`, []string{`C:\x.exe`} }, true, "may perhaps not run", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, r := &fakeSCM{}, serviceRequest()
			tt.change(&r, m)
			p := planned(t, scmOf(m, pidfile.Finding{}), r)
			text := p.String() + strings.Join(p.Warnings, "\n")
			if !strings.Contains(text, tt.says) || tt.says == "" && len(p.Warnings) > 0 {
				t.Errorf("no %q in\n%s", tt.says, text)
			}
			if err := p.Apply(t.Context()); err != nil {
				t.Fatal(err)
			}
			if granted := slices.Contains(m.calls, "grant "+r.Spec.Project); granted != tt.granted || m.found.Definition.OwnSID != tt.ownSID {
				t.Errorf("granted %v, a SID of its own %v: %q", granted, m.found.Definition.OwnSID, m.calls)
			}
		})
	}
}

// TestServiceAccessTaken: an entry that somebody has removed since is a difference, which install mends.
func TestServiceAccessTaken(t *testing.T) {
	m := &fakeSCM{}
	s := scmOf(m, pidfile.Finding{})
	applyInstall(t, s, serviceRequest())
	m.entry, m.calls = "", nil
	p := planned(t, s, serviceRequest())
	if p.UpToDate || len(p.Commands) != 1 {
		t.Errorf("%s", p)
	}
	if err := p.Apply(t.Context()); err != nil || m.entry == "" || !slices.Equal(m.calls, []string{"grant " + serviceRequest().Spec.Project}) {
		t.Errorf("%v: %q", err, m.calls)
	}
}

// TestServiceAccessLost: a grant that does not hold fails the installation, which is taken back.
func TestServiceAccessLost(t *testing.T) {
	m := &fakeSCM{}
	p := planned(t, scmOf(m, pidfile.Finding{}), serviceRequest())
	p.fault = func(step string) error {
		if strings.Contains(step, "modify the project") {
			m.entry = ""
		}
		return nil
	}
	if err := p.Apply(t.Context()); !errors.Is(err, service.ErrInstallFailed) || m.found.Registered {
		t.Errorf("%v, left %+v", err, m.found)
	}
}

func TestServiceAccessDenied(t *testing.T) {
	r := serviceRequest()
	m := &fakeSCM{fail: map[string]error{"grant " + r.Spec.Project: fs.ErrPermission}}
	err := planned(t, scmOf(m, pidfile.Finding{}), r).Apply(t.Context())
	if !errors.Is(err, service.ErrPermissionDenied) || m.found.Registered {
		t.Errorf("%v, left %+v", err, m.found)
	}
}

// TestServiceAccessRevoked: uninstall takes back what install has granted, also when nothing else is left; what it cannot look at it says.
func TestServiceAccessRevoked(t *testing.T) {
	r := serviceRequest()
	sid := winsvc.ServiceSID(r.name())
	tests := []struct {
		name   string
		m      *fakeSCM
		want   []string
		warned bool
	}{
		{"granted", &fakeSCM{entry: "(A;OICI;0x1301bf;;;" + sid + ")"}, []string{"revoke"}, false},
		{"changed by a person", &fakeSCM{entry: "(A;OICI;FR;;;" + sid + ")"}, []string{"revoke"}, false},
		{"another's", &fakeSCM{entry: "(A;OICI;FA;;;LS)"}, nil, false},
		{"inherited", &fakeSCM{entry: "(A;OICIID;FA;;;" + sid + ")"}, nil, false},
		{"the project is gone", &fakeSCM{fail: map[string]error{"security": fs.ErrNotExist}}, nil, false},
		{"denied", &fakeSCM{fail: map[string]error{"security": fs.ErrPermission}}, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := scmOf(tt.m, pidfile.Finding{}).Uninstall(t.Context(), r.Spec.Project, r.Spec.Name)
			if err != nil || p.UpToDate != (tt.want == nil) || (len(p.Warnings) > 0) != tt.warned {
				t.Fatalf("%v, %+v", err, p)
			}
			if err := p.Apply(t.Context()); err != nil || !slices.Equal(tt.m.calls, tt.want) {
				t.Errorf("%v, %q", err, tt.m.calls)
			}
		})
	}
}

// TestCheckWriters: every path, and what is above it, for an account that may do much.
func TestCheckWriters(t *testing.T) {
	const open = "O:BAD:(A;;FA;;;SY)(A;;0x1301bf;;;BU)"
	tests := []struct {
		name, account, writable string
		refused                 bool
	}{
		{"nothing", winsvc.LocalSystem, "", false},
		{"the workload's program", winsvc.LocalSystem, `C:\node\node.exe`, true},
		{"the directory of the workload's program", winsvc.LocalSystem, `C:\node`, true},
		{"the project, for a user", `.\alice`, `C:\src\shop`, true},
		{"the workload's program, for an account that may do little", winsvc.LocalService, `C:\node\node.exe`, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := checkWriters(tt.account, []string{`C:\apexd\apexd.exe`, `C:\src\shop`, `C:\node\node.exe`}, func(path string) (string, error) {
				if path == tt.writable {
					return open, nil
				}
				return listed, nil
			})
			if errors.Is(err, service.ErrInstallFailed) != tt.refused || !tt.refused && err != nil {
				t.Errorf("%v", err)
			}
			if tt.refused && !strings.Contains(err.Error(), tt.writable) {
				t.Errorf("%v does not name %s", err, tt.writable)
			}
		})
	}
}
