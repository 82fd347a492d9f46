package proc

import (
	"runtime"
	"testing"
)

func TestSystem(t *testing.T) {
	tests := []struct {
		name string
		id   Identity
		want string
	}{
		{"Linux", Identity{StartTime: "109189", BootID: "6f0c1d2e-1111-2222-3333-444455556666", PIDNamespace: "4026531836"}, "Linux"},
		{"Linux without namespaces", Identity{StartTime: "109189", BootID: "6f0c1d2e-1111-2222-3333-444455556666"}, "Linux"},
		{"Windows", Identity{StartTime: "134084736000000000"}, "Windows"},
		{"macOS", Identity{StartTime: "1763900000.123456", BootID: "AAAA-BBBB"}, "macOS"},
		{"FreeBSD", Identity{StartTime: "812.123456", BootID: "0a1b2c"}, "FreeBSD"},
		{"an old FreeBSD", Identity{StartTime: "812.123456"}, "FreeBSD"},
		{"too little", Identity{StartTime: "1"}, ""},
		{"nothing", Identity{}, ""},
		{"text", Identity{StartTime: "x"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.id.System(); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// TestOtherSystem: this process is of this system, and one kind at least is not.
func TestOtherSystem(t *testing.T) {
	self, err := Self()
	if err != nil {
		t.Skip(err)
	}
	names := map[string]string{"linux": "Linux", "windows": "Windows", "darwin": "macOS", "freebsd": "FreeBSD"}
	if got := self.Identity.System(); got != names[runtime.GOOS] {
		t.Errorf("this is %q, by %+v", got, self.Identity)
	}
	if got := self.Identity.OtherSystem(); got != "" {
		t.Errorf("this process is of %q", got)
	}
	other := Identity{StartTime: "134084736000000000"}
	if runtime.GOOS == "windows" {
		other = Identity{StartTime: "109189", BootID: "6f0c", PIDNamespace: "4026531836"}
	}
	if got := other.OtherSystem(); got != other.System() {
		t.Errorf("%q", got)
	}
}
