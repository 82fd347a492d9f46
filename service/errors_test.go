package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"testing"
	"time"
)

func TestErrorText(t *testing.T) {
	tests := []struct {
		name string
		err  *Error
		want string
	}{
		{"code only", &Error{Op: "stop daemon", Code: CodeNotRunning}, "cannot stop daemon: not running"},
		{"cause", &Error{Op: "lock", Code: CodeLockFailed, Err: errors.New("disk on fire")}, "cannot lock: disk on fire"},
		{"path", &Error{Op: "lock", Code: CodeLockFailed, Path: "/p", Err: errors.New("disk on fire")}, `cannot lock: "/p": disk on fire`},
		{"path named by the cause", &Error{Op: "lock", Path: "/p", Err: &fs.PathError{Op: "open", Path: "/p", Err: fs.ErrPermission}}, "cannot lock: open /p: permission denied"},
		{"PID", &Error{Op: "stop daemon", Code: CodeStopFailed, PID: 7}, "cannot stop daemon: stop failed (PID 7)"},
		{"PID named by the cause", &Error{Op: "start daemon", PID: 7, Err: errors.New("running as PID 7")}, "cannot start daemon: running as PID 7"},
		{"the hint is not in it", &Error{Op: "x", Code: CodeStartFailed, Hint: "try again"}, "cannot x: start failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.err.Error(); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// TestSentinels: every code has one, finds it through wrapping, and finds no other.
func TestSentinels(t *testing.T) {
	codes := []Code{
		CodeAlreadyRunning, CodeNotRunning, CodePermissionDenied, CodeLockFailed, CodeStartFailed, CodeStopFailed, CodePIDFileCorrupted,
		CodeUnsupported, CodeServiceExists, CodeServiceNotFound, CodeInstallFailed, CodeUninstallFailed, CodeGenerationFailed, CodeConfigInvalid,
	}
	if len(codes) != len(sentinels) {
		t.Fatalf("%d codes, %d rows of sentinels", len(codes), len(sentinels))
	}
	for _, c := range codes {
		err := fmt.Errorf("wrapped: %w", &Error{Op: "x", Code: c})
		if CodeOf(err) != c {
			t.Errorf("CodeOf is %q, want %q", CodeOf(err), c)
		}
		for other, list := range sentinels {
			for _, s := range list {
				if errors.Is(err, s) != (other == c) {
					t.Errorf("errors.Is(%s, %v) is %v", c, s, other != c)
				}
			}
		}
	}
	if CodeOf(errors.New("plain")) != "" || CodeOf(nil) != "" {
		t.Error("an error without a code has one")
	}
}

func TestErrorJSON(t *testing.T) {
	e := &Error{Op: "start daemon", Code: CodeStartFailed, Path: "/p", PID: 7, Hint: "h", Err: errors.New("why"), Exit: &Exit{Code: 3, At: time.Unix(1, 0).UTC()}, Log: []string{"a"}}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var got Error
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&got, e) {
		t.Errorf("%+v, want %+v", got, *e)
	}
	b, err = json.Marshal(&Error{Op: "reload daemon", Code: CodeNotRunning})
	if want := `{"op":"reload daemon","code":"NOT_RUNNING","message":"not running"}`; err != nil || string(b) != want {
		t.Errorf("%s, %v, want %s", b, err, want)
	}
	if err := json.Unmarshal([]byte(`{"code":1}`), &got); err == nil {
		t.Error("nonsense was read")
	}
}
