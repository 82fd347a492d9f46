package footprint

import (
	"os"
	"reflect"
	"runtime"
	"testing"
)

func TestFileMappings(t *testing.T) {
	const exe = "/opt/a b/apexd"
	maps := `00400000-007a3000 r-xp 00000000 fe:00 1234    /opt/a b/apexd
007a3000-00b99000 r--p 003a3000 fe:00 1234    /opt/a b/apexd
00b99000-00bda000 rw-p 00799000 fe:00 1234    /opt/a b/apexd
00c00000-00d00000 r-xp 00000000 fe:00 1235    /usr/lib/libc.so.6
00d00000-00e00000 r-xp 00000000 fe:00 1235    /tmp/opt/a b/apexd
nonsense
zzz-yyy r-xp 00000000 fe:00 1234    /opt/a b/apexd
00b00000-00a00000 r-xp 00000000 fe:00 1234    /opt/a b/apexd
7fff0000-7fff1000 r-xp 00000000 00:00 0
`
	want := []mapping{{0x400000, 0x3a3000}, {0x7a3000, 0x3f6000}}
	if got := fileMappings(maps, exe); !reflect.DeepEqual(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

// TestTrim: the program goes on, its constants and code are read again, and on Linux it is mapped where the parser finds it.
func TestTrim(t *testing.T) {
	Trim()
	if s := os.Args[0] + " goes on"; len(s) == 0 {
		t.Fatal("unreachable")
	}
	if runtime.GOOS != "linux" {
		return
	}
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Skipf("no /proc here: %v", err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	if len(fileMappings(string(maps), exe)) == 0 {
		t.Errorf("the program is not found in its own maps:\n%s", maps)
	}
}

func FuzzFileMappings(f *testing.F) {
	f.Add("00400000-007a3000 r-xp 0 fe:00 1 /x", "/x")
	f.Fuzz(func(_ *testing.T, maps, exe string) { fileMappings(maps, exe) })
}
