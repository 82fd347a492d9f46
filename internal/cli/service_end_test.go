package cli

import (
	"errors"
	"strings"
	"testing"

	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/service"
)

// TestEndOf: the Service Control Manager starts again after every end but the zero one.
func TestEndOf(t *testing.T) {
	seven := &supervise.ExitError{Exit: service.Exit{Code: 7}}
	tests := []struct {
		name           string
		err            error
		asked, awaited bool
		policy         service.RestartWhen
		want           winsvc.End
		event          winsvc.EventID
	}{
		{"stopped", nil, true, false, service.RestartAlways, winsvc.End{}, winsvc.EventStopped},
		{"stopped, and the workload failed then", seven, true, false, service.RestartAlways, winsvc.End{}, winsvc.EventStopped},
		{"work done", nil, false, false, service.RestartOnFailure, winsvc.End{}, winsvc.EventStopped},
		{"work done, to be done again", nil, false, false, service.RestartAlways, winsvc.End{Again: true}, winsvc.EventStopped},
		{"failed", seven, false, false, service.RestartOnFailure, winsvc.End{Specific: 7}, winsvc.EventFailed},
		{"failed while somebody waits", seven, false, true, service.RestartOnFailure, winsvc.End{}, winsvc.EventNotReady},
		{"done while somebody waits", nil, false, true, service.RestartAlways, winsvc.End{}, winsvc.EventStopped},
		{"configuration", &service.Error{Code: service.CodeConfigInvalid}, false, false, service.RestartAlways, winsvc.End{}, winsvc.EventConfig},
		{"another instance", &service.Error{Code: service.CodeAlreadyRunning}, false, false, service.RestartAlways, winsvc.End{}, winsvc.EventRunning},
		{"a status of 32 bits", &supervise.ExitError{Exit: service.Exit{Code: 0xC0000005}}, false, false, service.RestartNever, winsvc.End{Specific: 0xC0000005}, winsvc.EventFailed},
		{"anything else", errors.New("x"), false, false, service.RestartOnFailure, winsvc.End{Specific: 1}, winsvc.EventFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			end, id := endOf(tt.err, tt.asked, tt.awaited, tt.policy)
			if end != tt.want || id != tt.event {
				t.Errorf("%+v, event %d", end, id)
			}
		})
	}
}

func TestReadPassword(t *testing.T) {
	for in, want := range map[string]string{"a b\r\nx": "a b", "p\n": "p", "p": "p"} {
		if got, err := readPassword(strings.NewReader(in)); got != want || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	if _, err := readPassword(strings.NewReader("\n")); err == nil {
		t.Error("an empty password")
	}
}

// TestEventOf: who and where is said also when the configuration could not be read.
func TestEventOf(t *testing.T) {
	tests := []struct {
		name          string
		daemon, where string
		err           error
		says          []string
	}{
		{"ready", "web", `C:\shop`, nil, []string{`The daemon web of C:\shop`}},
		{"before anything is known", "", "", errors.New("no such directory"), []string{"The daemon daemon of a project that it could not find", "no such directory"}},
		{
			"with a hint", "web", `C:\shop`, &service.Error{Op: "start daemon", Code: service.CodeConfigInvalid, Err: errors.New("line 3"), Hint: "mend it"},
			[]string{"line 3", "mend it"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := eventOf(winsvc.EventConfig, tt.daemon, tt.where, "", tt.err).Text()
			for _, part := range tt.says {
				if !strings.Contains(text, part) {
					t.Errorf("no %q in %s", part, text)
				}
			}
		})
	}
}
