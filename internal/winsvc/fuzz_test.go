package winsvc

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// FuzzArgv: any command line of the registry is taken apart, and one that we write is read back.
func FuzzArgv(f *testing.F) {
	for _, s := range []string{``, `"C:\Program Files\a.exe" run`, `x a\\\"b c d`, `x "a""b" c`, `"x`, "\t\"\\\\\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		argv := Argv(line)
		if len(argv) == 0 || strings.Contains(argv[0], `"`) { // no file's name has a quote
			return
		}
		if again := Argv(CommandLine(argv)); !slices.Equal(again, argv) {
			t.Errorf("%q is %q, and written and read again %q", line, argv, again)
		}
	})
}

// FuzzParseRecovery: what was read is written in a form that is read as the same.
func FuzzParseRecovery(f *testing.F) {
	for _, s := range []string{"", "none", "restart after 1s, 2s, then nothing; forgotten after 1m4s", "restart after 1s, and so on; forgotten after 1s", "; forgotten after -1ns", "restart after "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRecovery(s)
		if err != nil {
			return
		}
		if again, err := ParseRecovery(r.String()); err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%q is %+v, and written and read again %+v, %v", s, r, again, err)
		}
	})
}

// FuzzAccess: whatever a security descriptor says, who may do more is not told to be able to do less.
func FuzzAccess(f *testing.F) {
	for _, s := range []string{
		"", "D:", "O:BAG:SYD:(A;;FA;;;SY)", "D:NO_ACCESS_CONTROL", "O:S-1-5-21-1-2-3-1001G:BAD:PAI(A;OICI;0x1301bf;;;S-1-5-80-1-2-3-4-5)(A;OICIIO;GA;;;CO)S:AI",
		"D:(", "D:(A;;0xzz;;;WD)", "D:(A;;;;;)", "S:(ML;;NW;;;LW)D:(A;;FA;;;WD)",
	} {
		f.Add(s, "S-1-5-80-1-2-3-4-5")
	}
	f.Fuzz(func(t *testing.T, sddl, sid string) {
		if Granted(sddl, sid) && !unlimited(sddl) && !Named(sddl, sid) {
			t.Errorf("%q grants %q what it does not name", sddl, sid)
		}
		if !MayExecute(sddl, sid) && unlimited(sddl) {
			t.Errorf("%q has no list and %q may not execute", sddl, sid)
		}
		if Writer(sddl, OfFile) == "" && Writer(sddl, OfParent&OfFile) != "" {
			t.Errorf("%q lets nobody write the file and somebody with fewer rights", sddl)
		}
	})
}
