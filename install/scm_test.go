package install

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// fakeSCM has one service, in parts, and notes what it is asked to change.
type fakeSCM struct {
	found    serviceFound
	recovery winsvc.Recovery
	mute     bool // as Wine: it does not tell recovery actions
	calls    []string
	fail     map[string]error
	password string
	entry    string // the service's own, in the project's access list
	private  string // a file that only the system may read
	forgets  bool   // the file system keeps no access lists
}

func (m *fakeSCM) do(call string) error {
	m.calls = append(m.calls, call)
	return m.fail[call]
}

func (m *fakeSCM) Find(name string) (serviceFound, error) {
	f := m.found
	f.Definition.Name = name
	if f.Registered && !m.mute {
		f.Definition.Recovery = m.recovery.String()
	} else {
		f.Definition.Recovery = ""
	}
	return f, m.fail["find"]
}

func (m *fakeSCM) Create(d winsvc.Definition, password string) error {
	err := m.do("create")
	m.found.Registered, m.found.Key, m.found.Source, m.password = true, true, err == nil, password
	d.Environment, d.Start = nil, winsvc.Manual // as the library
	m.found.Definition = d
	return err
}

func (m *fakeSCM) Configure(d winsvc.Definition, r winsvc.Recovery, _ string) (bool, error) {
	err := m.do("configure")
	if err == nil {
		m.found.Definition, m.recovery = d, r
	}
	return !m.mute, err
}

func (m *fakeSCM) AddSource(string) error {
	err := m.do("add source")
	m.found.Source = err == nil
	return err
}

func (m *fakeSCM) RemoveSource(string) error {
	err := m.do("remove source")
	m.found.Source = m.found.Source && err != nil
	return err
}

func (m *fakeSCM) Start(context.Context, string) error {
	err := m.do("start")
	m.found.Status.State = winsvc.Running
	return err
}

func (m *fakeSCM) Stop(ctx context.Context, _ string) error {
	if _, bounded := ctx.Deadline(); !bounded { // W1: the library's waits never end
		return errors.New("a stop without a bound")
	}
	err := m.do("stop")
	m.found.Status.State = winsvc.Stopped
	return err
}

func (m *fakeSCM) Delete(ctx context.Context, _ string) error {
	if _, bounded := ctx.Deadline(); !bounded {
		return errors.New("a wait without a bound")
	}
	if m.found.Status.State == winsvc.Running { // W4: it would stay, marked for deletion
		return errors.New("deleted while it runs")
	}
	err := m.do("delete")
	if err == nil {
		m.found.Registered, m.found.Key, m.found.Definition = false, false, winsvc.Definition{}
	}
	return err
}

func (m *fakeSCM) RemoveKey(string) error {
	err := m.do("remove key")
	m.found.Key = m.found.Key && err != nil
	return err
}

// listed is the access list of a directory that only the system may change.
const listed = "O:BAG:SYD:(A;OICI;FA;;;SY)(A;OICIID;0x1200a9;;;BU)"

func (m *fakeSCM) Security(path string) (string, bool, error) {
	switch path {
	case serviceRequest().Spec.Project:
	case m.private:
		return "O:BAG:SYD:(A;;FA;;;SY)", true, nil
	default:
		return listed, true, nil
	}
	return listed + m.entry, !m.forgets, m.fail["security"]
}

func (m *fakeSCM) Grant(dir, sid string) error {
	err := m.do("grant " + dir)
	if err == nil {
		m.entry = "(A;OICI;0x1301bf;;;" + sid + ")"
	}
	return err
}

func (m *fakeSCM) Revoke(string, string) error {
	err := m.do("revoke")
	if err == nil {
		m.entry = ""
	}
	return err
}

func scmOf(m *fakeSCM, f pidfile.Finding) *SCM {
	m.found.Status.State = max(m.found.Status.State, winsvc.Stopped)
	return &SCM{manager: m, running: func(pidfile.Ref) pidfile.Finding { return f }}
}

func serviceRequest() Request {
	return Request{
		Spec: service.Spec{
			Project: `C:\src\my shop`, Name: "web",
			StopTimeout: 90 * time.Second,
			Restart:     service.RestartPolicy{When: service.RestartOnFailure, Delay: time.Second, Factor: 2, Max: time.Minute, Limit: 3, Window: time.Minute},
		},
		Ref: pidfile.Ref{Path: `C:\src\my shop\.apex\web.pid`}, Exec: `C:\Program Files\apexd\apexd.exe`, Path: `C:\bin`,
	}
}

func planned(t *testing.T, s *SCM, r Request) *Plan {
	t.Helper()
	p, err := s.Install(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func applyInstall(t *testing.T, s *SCM, r Request) {
	t.Helper()
	if err := planned(t, s, r).Apply(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestServiceInstall(t *testing.T) {
	for _, mute := range []bool{false, true} {
		m := &fakeSCM{mute: mute}
		s := scmOf(m, pidfile.Finding{})
		p := planned(t, s, serviceRequest())
		if len(m.calls) > 0 {
			t.Fatalf("planning has done %q", m.calls)
		}
		text := p.String()
		for _, part := range []string{
			`ImagePath="C:\Program Files\apexd\apexd.exe" run --keeper windows --scope system --service apex-my-shop-`, `--project "C:\src\my shop" --name web`,
			"Start=auto", `ObjectName=NT SERVICE\apex-my-shop-`, "Recovery=restart after 1s, 2s, 4s, then nothing; forgotten after 1m4s", `Environment=PATH=C:\bin`, "PreshutdownTimeout=1m40s",
		} {
			if !strings.Contains(text, part) {
				t.Errorf("the plan has no %q:\n%s", part, text)
			}
		}
		if err := p.Apply(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !winsvc.Granted(listed+m.entry, winsvc.ServiceSID(m.found.Definition.Name)) {
			t.Errorf("the project's access list is %s", listed+m.entry)
		}
		if again := planned(t, s, serviceRequest()); !again.UpToDate || len(again.Commands) > 0 {
			t.Errorf("again: %s", again)
		}
	}
}

// TestServiceChange: a changed request shows its difference, and a failure brings the old definition back.
func TestServiceChange(t *testing.T) {
	m := &fakeSCM{}
	s := scmOf(m, pidfile.Finding{})
	applyInstall(t, s, serviceRequest())
	before, recovery := m.found, m.recovery.String()
	r := serviceRequest()
	r.Service.Start, r.Spec.Restart.Limit = winsvc.Delayed, 1
	m.found.Status.State = winsvc.Running
	p := planned(t, s, r)
	if p.UpToDate || !p.Restart || !strings.Contains(p.Files[0].Diff, "- Start=auto\n+ Start=delayed") {
		t.Errorf("up to date %v, restart %v:\n%s", p.UpToDate, p.Restart, p.Files[0].Diff)
	}
	p.fault = func(step string) error {
		if step == "verify" {
			return errors.New("fault")
		}
		return nil
	}
	if err := p.Apply(t.Context()); err == nil {
		t.Fatal("no error")
	}
	if got := m.found.Definition.String(); got != before.Definition.String() || m.recovery.String() != recovery {
		t.Errorf("left %s, recovery %s", got, m.recovery)
	}
}

// TestServiceRollBack: whichever step fails, nothing of a new service is left.
func TestServiceRollBack(t *testing.T) {
	for _, at := range []string{"create", "configure", `grant C:\src\my shop`, "verify", "start"} {
		t.Run(at, func(t *testing.T) {
			m := &fakeSCM{fail: map[string]error{}}
			r := serviceRequest()
			r.Now = true
			p := planned(t, scmOf(m, pidfile.Finding{}), r)
			if at == "verify" {
				p.fault = func(step string) error {
					if step == at {
						return errors.New("fault")
					}
					return nil
				}
			} else {
				m.fail[at] = errors.New("fault")
			}
			err := p.Apply(t.Context())
			if !errors.Is(err, service.ErrInstallFailed) {
				t.Errorf("%v", err)
			}
			if m.found.Registered || m.found.Key || m.found.Source || m.entry != "" {
				t.Errorf("left behind: %+v, access %q; %q", m.found, m.entry, m.calls)
			}
		})
	}
}

// TestServiceOfOthers: W2, and the same for uninstall: what is not ours is refused before anything is touched.
func TestServiceOfOthers(t *testing.T) {
	other := serviceRequest()
	other.Spec.Project = `C:\src\cafe`
	theirs, _, _ := other.definition()
	theirs.ImagePath = strings.ReplaceAll(theirs.ImagePath, theirs.Name, serviceRequest().name())
	for name, line := range map[string]string{"nobody's": `C:\Windows\system32\svchost.exe -k x`, "another project's": theirs.ImagePath} {
		t.Run(name, func(t *testing.T) {
			m := &fakeSCM{found: serviceFound{Registered: true, Key: true, Definition: winsvc.Definition{ImagePath: line}}}
			s := scmOf(m, pidfile.Finding{})
			r := serviceRequest()
			_, err := s.Install(t.Context(), r)
			_, gone := s.Uninstall(t.Context(), r.Spec.Project, r.Spec.Name)
			_, enable := s.Enable(t.Context(), r.Spec.Project, r.Spec.Name, true)
			for _, err := range []error{err, gone, enable} {
				if !errors.Is(err, service.ErrServiceExists) {
					t.Errorf("%v", err)
				}
			}
			if len(m.calls) > 0 {
				t.Errorf("touched: %q", m.calls)
			}
		})
	}
}

func TestServiceRefused(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Request)
		want   error
	}{
		{"a user without a password", func(r *Request) { r.User = `CORP\alice` }, service.ErrInstallFailed},
		{"a password without a user", func(r *Request) { r.Service.Password = "x" }, service.ErrGenerationFailed},
		{"NUL", func(r *Request) { r.Spec.Project = "C:\\a\x00b" }, service.ErrGenerationFailed},
		{"itself", func(r *Request) { r.Service.Depends = []string{r.name()} }, service.ErrGenerationFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &fakeSCM{}
			r := serviceRequest()
			tt.change(&r)
			if _, err := scmOf(m, pidfile.Finding{}).Install(t.Context(), r); !errors.Is(err, tt.want) {
				t.Errorf("%v", err)
			}
			if len(m.calls) > 0 {
				t.Errorf("touched: %q", m.calls)
			}
		})
	}
}

// TestServicePassword: it reaches the SCM, and neither the plan nor the definition.
func TestServicePassword(t *testing.T) {
	m := &fakeSCM{}
	r := serviceRequest()
	r.User, r.Service.Password = "alice", "s3cret"
	p := planned(t, scmOf(m, pidfile.Finding{}), r)
	if strings.Contains(p.String(), "s3cret") {
		t.Error("the plan shows the password")
	}
	if err := p.Apply(t.Context()); err != nil || m.password != "s3cret" || m.found.Definition.Account != `.\alice` {
		t.Errorf("%v, password %q of %q", err, m.password, m.found.Definition.Account)
	}
}

func TestServiceOutside(t *testing.T) {
	m := &fakeSCM{}
	s := scmOf(m, pidfile.Finding{Running: true, PID: 7})
	if _, err := s.Install(t.Context(), serviceRequest()); !errors.Is(err, service.ErrAlreadyRunning) {
		t.Errorf("%v", err)
	}
	r, done := serviceRequest(), false
	r.Takeover = &Hook{Do: func(context.Context) error { done = true; return nil }}
	if applyInstall(t, s, r); !done {
		t.Error("not taken over")
	}
}

// TestServiceUninstall: W4: it stops first, and removes what is left, whatever that is.
func TestServiceUninstall(t *testing.T) {
	r := serviceRequest()
	def, _, _ := r.definition()
	tests := []struct {
		name  string
		found serviceFound
		want  []string
	}{
		{"runs", serviceFound{Registered: true, Key: true, Source: true, Definition: def, Status: winsvc.Status{State: winsvc.Running}}, []string{"stop", "delete", "remove key", "remove source"}},
		{"stopped", serviceFound{Registered: true, Key: true, Source: true, Definition: def}, []string{"delete", "remove key", "remove source"}},
		{"without its source", serviceFound{Registered: true, Key: true, Definition: def}, []string{"delete", "remove key", "remove source"}},
		{"without its command line", serviceFound{Registered: true, Key: true}, []string{"delete", "remove key", "remove source"}},
		{"a key only", serviceFound{Key: true, Definition: def}, []string{"remove key", "remove source"}},
		{"a source only", serviceFound{Source: true}, []string{"remove key", "remove source"}},
		{"nothing", serviceFound{}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &fakeSCM{found: tt.found}
			p, err := scmOf(m, pidfile.Finding{}).Uninstall(t.Context(), r.Spec.Project, r.Spec.Name)
			if err != nil || p.UpToDate != (tt.want == nil) {
				t.Fatalf("%v, up to date %v", err, p.UpToDate)
			}
			if err := p.Apply(t.Context()); err != nil || !slices.Equal(m.calls, tt.want) {
				t.Errorf("%v, %q, want %q", err, m.calls, tt.want)
			}
		})
	}
}

// TestServiceKept: while somebody has the deleted service open its key is not touched, and the error says who that may be.
func TestServiceKept(t *testing.T) {
	r := serviceRequest()
	def, _, _ := r.definition()
	m := &fakeSCM{found: serviceFound{Registered: true, Key: true, Source: true, Definition: def}, fail: map[string]error{"delete": winsvc.ErrDeleting}}
	p, err := scmOf(m, pidfile.Finding{}).Uninstall(t.Context(), r.Spec.Project, r.Spec.Name)
	if err != nil {
		t.Fatal(err)
	}
	err = p.Apply(t.Context())
	if !errors.Is(err, service.ErrUninstallFailed) || !errors.Is(err, winsvc.ErrDeleting) || m.found.Source || !m.found.Key {
		t.Errorf("%v, left %+v", err, m.found)
	}
}

func TestServiceEnable(t *testing.T) {
	m := &fakeSCM{}
	s := scmOf(m, pidfile.Finding{})
	r := serviceRequest()
	if _, err := s.Enable(t.Context(), r.Spec.Project, r.Spec.Name, true); !errors.Is(err, service.ErrServiceNotFound) {
		t.Errorf("%v", err)
	}
	applyInstall(t, s, r)
	recovery := m.recovery.String()
	for _, on := range []bool{false, false, true, true} {
		if _, err := s.Enable(t.Context(), r.Spec.Project, r.Spec.Name, on); err != nil || m.found.Definition.Start.Enabled() != on || m.recovery.String() != recovery {
			t.Errorf("%v: %v, start %q, recovery %s", on, err, m.found.Definition.Start, m.recovery)
		}
	}
}

func TestDisplayName(t *testing.T) {
	long := displayName(service.Spec{Name: "daemon", Project: `C:\` + strings.Repeat("ü", 400) + `\end`})
	if n := len([]rune(long)); n > maxDisplayName || !strings.HasSuffix(long, `\end)`) || !strings.Contains(long, "…") {
		t.Errorf("%d: %s", n, long)
	}
}

func TestSurroundService(t *testing.T) {
	s := SurroundService([]string{`Path=C:\bin;.;C:\bin;;"D:\My Tools";\\srv\share\bin;rel\x`, "APEX_LOG_LEVEL=debug", "APEX_PROJECT_PATH=x", "SECRET=1"})
	if s.Path != `C:\bin;D:\My Tools;\\srv\share\bin` || len(s.Env) > 0 {
		t.Errorf("%q, %q", s.Path, s.Env)
	}
	all := strings.Join(s.Warnings, "\n")
	for _, part := range []string{`"."`, `"rel\\x"`, "APEX_LOG_LEVEL"} {
		if !strings.Contains(all, part) {
			t.Errorf("no warning with %q:\n%s", part, all)
		}
	}
}

func TestWindowsDir(t *testing.T) {
	for p, want := range map[string]string{
		`C:\a\b.exe`: `C:\a`, `C:\a`: `C:\`, `C:\`: `C:\`, `\\srv\share\x`: `\\srv\share`, `\\srv\share`: `\\srv\share`, `x`: `x`,
	} {
		if got := windowsDir(p); got != want {
			t.Errorf("windowsDir(%q) = %q, want %q", p, got, want)
		}
	}
}
