package install

import (
	"strings"
	"testing"
)

// FuzzOwnerOf: whatever stands in a unit, nobody is taken for its owner by half, and what ownership needs cannot be said outside of our own section.
func FuzzOwnerOf(f *testing.F) {
	f.Add("[Unit]\nDescription=x\n[" + ownSection + "]\nSchema=1\nProject=\"/src/a b\"\nName=daemon\n")
	f.Add("[" + ownSection + "]\nSchema=1\nProject=\"\\x\nName=\n")
	f.Add("Project=/x\nName=daemon\nSchema=1\r\n")
	f.Fuzz(func(t *testing.T, unit string) {
		o, ok := ownerOf(unit)
		if ok && (o.project == "" || o.name == "" || !strings.Contains(unit, "["+ownSection+"]")) {
			t.Errorf("%+v owns %q", o, unit)
		}
		if m, ok := ownerOfMark(unit); ok && (m.project == "" || m.name == "") {
			t.Errorf("%+v owns the script %q", m, unit)
		}
	})
}

// FuzzReadUnit: the program is found that commandLine has written, whatever else is in the unit.
func FuzzReadUnit(f *testing.F) {
	f.Add("/opt/a b/apexd", "User=x\n", "run")
	f.Add("/opt/%h$HOME/apexd", "ExecStart=\"", "--project=\"")
	f.Add("/", "", "")
	f.Fuzz(func(t *testing.T, program, before, arg string) {
		_ = readUnit(before + program + arg) // must not panic
		line, err := commandLine([]string{program, arg})
		if err != nil {
			return
		}
		if got := readUnit(before + "\nExecStart=" + line + "\n").Program; got != program {
			t.Errorf("%q is read from %q, want %q", got, line, program)
		}
	})
}
