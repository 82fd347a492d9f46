package launchd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The answers in testdata were captured by others on their machines and are public. They are shortened here, and names of people, programs and paths replaced.
//
//	print-mojave-running.txt            a weblog's "Understanding Mac specifics", 2019-11-29, macOS 10.14 (it says Mojave; Apple_PubSub_Socket_Render went with 10.15)
//	print-2026-agent-not-running.txt    github.com/tsgsz/openclaw-enhance, docs/reports/2026-03-24-session-cleanup-launchd-cutover-install-lifecycle.md
//	print-2026-daemon-running.txt       github.com/grimnir-sidskegg/iron-link, its tests of a daemon's service, 2026
//	print-2026-spawn-scheduled.txt      github.com/canyonroad/agentsh, tests of its system extension, captured 2026-08-05
//
// That a signal stands in place of the exit code ("last terminating signal = Segmentation fault: 11"), that an exit code may have a name ("78: EX_CONFIG"), that a job that was booted
// out is "SIGTERMed" until its process ends, and "pended nondemand spawn" are lines of many reports; the rows below that have no file are made of them.
func captured(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestParsePrint(t *testing.T) {
	job := func(lines string) string { return "gui/501/x = {\n" + lines + "\n}\n" }
	for _, row := range []struct {
		name, text string
		want       Job
		native     string
	}{
		{
			"macOS 10.14, running", captured(t, "print-mojave-running.txt"),
			Job{State: "running", PID: 3087, Runs: 1, Path: "(submitted by Electron.3066)"},
			"running",
		},
		{
			"2026, an agent that has ended", captured(t, "print-2026-agent-not-running.txt"),
			Job{State: "not running", Runs: 2, Exited: true, Path: "/Users/alice/Library/LaunchAgents/ai.example.monitor.plist"},
			"not running, last exit code 0",
		},
		{
			"2026, a daemon that runs", captured(t, "print-2026-daemon-running.txt"),
			Job{State: "running", PID: 10526, Runs: 1, Path: "/Library/LaunchDaemons/org.example.daemon.plist"},
			"running",
		},
		{
			"2026, one that fails again and again", captured(t, "print-2026-spawn-scheduled.txt"),
			Job{State: "spawn scheduled", Runs: 199773, Exited: true, ExitCode: 1, Path: "(submitted by smd[532])"},
			"spawn scheduled, last exit code 1",
		},
		{"an exit code with a name", job("\tstate = not running\n\tlast exit code = 78: EX_CONFIG"), Job{State: "not running", Exited: true, ExitCode: 78}, "not running, last exit code 78"},
		{"a signal", job("\tstate = spawn scheduled\n\tlast terminating signal = Killed: 9"), Job{State: "spawn scheduled", Exited: true, Signal: "Killed: 9"}, "spawn scheduled, last terminating signal Killed: 9"},
		{"booted out", job("\tstate = SIGTERMed\n\tpid = 7"), Job{State: "SIGTERMed", PID: 7}, "SIGTERMed"},
		{
			"held back", job("\tstate = not running\n\truns = 0\n\tpended nondemand spawn = inefficient\n\tlast exit code = (never exited)"),
			Job{State: "not running", Pended: "inefficient"},
			"not running, pended: inefficient",
		},
		{"not held back", job("\tstate = running\n\tpid = 8\n\tpended nondemand spawn = false"), Job{State: "running", PID: 8}, "running"},
		{"blanks for tabs", job("    state = running\n    environment = {\n        state = x\n    }\n    pid = 9"), Job{State: "running", PID: 9}, "running"},
		{"a later state", job("\tstate = running\n\tjob state = spawn failed\n\tstate = other"), Job{State: "running"}, "running"},
		{"an environment that looks like a job", job("\tenvironment = {\n\t\tpid = 1\n\t\tA => {\n\t\tpid = 1\n\t\t}\n\t}\n\tstate = running"), Job{State: "running"}, "running"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, ok := parsePrint(row.text)
			if !ok || got != row.want {
				t.Errorf("%+v, %t\nwant %+v", got, ok, row.want)
			}
			if n := got.Native(); n != row.native {
				t.Errorf("native %q, want %q", n, row.native)
			}
		})
	}
	for _, text := range []string{"", "nonsense\n", "gui/501/x = {\n\truns = 3\n}\n", "state = running\n"} {
		if j, ok := parsePrint(text); ok {
			t.Errorf("%q is %+v, want no job", text, j)
		}
	}
}

func FuzzParsePrint(f *testing.F) {
	f.Add("gui/501/x = {\n\tstate = running\n\tpid = 99999999999999999999\n}\n")
	f.Fuzz(func(t *testing.T, text string) {
		j, ok := parsePrint(text)
		if ok && (j.State == "" || j.PID < 0 || j.Runs < 0 || !strings.Contains(text, j.State)) {
			t.Errorf("%+v of %q", j, text)
		}
	})
}

func TestParseList(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       Job
	}{
		{
			"running", "{\n\t\"LimitLoadToSessionType\" = \"Aqua\";\n\t\"Label\" = \"x\";\n\t\"OnDemand\" = true;\n\t\"LastExitStatus\" = 0;\n\t\"PID\" = 321;\n\t\"ProgramArguments\" = (\n\t\t\"a\";\n\t);\n};\n",
			Job{State: StateRunning, PID: 321, Exited: true},
		},
		{"failed", "{\n\t\"LastExitStatus\" = 256;\n\t\"MachServices\" = {\n\t\t\"PID\" = 5;\n\t};\n};\n", Job{State: StateNotRunning, Exited: true, ExitCode: 1}},
		{"killed", "{\n\t\"LastExitStatus\" = 9;\n};\n", Job{State: StateNotRunning, Exited: true, Signal: "signal: 9"}},
	} {
		if got, ok := parseList(row.text); !ok || got != row.want {
			t.Errorf("%s: %+v, %t\nwant %+v", row.name, got, ok, row.want)
		}
	}
	if j, ok := parseList("PID\tStatus\tLabel\n"); ok {
		t.Errorf("a table is %+v", j)
	}
}

// TestParseDisabled has both forms: macOS 12 and older write true for what newer ones, seen on macOS 26, call disabled.
func TestParseDisabled(t *testing.T) {
	const old = "disabled services = {\n\t\"a.b\" => true\n\t\"c.d\" => false\n}\nlogin item associations = {\n}\n"
	const recent = "\tdisabled services = {\n\t\t\"a.b\" => disabled\n\t\t\"c.d\" => enabled\n\t}\n"
	for _, row := range []struct {
		name, text, label string
		want              bool
	}{
		{"older, disabled", old, "a.b", true},
		{"older, enabled", old, "c.d", false},
		{"newer, disabled", recent, "a.b", true},
		{"newer, enabled", recent, "c.d", false},
		{"not listed", recent, "e.f", false},
		{"a part of a label", recent, "a", false},
		{"nothing", "", "a.b", false},
	} {
		if got := parseDisabled(row.text, row.label); got != row.want {
			t.Errorf("%s: %t, want %t", row.name, got, row.want)
		}
	}
}
