package launchd

import (
	"strconv"
	"testing"
)

func FuzzParseList(f *testing.F) {
	f.Add("{\n\t\"LastExitStatus\" = 256;\n\t\"PID\" = 321;\n};\n")
	f.Add("{\n\t\"PID\" = 99999999999999999999;\n\t\"LastExitStatus\" = -9;\n}\n}\n{")
	f.Fuzz(func(t *testing.T, text string) {
		j, ok := parseList(text)
		if j.PID < 0 || j.ExitCode < 0 || j.State == "" || !ok && j != (Job{State: StateNotRunning}) {
			t.Errorf("%+v, %t of %q", j, ok, text)
		}
	})
}

func FuzzParseDisabled(f *testing.F) {
	f.Add("disabled services = {\n\t\"a.b\" => true\n}\n", "a.b")
	f.Add("\"\\\"\" => disabled", `"`)
	f.Fuzz(func(t *testing.T, text, label string) {
		line := strconv.Quote(label) + " => "
		_ = parseDisabled(text, label) // must not panic
		if !parseDisabled(line+"disabled\n"+text, label) || parseDisabled(line+"enabled\n"+text, label) {
			t.Errorf("the first line about %q does not count before %q", label, text)
		}
	})
}

func FuzzNumber(f *testing.F) {
	f.Add(1, "Bootstrap failed: 5: Input/output error")
	f.Add(1, ": : -1: 99999999999999999999")
	f.Add(113, "Could not find service \"x\" in domain for port")
	f.Fuzz(func(t *testing.T, status int, said string) {
		n := number(status, said)
		if status != statusPermission && n != status || status == statusPermission && n <= 0 {
			t.Errorf("%d of %d and %q", n, status, said)
		}
		_ = (&Error{Verb: "print", Status: n, Said: said}).Error()
	})
}
