package supervise

import (
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/service"
)

func TestWindowsExit(t *testing.T) {
	at := time.Date(2026, 11, 24, 1, 2, 3, 0, time.UTC)
	tests := []struct {
		name          string
		code          uint32
		asked, killed bool
		want          service.Exit
		shell         int
	}{
		{"good end", 0, false, false, service.Exit{}, 0},
		{"good end after a request", 0, true, false, service.Exit{}, 0},
		{"failure", 3, false, false, service.Exit{Code: 3}, 3},
		{"crash", 0xC0000005, false, false, service.Exit{Code: windowsCode(0xC0000005)}, windowsCode(0xC0000005)},
		{"killed by us", 137, true, true, service.Exit{Code: -1, Signal: "SIGKILL"}, 137},
		{"exits with 137 by itself", 137, true, false, service.Exit{Code: 137}, 137},
		{"ended by itself before the kill came", 4, true, true, service.Exit{Code: 4}, 4},
		{"killed by somebody else", 1, false, false, service.Exit{Code: 1}, 1},
		{"did not handle our Ctrl-Break", 0xC000013A, true, false, service.Exit{Code: -1, Signal: "SIGTERM"}, 143},
		{"did not handle a person's Ctrl-C", 0xC000013A, false, false, service.Exit{Code: windowsCode(0xC000013A)}, windowsCode(0xC000013A)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.At = at
			e := windowsExit(tt.code, tt.asked, tt.killed, at)
			if *e != tt.want {
				t.Errorf("windowsExit = %+v, want %+v", *e, tt.want)
			}
			if e.Signal != "" {
				if got := 128 + proc.SignalNumber(e.Signal); got != tt.shell {
					t.Errorf("a shell's status is %d, want %d", got, tt.shell)
				}
			} else if e.Code != tt.shell {
				t.Errorf("Code = %d, want %d", e.Code, tt.shell)
			}
		})
	}
}

// windowsCode is c as an int has it, which may be one of 32 bits.
func windowsCode(c uint32) int { return int(c) }

func TestStatusText(t *testing.T) {
	tests := []struct {
		name string
		code int
		want string
	}{
		{"good", 0, "0"},
		{"failure", 3, "3"},
		{"highest of Unix", 255, "255"},
		{"large, and no exception", 0x7FFFFFFF, "2147483647"},
		{"access violation", windowsCode(0xC0000005), "0xC0000005 (STATUS_ACCESS_VIOLATION)"},
		{"stack overflow", windowsCode(0xC00000FD), "0xC00000FD (STATUS_STACK_OVERFLOW)"},
		{"Ctrl-C", windowsCode(0xC000013A), "0xC000013A (STATUS_CONTROL_C_EXIT)"},
		{"no DLL", windowsCode(0xC0000135), "0xC0000135 (STATUS_DLL_NOT_FOUND)"},
		{"abort", windowsCode(0xC0000409), "0xC0000409 (STATUS_STACK_BUFFER_OVERRUN)"},
		{"exception without a name here", windowsCode(0xE0434352), "0xE0434352"},
		{"exit(-1)", windowsCode(0xFFFFFFFF), "0xFFFFFFFF"},
		{"breakpoint, a warning", windowsCode(0x80000003), "0x80000003"},
		{"negative, as an int of 32 bits has it", -1073741819, "0xC0000005 (STATUS_ACCESS_VIOLATION)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := StatusText(tt.code); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
