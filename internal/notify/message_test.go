package notify

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func text(s string) *string { return &s }

func micros(n int64) *time.Duration {
	d := time.Duration(n) * time.Microsecond
	return &d
}

func TestParse(t *testing.T) {
	forever := time.Duration(math.MaxInt64)
	tests := []struct {
		name string
		in   string
		want Message
	}{
		{"empty", "", Message{}},
		{"ready", "READY=1", Message{Ready: true}},
		{"trailing newline", "READY=1\n", Message{Ready: true}},
		{"trailing NUL", "READY=1\x00", Message{Ready: true}},
		{"not ready", "READY=0", Message{}},
		{"only 1 means yes", "READY=yes\nSTOPPING=true\nRELOADING=11\nWATCHDOG=2\nBARRIER=", Message{}},
		{"keys are case sensitive", "ready=1\nReady=1", Message{}},
		{"no space around the key", " READY=1\nSTOPPING =1", Message{}},
		{"reload", "RELOADING=1\nMONOTONIC_USEC=123456", Message{Reloading: true, Monotonic: micros(123456)}},
		{"stop", "STOPPING=1\nSTATUS=bye", Message{Stopping: true, Status: text("bye")}},
		{"ping", "WATCHDOG=1", Message{Watchdog: true}},
		{"trigger", "WATCHDOG=trigger", Message{WatchdogTrigger: true}},
		{"the last watchdog counts", "WATCHDOG=trigger\nWATCHDOG=1", Message{Watchdog: true}},
		{"the last value counts", "STATUS=a\nREADY=1\nSTATUS=b\nREADY=0", Message{Status: text("b")}},
		{"empty status", "STATUS=", Message{Status: text("")}},
		{"status with equals signs", "STATUS=a=b=c", Message{Status: text("a=b=c")}},
		{"interval", "WATCHDOG_USEC=20000000", Message{NewWatchdog: micros(20000000)}},
		{"interval off", "WATCHDOG_USEC=0", Message{NewWatchdog: micros(0)}},
		{"extend", "EXTEND_TIMEOUT_USEC=5", Message{ExtendTimeout: micros(5)}},
		{"more than a Duration holds", "EXTEND_TIMEOUT_USEC=18446744073709551615", Message{ExtendTimeout: &forever}},
		{"error number", "ERRNO=2", Message{Errno: 2}},
		{"barrier", "BARRIER=1", Message{Barrier: true}},
		{"descriptor store is ignored", "FDSTORE=1\nFDNAME=x\nFDSTOREREMOVE=1\nFDPOLL=0", Message{}},
		{"unknown keys and lines are ignored", "X_A=1\nnonsense\n=\n\n=1\nREADY=1", Message{Ready: true}},
		{"another main process", "READY=1\nMAINPID=1", Message{Ready: true, Rejected: []string{"the main process cannot be changed: MAINPID=1"}}},
		{"negative time", "WATCHDOG_USEC=-1", Message{Rejected: []string{"not a number of microseconds: WATCHDOG_USEC=-1"}}},
		{"time with a unit", "EXTEND_TIMEOUT_USEC=5s", Message{Rejected: []string{"not a number of microseconds: EXTEND_TIMEOUT_USEC=5s"}}},
		{"error number too big", "ERRNO=4096", Message{Rejected: []string{"not an error number: ERRNO=4096"}}},
		{"a bad value leaves the good one", "ERRNO=5\nERRNO=x", Message{Errno: 5, Rejected: []string{"not an error number: ERRNO=x"}}},
		{"a report cannot write to the terminal", "ERRNO=\x1b[2J\u202e", Message{Rejected: []string{"not an error number: ERRNO= [2J"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.UID = -1
			got, err := Parse([]byte(tt.in))
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("Parse(%q) = %+v, %v; want %+v", tt.in, got, err, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want error
	}{
		{"as long as allowed", append([]byte("READY=1\n"), bytes.Repeat([]byte("x"), maxDatagram-8)...), nil},
		{"one byte more", bytes.Repeat([]byte("x"), maxDatagram+1), ErrMalformed},
		{"NUL inside", []byte("READY=1\x00STATUS=x"), ErrMalformed},
		{"two NULs at the end", []byte("READY=1\x00\x00"), ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := Parse(tt.in)
			if !errors.Is(err, tt.want) {
				t.Errorf("Parse = %v, want %v", err, tt.want)
			}
			if err != nil && m.Ready {
				t.Error("a refused datagram has set Ready")
			}
		})
	}
}

func TestParseMainPIDOfSender(t *testing.T) {
	for value, rejected := range map[string]int{"77": 0, "78": 1, "077": 1, "": 1} {
		m, err := parse([]byte("MAINPID="+value), sender{pid: 77})
		if err != nil || len(m.Rejected) != rejected {
			t.Errorf("MAINPID=%s of 77: rejected %q, %v; want %d", value, m.Rejected, err, rejected)
		}
	}
}

func TestParseBoundsReports(t *testing.T) {
	m, err := Parse([]byte(strings.Repeat("ERRNO="+strings.Repeat("y", 150)+"\n", 20)))
	if err != nil || len(m.Rejected) != maxRejected {
		t.Fatalf("Parse reports %d problems, %v; want %d", len(m.Rejected), err, maxRejected)
	}
	if n := len(m.Rejected[0]); n > 128 {
		t.Errorf("one report has %d bytes", n)
	}
}

func TestCleanLine(t *testing.T) {
	tests := []struct {
		name, in string
		limit    int
		want     string
	}{
		{"plain", "serving 3 requests", 64, "serving 3 requests"},
		{"non-ASCII", "läuft — 100 %", 64, "läuft — 100 %"},
		{"escape sequence", "a\x1b[31mb\x07", 64, "a [31mb"},
		{"tab and CR", "a\tb\r", 64, "a b"},
		{"C1 control and line separator", "a\u009bb\u2028c", 64, "a b c"},
		{"right-to-left override", "a\u202eb", 64, "a b"},
		{"invalid UTF-8", "a\xff\xfeb", 64, "a\uFFFDb"},
		{"cut", "abcdef", 3, "abc"},
		{"cut before a rune", "abé", 3, "ab"},
		{"cut after a space", "ab cd", 3, "ab"},
		{"nothing fits", "é", 1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := cleanLine(tt.in, tt.limit); got != tt.want {
				t.Errorf("cleanLine(%q, %d) = %q, want %q", tt.in, tt.limit, got, tt.want)
			}
		})
	}
}

func TestMessageAdd(t *testing.T) {
	tests := []struct {
		name string
		in   []string
		want Message
	}{
		{"reload finished", []string{"RELOADING=1", "READY=1"}, Message{Ready: true}},
		{"reload began", []string{"READY=1", "RELOADING=1"}, Message{Reloading: true}},
		{"readiness is not lost", []string{"READY=1", "STATUS=a", "STATUS=b", "WATCHDOG=1"}, Message{Ready: true, Watchdog: true, Status: text("b")}},
		{"stopping stays", []string{"STOPPING=1", "READY=1"}, Message{Ready: true, Stopping: true}},
		{"trigger stays", []string{"WATCHDOG=trigger", "WATCHDOG=1"}, Message{Watchdog: true, WatchdogTrigger: true}},
		{"error stays", []string{"ERRNO=5", "STATUS=x"}, Message{Errno: 5, Status: text("x")}},
		{
			"later times",
			[]string{"WATCHDOG_USEC=1\nEXTEND_TIMEOUT_USEC=2", "WATCHDOG_USEC=3\nMONOTONIC_USEC=4"},
			Message{NewWatchdog: micros(3), ExtendTimeout: micros(2), Monotonic: micros(4)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got Message
			for i, datagram := range tt.in {
				m, err := parse([]byte(datagram), sender{pid: 10 + i, uid: 20 + i})
				if err != nil {
					t.Fatal(err)
				}
				got.add(m)
			}
			last := len(tt.in) - 1
			tt.want.PID, tt.want.UID = 10+last, 20+last
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("merged %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestMessageAddBoundsReports(t *testing.T) {
	var m Message
	for range 100 {
		n, _ := Parse([]byte("ERRNO=a\nERRNO=b\nERRNO=c"))
		m.add(n)
	}
	if len(m.Rejected) != maxRejected {
		t.Errorf("%d reports, want %d", len(m.Rejected), maxRejected)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"READY=1", "READY=1\nSTATUS=up\nMAINPID=5\n", "RELOADING=1\nMONOTONIC_USEC=1\n", "WATCHDOG_USEC=18446744073709551616",
		"STATUS=\xff\x1b[2J\u202e", "A\x00B", "ERRNO=-1", "=\n=\n", strings.Repeat("STATUS=é", 500),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		m, err := Parse(in)
		if !bytes.Equal(in, before) {
			t.Fatal("Parse changed its argument")
		}
		if (err != nil) != (len(in) > maxDatagram || bytes.IndexByte(bytes.TrimSuffix(in, []byte{0}), 0) >= 0) {
			t.Fatalf("Parse(%q): %v", in, err)
		}
		checkLines(t, m)
		for _, d := range []*time.Duration{m.NewWatchdog, m.ExtendTimeout, m.Monotonic} {
			if d != nil && *d < 0 {
				t.Fatalf("negative time %v", *d)
			}
		}
		if m.Errno < 0 || m.Errno > maxErrno || len(m.Rejected) > maxRejected {
			t.Fatalf("out of bounds: %+v", m)
		}
		if m.Ready && !bytes.Contains(in, []byte("READY=1")) {
			t.Fatalf("Ready from %q", in)
		}
	})
}

func checkLines(t *testing.T, m Message) {
	t.Helper()
	lines := m.Rejected
	if m.Status != nil {
		lines = append(lines, *m.Status)
	}
	for _, s := range lines {
		if !utf8.ValidString(s) || len(s) > maxStatus || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("not clean: %q", s)
		}
	}
}
