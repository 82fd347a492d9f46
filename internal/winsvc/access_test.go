package winsvc

import "testing"

// TestServiceSID: Windows' own TrustedInstaller, whose SID is in every access list of System32.
func TestServiceSID(t *testing.T) {
	const want = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
	for _, name := range []string{"TrustedInstaller", "trustedinstaller"} {
		if got := ServiceSID(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestGranted(t *testing.T) {
	const sid = "S-1-5-80-1-2-3-4-5"
	tests := []struct {
		name           string
		sddl           string
		granted, named bool
	}{
		{"as we grant it", "O:BAG:SYD:AI(A;OICI;0x1301bf;;;" + sid + ")(A;OICIID;FA;;;SY)", true, true},
		{"everything", "O:BAD:(A;OICI;FA;;;" + sid + ")", true, true},
		{"by letters", "O:BAD:(A;OICI;FRFWFXSD;;;" + sid + ")", true, true},
		{"the directory alone", "O:BAD:(A;;0x1301bf;;;" + sid + ")", false, true},
		{"files alone", "O:BAD:(A;OI;0x1301bf;;;" + sid + ")", false, true},
		{"what is in it alone", "O:BAD:(A;OICIIO;0x1301bf;;;" + sid + ")", false, true},
		{"inherited", "O:BAD:(A;OICIID;0x1301bf;;;" + sid + ")", false, false},
		{"read only", "O:BAD:(A;OICI;0x1200a9;;;" + sid + ")", false, true},
		{"denied", "O:BAD:(D;OICI;0x1301bf;;;" + sid + ")", false, true},
		{"rights that cannot be read", "O:BAD:(A;OICI;0xzz;;;" + sid + ")", false, true},
		{"another one", "O:BAD:(A;OICI;0x1301bf;;;" + sid + "6)", false, false},
		{"nobody", "O:BAD:", false, false},
		{"no list", "O:BA", true, false},
		{"no access control", "O:BAD:NO_ACCESS_CONTROL", true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Granted(tt.sddl, sid); got != tt.granted {
				t.Errorf("granted: %v", got)
			}
			if got := Named(tt.sddl, sid); got != tt.named {
				t.Errorf("named: %v", got)
			}
		})
	}
}

func TestMayExecute(t *testing.T) {
	const sid, alice = "S-1-5-80-1-2-3-4-5", "S-1-5-21-1-2-3-1001"
	tests := []struct {
		name string
		sddl string
		want bool
	}{
		{"Program Files", "O:BAD:(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;0x1200a9;;;BU)", true},
		{"a user's profile", "O:" + alice + "D:(A;ID;FA;;;SY)(A;ID;FA;;;BA)(A;ID;FA;;;" + alice + ")", false},
		{"read, and execute", "O:BAD:(A;;FR;;;WD)(A;;FX;;;SU)", true},
		{"read alone", "O:BAD:(A;;FR;;;WD)", false},
		{"it alone", "O:BAD:(A;;FA;;;" + sid + ")", true},
		{"all services", "O:BAD:(A;;FRFX;;;S-1-5-80-0)", true},
		{"only children", "O:BAD:(A;OICIIO;FA;;;BU)", false},
		{"nobody", "O:BAD:", false},
		{"no list", "O:BA", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := MayExecute(tt.sddl, sid); got != tt.want {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestShared(t *testing.T) {
	for account, want := range map[string]bool{LocalService: true, NetworkService: true, LocalSystem: false, VirtualAccount("x"): false, `.\alice`: false} {
		if got := Shared(account); got != want {
			t.Errorf("%s: %v", account, got)
		}
	}
}
