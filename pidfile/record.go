package pidfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/service"
)

// Schema is the version of the record. Fields are only ever added.
const Schema = 1

// maxRecord bounds what is read: a record of ours has under 2 KiB.
const maxRecord = 64 << 10

// Identity tells one process from every other, together with its PID.
type Identity = proc.Identity

// Time is written in UTC with milliseconds, as ADR-051 does: "2025-01-15T10:30:00.000Z".
type Time struct{ time.Time }

const timeLayout = "2006-01-02T15:04:05.000Z07:00"

// MarshalJSON writes the fixed form.
func (t Time) MarshalJSON() ([]byte, error) {
	return t.UTC().AppendFormat(make([]byte, 0, 32), `"`+timeLayout+`"`), nil
}

// Record is the JSON in the PID file (CONTRACT.md section 3). The first four fields are the original contract, ADR-051.
//
//	{"pid":12345,"startedAt":"2025-01-15T10:30:00.000Z","version":"0.4.0","projectPath":"/src/shop","schema":1,…}
type Record struct {
	PID         int    `json:"pid"`
	StartedAt   Time   `json:"startedAt"`
	Version     string `json:"version,omitempty"`
	ProjectPath string `json:"projectPath,omitempty"`

	Schema     int           `json:"schema,omitempty"` // 0: not written by apexd
	Name       string        `json:"name,omitempty"`
	Identity   Identity      `json:"identity,omitzero"`
	Backend    string        `json:"backend,omitempty"`
	Scope      string        `json:"scope,omitempty"`
	Service    string        `json:"service,omitempty"`
	State      service.State `json:"state,omitempty"`
	Since      Time          `json:"since,omitzero"` // of State
	Ready      bool          `json:"ready"`
	Loads      int           `json:"loads,omitempty"`      // how often the daemon has taken its configuration over: 1 from its start on, one more after each reload; 0: it does not say
	StatusText string        `json:"statusText,omitempty"` // the workload's STATUS=, or why the daemon failed
	Workload   *Workload     `json:"workload,omitempty"`
	Log        *Log          `json:"log,omitempty"`
	Ended      bool          `json:"ended,omitempty"` // it is as good as removed: the daemon has stopped cleanly, and somebody kept the file open (Windows)

	bare  bool // a PID file of another tool: an integer and nothing else
	owner int  // user ID of the file that it was read from, -1 where there is none
}

// Workload is the process that the daemon runs. PID is 0 between two tries.
type Workload struct {
	PID       int      `json:"pid"`
	Identity  Identity `json:"identity,omitzero"`
	StartedAt Time     `json:"startedAt,omitzero"`
	Source    string   `json:"source,omitempty"`  // "config", "command-line", "builtin", "embedded"
	Address   string   `json:"address,omitempty"` // of the built-in API server
	Listen    []string `json:"listen,omitempty"`  // where the configuration says that it listens
	Restarts  int      `json:"restarts"`
	LastExit  *Exit    `json:"lastExit,omitempty"`
	Tries     []Time   `json:"tries,omitempty"` // when a manager that knows no limit has started the daemon again, of late: the daemon itself counts
}

// Exit is how the workload last ended.
type Exit struct {
	Code   int    `json:"code"` // -1 when a signal ended it
	Signal string `json:"signal"`
	At     Time   `json:"at"`
}

// Log says where the output is.
type Log struct {
	Kind string `json:"kind"`
	Path string `json:"path"`
}

// CorruptError says that a PID file holds no record. It matches service.ErrPIDFileCorrupted.
type CorruptError struct {
	Path string
	Err  error
}

// Error names the file and what is wrong with it.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%q holds no record: %v", e.Path, e.Err)
}

// Unwrap returns the cause.
func (e *CorruptError) Unwrap() error { return e.Err }

// Is reports whether target is service.ErrPIDFileCorrupted.
func (e *CorruptError) Is(target error) bool { return target == service.ErrPIDFileCorrupted }

// maxPID is above every system's: Linux has at most 4194304 (proc(5), pid_max), Windows hands out 32-bit numbers.
const maxPID = 1<<31 - 1

// Decode reads any of the known forms: ours, the four- and two-field forms of ADR-051, and a bare integer. Unknown fields are ignored.
func Decode(b []byte) (*Record, error) {
	b = bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")))
	if len(b) == 0 {
		return nil, errors.New("it is empty")
	}
	if b[0] != '{' {
		pid, err := strconv.Atoi(string(b))
		if err != nil || pid <= 0 || pid > maxPID {
			return nil, errors.New("neither a JSON object nor a PID")
		}
		return &Record{PID: pid, bare: true}, nil
	}
	var o object
	if err := json.Unmarshal(b, &o); err != nil {
		return nil, err
	}
	pid := o.int("pid")
	if pid <= 0 || pid > maxPID {
		return nil, fmt.Errorf("its pid is %v", o["pid"])
	}
	return o.record(pid), nil
}

// recordJSON is a Record as it is written.
type recordJSON struct {
	*Record
	ProjectBytes []byte `json:"projectPathBytes,omitempty"` // see unsaid
	LogBytes     []byte `json:"logPathBytes,omitempty"`
}

// Encode returns the record as it is written: indented JSON for the people who open it, ended by a newline.
func (r *Record) Encode() ([]byte, error) {
	all := recordJSON{Record: r, ProjectBytes: unsaid(r.ProjectPath)}
	if r.Log != nil {
		all.LogBytes = unsaid(r.Log.Path)
	}
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(b, '\n'), nil
}
