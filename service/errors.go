package service

import (
	"encoding/json"
	"errors"
	"io/fs"
	"strconv"
	"strings"
)

// Code names a kind of failure. Codes are stable: they are part of the Go API and of the --json output.
type Code string

// The codes of ADR-051, then those that registration with a manager adds.
const (
	CodeAlreadyRunning   Code = "ALREADY_RUNNING"
	CodeNotRunning       Code = "NOT_RUNNING"
	CodePermissionDenied Code = "PERMISSION_DENIED"
	CodeLockFailed       Code = "LOCK_FAILED"
	CodeStartFailed      Code = "START_FAILED"
	CodeStopFailed       Code = "STOP_FAILED"
	CodePIDFileCorrupted Code = "PID_FILE_CORRUPTED"

	CodeUnsupported      Code = "PLATFORM_UNSUPPORTED"
	CodeServiceExists    Code = "SERVICE_EXISTS"
	CodeServiceNotFound  Code = "SERVICE_NOT_FOUND"
	CodeInstallFailed    Code = "INSTALL_FAILED"
	CodeUninstallFailed  Code = "UNINSTALL_FAILED"
	CodeGenerationFailed Code = "GENERATION_FAILED"
	CodeConfigInvalid    Code = "CONFIG_INVALID"
)

// One sentinel a code, for errors.Is.
var (
	ErrAlreadyRunning   = errors.New("already running")
	ErrNotRunning       = errors.New("not running")
	ErrPermissionDenied = errors.New("permission denied")
	ErrLockFailed       = errors.New("lock failed")
	ErrStartFailed      = errors.New("start failed")
	ErrStopFailed       = errors.New("stop failed")
	ErrPIDFileCorrupted = errors.New("PID file corrupted")
	ErrServiceExists    = errors.New("service exists")
	ErrServiceNotFound  = errors.New("service not found")
	ErrInstallFailed    = errors.New("install failed")
	ErrUninstallFailed  = errors.New("uninstall failed")
	ErrGenerationFailed = errors.New("generation failed")
	ErrConfigInvalid    = errors.New("configuration invalid")
)

// sentinels maps each code to what errors.Is finds. Unsupported and permission are the standard
// library's own values too, so that callers need no second vocabulary.
var sentinels = map[Code][]error{
	CodeAlreadyRunning:   {ErrAlreadyRunning},
	CodeNotRunning:       {ErrNotRunning},
	CodePermissionDenied: {ErrPermissionDenied, fs.ErrPermission},
	CodeLockFailed:       {ErrLockFailed},
	CodeStartFailed:      {ErrStartFailed},
	CodeStopFailed:       {ErrStopFailed},
	CodePIDFileCorrupted: {ErrPIDFileCorrupted},
	CodeUnsupported:      {errors.ErrUnsupported},
	CodeServiceExists:    {ErrServiceExists},
	CodeServiceNotFound:  {ErrServiceNotFound},
	CodeInstallFailed:    {ErrInstallFailed},
	CodeUninstallFailed:  {ErrUninstallFailed},
	CodeGenerationFailed: {ErrGenerationFailed},
	CodeConfigInvalid:    {ErrConfigInvalid},
}

// Error is the one typed error of this module. It matches the sentinel of its Code through errors.Is.
type Error struct {
	Op   string // what was tried, as the object of "cannot": "start daemon", "read record"
	Code Code   // the stable kind
	Path string // the file concerned, or ""
	PID  int    // the process concerned, or 0
	Hint string // what the user can do, one line, or ""; never part of Error()
	Err  error  // the cause, or nil

	Exit *Exit    // the workload's end, when that is the cause; else nil
	Log  []string // the last lines of the workload's output, oldest first, when they explain the failure
}

// Error returns "cannot OP: CAUSE" on one line. The path and the PID are in it only where the cause has not named them.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("cannot ")
	b.WriteString(e.Op)
	b.WriteString(": ")
	cause := string(e.Code)
	if s := sentinels[e.Code]; len(s) > 0 {
		cause = s[0].Error()
	}
	if e.Err != nil {
		cause = e.Err.Error()
	}
	if e.Path != "" && !strings.Contains(cause, e.Path) {
		b.WriteString(strconv.Quote(e.Path))
		b.WriteString(": ")
	}
	b.WriteString(cause)
	if e.PID > 0 && !strings.Contains(cause, strconv.Itoa(e.PID)) {
		b.WriteString(" (PID ")
		b.WriteString(strconv.Itoa(e.PID))
		b.WriteString(")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the sentinel of e.Code.
func (e *Error) Is(target error) bool {
	for _, s := range sentinels[e.Code] {
		if s == target {
			return true
		}
	}
	return false
}

// CodeOf returns the code of the first *Error in err's chain, or "" when there is none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// ErrorJSON is the stable JSON form of an Error, in --json output and between a starting daemon and its caller.
type ErrorJSON struct {
	Op      string   `json:"op"`
	Code    Code     `json:"code"`
	Message string   `json:"message"`
	Hint    string   `json:"hint,omitempty"`
	Path    string   `json:"path,omitempty"`
	PID     int      `json:"pid,omitempty"`
	Exit    *Exit    `json:"exit,omitempty"`
	Log     []string `json:"log,omitempty"`
}

// MarshalJSON writes the ErrorJSON form, its message without "cannot OP: ".
func (e *Error) MarshalJSON() ([]byte, error) {
	j := ErrorJSON{Op: e.Op, Code: e.Code, Hint: e.Hint, Path: e.Path, PID: e.PID, Exit: e.Exit, Log: e.Log}
	if e.Err != nil {
		j.Message = e.Err.Error()
	} else if s := sentinels[e.Code]; len(s) > 0 {
		j.Message = s[0].Error()
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads the ErrorJSON form. The cause comes back as its text.
func (e *Error) UnmarshalJSON(b []byte) error {
	var j ErrorJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*e = Error{Op: j.Op, Code: j.Code, Hint: j.Hint, Path: j.Path, PID: j.PID, Exit: j.Exit, Log: j.Log}
	if j.Message != "" {
		e.Err = errors.New(j.Message)
	}
	return nil
}
