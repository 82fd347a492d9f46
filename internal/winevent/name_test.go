package winevent

import (
	"strings"
	"testing"
)

func TestName(t *testing.T) {
	base := Name(`C:\src\shop\.apex\daemon.pid`, 4711, "133500000000000000", Stop)
	if want := "apexd-4711-"; !strings.HasPrefix(base, want) || !strings.HasSuffix(base, "-stop") {
		t.Errorf("Name = %q", base)
	}
	tests := []struct {
		name        string
		path        string
		pid         int
		start, verb string
		same        bool
	}{
		{"itself", `C:\src\shop\.apex\daemon.pid`, 4711, "133500000000000000", Stop, true},
		{"case of the path", `c:\SRC\Shop\.apex\daemon.pid`, 4711, "133500000000000000", Stop, true},
		{"another daemon of the process", `C:\src\shop\.apex\web.pid`, 4711, "133500000000000000", Stop, false},
		{"another PID", `C:\src\shop\.apex\daemon.pid`, 4712, "133500000000000000", Stop, false},
		{"the PID's next process", `C:\src\shop\.apex\daemon.pid`, 4711, "133500000000000001", Stop, false},
		{"another verb", `C:\src\shop\.apex\daemon.pid`, 4711, "133500000000000000", Kill, false},
		{"path and start do not run together", `C:\src\shop\.apex\daemon.pid1`, 4711, "33500000000000000", Stop, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Name(tt.path, tt.pid, tt.start, tt.verb); (got == base) != tt.same {
				t.Errorf("Name = %q, want same as %q: %v", got, base, tt.same)
			}
		})
	}
}

// FuzzName: whatever the path is, the name is one the object manager takes, in one directory (a backslash would name another) and below MAX_PATH.
func FuzzName(f *testing.F) {
	f.Add(`C:\a\.apex\daemon.pid`, 4, "1")
	f.Add(strings.Repeat(`\\?\`, 4000), 1<<31-1, `..\..`)
	f.Fuzz(func(t *testing.T, path string, pid int, start string) {
		name := Name(path, pid, start, Stop)
		if len(name) > 64 || strings.ContainsAny(name, "\\/\x00") {
			t.Errorf("Name(%q, %d, %q) = %q", path, pid, start, name)
		}
	})
}
