package winsvc

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

func TestStatus(t *testing.T) {
	tests := []struct {
		name   string
		s      Status
		native string
		failed bool
	}{
		{"running", Status{State: Running, PID: 7}, "RUNNING", false},
		{"starting", Status{State: StartPending}, "START_PENDING", false},
		{"stopping", Status{State: StopPending}, "STOP_PENDING", false},
		{"continuing", Status{State: ContinuePending}, "CONTINUE_PENDING", false},
		{"pausing", Status{State: PausePending}, "PAUSE_PENDING", false},
		{"paused", Status{State: Paused}, "PAUSED", false},
		{"stopped", Status{State: Stopped}, "STOPPED", false},
		{"never started", Status{State: Stopped, Exit: ErrorNeverStarted}, "STOPPED", false},
		{"own status", Status{State: Stopped, Exit: ErrorServiceSpecific, Specific: 7}, "STOPPED, exit 1066 (7)", true},
		{"killed", Status{State: Stopped, Exit: ErrorProcessAborted}, "STOPPED, exit 1067", true},
		{"to be restarted", Status{State: Stopped, Exit: ErrorRestart}, "STOPPED, exit 1467", false},
		{"an old exit of one that runs", Status{State: Running, Exit: ErrorProcessAborted}, "RUNNING", false},
		{"unheard of", Status{State: 99}, "state 99", false},
		{"nothing", Status{}, "state 0", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.s.Native(); got != tt.native {
				t.Errorf("Native = %q, want %q", got, tt.native)
			}
			if got := tt.s.Failed(); got != tt.failed {
				t.Errorf("Failed = %v", got)
			}
			if tt.failed && tt.s.Why() == "" {
				t.Error("no reason")
			}
		})
	}
}

// TestArgv: Microsoft's own examples, and those of "How a Windows program splits its command line".
func TestArgv(t *testing.T) {
	tests := []struct {
		line string
		want []string
	}{
		{``, nil},
		{`"C:\Program Files\a.exe" run`, []string{`C:\Program Files\a.exe`, "run"}},
		{`C:\a.exe  "a b"	c`, []string{`C:\a.exe`, "a b", "c"}},
		{`"C:\dir\" x`, []string{`C:\dir\`, "x"}},
		{`x "abc" d e`, []string{"x", "abc", "d", "e"}},
		{`x a\\\b d"e f"g h`, []string{"x", `a\\\b`, "de fg", "h"}},
		{`x a\\\"b c d`, []string{"x", `a\"b`, "c", "d"}},
		{`x a\\\\"b c" d e`, []string{"x", `a\\b c`, "d", "e"}},
		{`x "a""b" c`, []string{"x", `a"b`, "c"}},
		{`x "" y`, []string{"x", "", "y"}},
	}
	for _, tt := range tests {
		if got := Argv(tt.line); !slices.Equal(got, tt.want) {
			t.Errorf("Argv(%s) = %q, want %q", tt.line, got, tt.want)
		}
	}
}

func TestCommandLineRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	alphabet := []rune("ab \t\n\"\\'%$^&|<>!{}ü日😀")
	for range 5000 {
		argv := []string{`C:\Program Files\apexd\apexd.exe`}
		for range r.IntN(4) {
			var b strings.Builder
			for range r.IntN(9) {
				b.WriteRune(alphabet[r.IntN(len(alphabet))])
			}
			argv = append(argv, b.String())
		}
		if got := Argv(CommandLine(argv)); !slices.Equal(got, argv) {
			t.Fatalf("%q is written as %s and read as %q", argv, CommandLine(argv), got)
		}
	}
}

// TestProgramIsQuoted: the SCM takes "C:\Program" for the program of an unquoted line (CWE-428).
func TestProgramIsQuoted(t *testing.T) {
	if got := CommandLine([]string{`C:\Program Files\a.exe`, "run"}); got != `"C:\Program Files\a.exe" run` {
		t.Error(got)
	}
}

func TestRecoveryOf(t *testing.T) {
	policy := service.RestartPolicy{When: service.RestartOnFailure, Delay: time.Second, Factor: 2, Max: 5 * time.Second, Limit: 5, Window: time.Minute}
	tests := []struct {
		name    string
		change  func(*service.RestartPolicy)
		want    string
		missing string
	}{
		{"rising, with a limit", func(*service.RestartPolicy) {}, "restart after 1s, 2s, 4s, 5s, 5s, then nothing; forgotten after 1m5s", ""},
		{"never", func(p *service.RestartPolicy) { p.When = service.RestartNever }, "none", ""},
		{"always", func(p *service.RestartPolicy) { p.When = service.RestartAlways }, "restart after 1s, 2s, 4s, 5s, 5s, then nothing; forgotten after 1m5s", ""},
		{"without a limit", func(p *service.RestartPolicy) { p.Limit = 0 }, "restart after 1s, 2s, 4s, 5s, and so on; forgotten after 1m5s", ""},
		{"even", func(p *service.RestartPolicy) { p.Limit, p.Factor = 0, 1 }, "restart after 1s, and so on; forgotten after 1m1s", ""},
		{"at once", func(p *service.RestartPolicy) { p.Limit, p.Delay = 1, 0 }, "restart after 0s, then nothing; forgotten after 1m0s", ""},
		{"a fraction", func(p *service.RestartPolicy) { p.Limit, p.Delay = 1, 1500*time.Microsecond }, "restart after 2ms, then nothing; forgotten after 1m1s", ""},
		{
			"healthy", func(p *service.RestartPolicy) { p.Limit, p.Healthy = 1, 10*time.Second }, "restart after 1s, then nothing; forgotten after 11s",
			"restart.window 1m0s: failures are forgotten after restart.resetAfter, 10s",
		},
		{"jitter", func(p *service.RestartPolicy) { p.Limit, p.Jitter = 1, 0.1 }, "restart after 1s, then nothing; forgotten after 1m1s", "restart.jitter 0.1: delays are exact"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := policy
			tt.change(&p)
			r, missing := RecoveryOf(p)
			if r.String() != tt.want || strings.Join(missing, "; ") != tt.missing {
				t.Errorf("%s, missing %q", r, missing)
			}
			if back, err := ParseRecovery(r.String()); err != nil || back.String() != r.String() || back.GiveUp != r.GiveUp || back.Reset != r.Reset {
				t.Errorf("read back as %+v, %v", back, err)
			}
		})
	}
}

func TestRecoveryIsBounded(t *testing.T) {
	r, missing := RecoveryOf(service.RestartPolicy{When: service.RestartAlways, Delay: time.Hour, Factor: 1e9, Limit: 100_000, Window: time.Hour})
	if len(r.Delays) > maxActions || r.GiveUp || len(missing) != 1 {
		t.Errorf("%d actions, gives up %v, missing %q", len(r.Delays), r.GiveUp, missing)
	}
	for _, d := range r.Delays {
		if d < 0 || d/time.Millisecond > 1<<32-1 {
			t.Errorf("a delay of %d ms is no DWORD", d/time.Millisecond)
		}
	}
}

func TestParseRecoveryOfOthers(t *testing.T) {
	for _, s := range []string{"something else: see the Services console", "restart after 1s", "restart after x; forgotten after 1s", "restart after 1s; forgotten after never"} {
		if _, err := ParseRecovery(s); err == nil {
			t.Errorf("%q was read", s)
		}
	}
}

func TestAccount(t *testing.T) {
	tests := []struct {
		name       string
		want       string
		privileged bool
		password   bool
	}{
		{"", `NT SERVICE\apex-x`, false, false},
		{"virtual", `NT SERVICE\apex-x`, false, false},
		{"LocalService", LocalService, false, false},
		{`nt authority\localservice`, LocalService, false, false},
		{`NT AUTHORITY\NetworkService`, NetworkService, false, false},
		{"LocalSystem", LocalSystem, true, false},
		{`NT AUTHORITY\SYSTEM`, LocalSystem, true, false},
		{"alice", `.\alice`, true, true},
		{`CORP\alice`, `CORP\alice`, true, true},
		{"alice@corp.example", "alice@corp.example", true, true},
		{`CORP\gmsa$`, `CORP\gmsa$`, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := Account(tt.name, "apex-x")
			if got != tt.want || Privileged(got) != tt.privileged || NeedsPassword(got) != tt.password {
				t.Errorf("%q, privileged %v, needs a password %v", got, Privileged(got), NeedsPassword(got))
			}
		})
	}
}

func TestWriter(t *testing.T) {
	const programFiles = "O:S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464D:PAI(A;;FA;;;S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464)" +
		"(A;CIIO;GA;;;S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464)(A;;0x1301bf;;;SY)(A;OICIIO;GA;;;SY)(A;;0x1301bf;;;BA)(A;OICIIO;GA;;;BA)" +
		"(A;;0x1200a9;;;BU)(A;OICIIO;GXGR;;;BU)(A;OICIIO;GA;;;CO)(A;;0x1200a9;;;AC)"
	const alice = "S-1-5-21-1-2-3-1001"
	tests := []struct {
		name   string
		sddl   string
		rights uint32
		want   string
	}{
		{"Program Files", programFiles, OfParent, ""},
		{"Program Files, a program in it", programFiles, OfFile, ""},
		{"the root of a volume", "O:BAG:SYD:PAI(A;;LC;;;AU)(A;OICIIO;SDGXGWGR;;;AU)(A;;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;BU)", OfParent, ""},
		{"a project in the root of a volume", "O:BAD:(A;OICIID;FA;;;BA)(A;OICIID;FA;;;SY)(A;ID;0x1301bf;;;AU)", OfDir, "AU"},
		{"a user's own", "O:" + alice + "G:DUD:(A;;FA;;;" + alice + ")(A;;FA;;;SY)", OfFile, alice},
		{"owned by a user, who may change the list", "O:" + alice + "D:(A;;FA;;;SY)", OfFile, alice},
		{"everybody writes", "O:BAD:(A;;FA;;;SY)(A;;FW;;;WD)", OfFile, "WD"},
		{"users may delete children", "O:BAD:(A;;DT;;;BU)", OfParent, "BU"},
		{"users may take it", "O:BAD:(A;;WO;;;BU)", OfFile, "BU"},
		{"users may read", "O:BAD:(A;;FRFX;;;BU)", OfDir, ""},
		{"users may add files above", "O:BAD:(A;;DCLC;;;BU)", OfParent, ""},
		{"only children", "O:BAD:(A;OICIIO;FA;;;BU)", OfDir, ""},
		{"denied", "O:BAD:(D;;FA;;;BU)(A;;FA;;;SY)", OfFile, ""},
		{"the built-in administrator", "O:S-1-5-21-1-2-3-500D:(A;;FA;;;S-1-5-21-1-2-3-500)", OfFile, ""},
		{"no list", "O:BA", OfFile, "everybody"},
		{"no access control", "O:BAD:NO_ACCESS_CONTROL", OfFile, "everybody"},
		{"an empty list", "O:BAD:", OfFile, "everybody"},
		{"a right nobody knows", "O:BAD:(A;;ZZ;;;BU)", OfFile, "BU"},
		{"rights that cannot be read", "O:BAD:(A;;0xzz;;;BU)", OfFile, "BU"},
		{"a conditional entry", `O:BAD:(XA;;FA;;;BU;(@User.x == "y"))`, OfFile, "BU"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Writer(tt.sddl, tt.rights); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestOwner(t *testing.T) {
	line := func(args ...string) string { return CommandLine(append([]string{`C:\apexd.exe`}, args...)) }
	tests := []struct {
		name, line      string
		project, daemon string
		ours            bool
	}{
		{"ours", line("run", "--keeper", "windows", "--scope", "system", "--service", "apex-x", "--project", `C:\my shop\`, "--name", "web"), `C:\my shop\`, "web", true},
		{"of another name", line("run", "--keeper", "windows", "--service", "apex-y", "--project", "C:\\"), `C:\`, "", false},
		{"somebody's", `C:\Windows\system32\svchost.exe -k netsvcs`, "", "", false},
		{"a prefix", line("run", "--keeper"), "", "", false},
		{"nothing", "", "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, d, ours := Definition{Name: "apex-x", ImagePath: tt.line}.Owner()
			if p != tt.project || d != tt.daemon || ours != tt.ours {
				t.Errorf("%q, %q, %v", p, d, ours)
			}
		})
	}
}

// TestNoticeMask: it asks for every state but the one that there is, of which the SCM would tell at once.
func TestNoticeMask(t *testing.T) {
	for last, want := range map[State]uint32{0: 0x7f, Stopped: 0x7e, StartPending: 0x7d, StopPending: 0x7b, Running: 0x77, Paused: 0x3f, 99: 0x7f} {
		if got := noticeMask(last); got != want {
			t.Errorf("%s: %#x, want %#x", last, got, want)
		}
	}
}
