package proc

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// statTail is fields 4 to 24 with PPID 1, group 2, session 3, one thread and start 109189.
const statTail = " 1 2 3 0 -1 4194304 99 0 0 0 0 0 0 0 20 0 1 0 109189 3133440 360"

func TestParseStat(t *testing.T) {
	rows := []struct {
		name, in, comm string
		zombie         bool
	}{
		{"plain", "77 (cat) R" + statTail + "\n", "cat", false},
		{"space", "77 (tmux: server) S" + statTail, "tmux: server", false},
		{"parentheses", "77 ((sd-pam)) S" + statTail, "(sd-pam)", false},
		{"looks like the end", "77 (a) Z 9 9 9) S" + statTail, "a) Z 9 9 9", false},
		{"newline", "77 (a\nb) S" + statTail, "a\nb", false},
		{"empty", "77 () S" + statTail, "", false},
		{"not UTF-8", "77 (\xff) S" + statTail, "\xff", false},
		{"zombie", "77 (x) Z" + statTail, "x", true},
		{"dead", "77 (x) X" + statTail, "x", true},
		{"first thread ended, another runs", "77 (x) Z" + strings.Replace(statTail, "20 0 1 0", "20 0 2 0", 1), "x", false},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			s, err := parseStat([]byte(r.in))
			if err != nil {
				t.Fatal(err)
			}
			if s.pid != 77 || s.ppid != 1 || s.pgid != 2 || s.sid != 3 || s.start != "109189" {
				t.Errorf("got %+v", s)
			}
			if s.name != r.comm || s.zombie() != r.zombie {
				t.Errorf("name %q, zombie %v; want %q, %v", s.name, s.zombie(), r.comm, r.zombie)
			}
			if s.sinceBoot != 1091890*time.Millisecond {
				t.Errorf("since boot: %v", s.sinceBoot)
			}
		})
	}
}

func TestParseStatRefuses(t *testing.T) {
	rows := map[string]string{
		"empty":                "",
		"no name":              "77 cat R" + statTail,
		"parenthesis reversed": "77 )cat( R" + statTail,
		"no PID":               "(cat) R" + statTail,
		"PID is no number":     "x7 (cat) R" + statTail,
		"PID too large":        "99999999999 (cat) R" + statTail,
		"cut short":            "77 (cat) R 1 2 3 0 -1",
		"state of two letters": "77 (cat) RR" + statTail,
		"start is no number":   "77 (cat) R" + strings.Replace(statTail, "109189", "never", 1),
		"start is negative":    "77 (cat) R" + strings.Replace(statTail, "109189", "-1", 1),
		"start overflows":      "77 (cat) R" + strings.Replace(statTail, "109189", "18446744073709551615", 1),
		"group is no number":   "77 (cat) R" + strings.Replace(statTail, " 2 3", " ? 3", 1),
	}
	for name, in := range rows {
		t.Run(name, func(t *testing.T) {
			if s, err := parseStat([]byte(in)); err == nil {
				t.Errorf("accepted: %+v", s)
			}
		})
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("77 (cat) R" + statTail))
	f.Add([]byte("1 (a) Z 9 9 9) S" + statTail))
	f.Add([]byte("1 (\n)) S" + statTail))
	f.Add([]byte(")("))
	f.Add([]byte("1 ()"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseStat(b)
		if err == nil && (s.sinceBoot < 0 || s.start == "") {
			t.Errorf("%q: %+v", b, s)
		}
	})
}

// FuzzStatName: whatever a process calls itself, its other fields are read right.
func FuzzStatName(f *testing.F) {
	f.Add("cat")
	f.Add(") Z 1 2 3")
	f.Add("((\n")
	f.Fuzz(func(t *testing.T, name string) {
		s, err := parseStat([]byte("77 (" + name + ") S" + statTail))
		if err != nil || s.name != name || s.pid != 77 || s.start != "109189" || s.state != 'S' {
			t.Errorf("%q: %+v, %v", name, s, err)
		}
	})
}

// FuzzParsePIDs: what is no PID is left out, and nothing is made up.
func FuzzParsePIDs(f *testing.F) {
	f.Add([]byte("12 345 "))
	f.Add([]byte("0 -1 x 99999999999 +7 7"))
	f.Fuzz(func(t *testing.T, b []byte) {
		pids := parsePIDs(b)
		if len(pids) > len(b) || slices.ContainsFunc(pids, func(pid int) bool { return pid <= 0 }) {
			t.Errorf("%q: %v", b, pids)
		}
	})
}

func TestParsePIDs(t *testing.T) {
	rows := []struct {
		name, in string
		want     []int
	}{
		{"none", "", nil},
		{"the kernel's form", "12 345 ", []int{12, 345}},
		{"what is no PID", "0 -1 x 99999999999 7", []int{7}},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			if got := parsePIDs([]byte(r.in)); !slices.Equal(got, r.want) {
				t.Errorf("got %v, want %v", got, r.want)
			}
		})
	}
}

func TestHasEnv(t *testing.T) {
	const environ = "A=1\x00B=\x00C=x=y\x00A=2\x00"
	rows := []struct {
		name string
		kv   []string
		want bool
	}{
		{"one", []string{"A=1"}, true},
		{"all", []string{"C=x=y", "A=1", "B="}, true},
		{"one missing", []string{"A=1", "D=1"}, false},
		{"part of a value", []string{"C=x"}, false},
		{"end of another", []string{"=1"}, false},
		{"key only", []string{"A"}, false},
		{"other case", []string{"a=1"}, false},
		{"across two", []string{"A=1\x00B="}, false},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			if got := hasEnv([]byte(environ), r.kv); got != r.want {
				t.Errorf("hasEnv(%q) = %v", r.kv, got)
			}
		})
	}
}

func FuzzHasEnv(f *testing.F) {
	f.Add([]byte("A=1\x00B=2\x00"), "A=1")
	f.Add([]byte("A=1"), "A=1")
	f.Fuzz(func(t *testing.T, environ []byte, kv string) {
		if strings.ContainsRune(kv, 0) {
			return
		}
		want := strings.Contains("\x00"+string(environ)+"\x00", "\x00"+kv+"\x00")
		if got := hasEnv(environ, []string{kv}); got != want {
			t.Errorf("hasEnv(%q, %q) = %v", environ, kv, got)
		}
	})
}

const locks = `1: POSIX  ADVISORY  WRITE 700 08:01:2097217 0 EOF
2: FLOCK  ADVISORY  WRITE 708 08:01:2097217 0 EOF
2: -> FLOCK  ADVISORY  WRITE 709 08:01:2097217 0 EOF
3: FLOCK  ADVISORY  READ  710 fd:1a:5 0 EOF
4: -> FLOCK  ADVISORY  WRITE 711 08:01:6 0 EOF
5: OFDLCK ADVISORY  WRITE -1 08:01:7 0 EOF
6: FLOCK  ADVISORY  WRITE 0 08:01:8 0 EOF
7: FLOCK  ADVISORY  WRITE 0 08:01:9 0 EOF
8: FLOCK  ADVISORY  WRITE 712 08:01:9 0 EOF
9: FLOCK
10: FLOCK  ADVISORY  WRITE 713 08:01 0 EOF
11: FLOCK  ADVISORY  WRITE 714 zz:01:10 0 EOF
`

func TestParseLocks(t *testing.T) {
	rows := []struct {
		name         string
		major, minor uint32
		inode        uint64
		pid          int
	}{
		{"holder, not the waiter nor a POSIX lock", 8, 1, 2097217, 708},
		{"device in hexadecimal", 0xfd, 0x1a, 5, 710},
		{"only a waiter", 8, 1, 6, 0},
		{"open file description lock", 8, 1, 7, 0},
		{"holder in another PID namespace", 8, 1, 8, 0},
		{"one holder visible", 8, 1, 9, 712},
		{"other device", 8, 2, 2097217, 0},
		{"other inode", 8, 1, 1, 0},
		{"malformed device", 0, 1, 10, 0},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			pid, ok := parseLocks([]byte(locks), r.major, r.minor, r.inode)
			if pid != r.pid || ok != (r.pid != 0) {
				t.Errorf("got %d, %v; want %d", pid, ok, r.pid)
			}
		})
	}
}

func FuzzParseLocks(f *testing.F) {
	f.Add([]byte(locks))
	f.Add([]byte("1: FLOCK ADVISORY WRITE 1 08:01:2097217"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if pid, ok := parseLocks(b, 8, 1, 2097217); ok != (pid > 0) {
			t.Errorf("%d, %v", pid, ok)
		}
	})
}
