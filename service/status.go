package service

import "time"

// StatusSchema is the version of the JSON form of Status. It grows only by additions.
const StatusSchema = 1

// State is where a daemon is in its life; see the figure in the package comment.
type State string

// The states. Restarting waits for the next try; Failed crashed or gave up and its last record is still there; Unknown is always
// accompanied by a warning that says why.
const (
	StateStopped    State = "stopped"
	StateStarting   State = "starting"
	StateRunning    State = "running"
	StateReloading  State = "reloading"
	StateStopping   State = "stopping"
	StateRestarting State = "restarting"
	StateFailed     State = "failed"
	StateUnknown    State = "unknown"
)

// Exit is how a process ended. Exactly one of Code and Signal says it: Code is -1 when a signal did.
type Exit struct {
	Code   int       `json:"code"`
	Signal string    `json:"signal"` // "SIGKILL", or "" when the process exited by itself
	At     time.Time `json:"at"`
}

// Failed reports whether the end was a failure: a non-zero status or a signal.
func (e Exit) Failed() bool { return e.Code != 0 || e.Signal != "" }

// Workload is the process that the daemon runs, as status shows it.
type Workload struct {
	PID       int        `json:"pid"`               // the daemon's own PID for the built-in server
	StartedAt *time.Time `json:"startedAt"`         // nil between two runs
	Source    string     `json:"source,omitempty"`  // "config", "command-line", "builtin" or "embedded"
	Address   string     `json:"address,omitempty"` // where the built-in API server listens, "127.0.0.1:40123"
	Listen    []string   `json:"listen,omitempty"`  // where the configuration says that it listens: Spec.Listen
}

// LogRef says where the output is.
type LogRef struct {
	Kind string `json:"kind"` // LogFile or LogJournal
	Path string `json:"path"` // LogJournal: the unit, or the SYSLOG_IDENTIFIER of a daemon that is no unit
}

// The kinds of log, and with LogAuto what the configuration may ask for: LogAuto is the journal where systemd keeps the daemon and whoever runs it can read the
// journal, else the file.
const (
	LogAuto    = "auto"
	LogFile    = "file"
	LogJournal = "journal"
)

// Status is the one answer, the same keys for every backend; a pointer is nil (JSON null) where the fact does not exist.
//
//	{"schema":1,"name":"daemon","project":"/src/shop","running":true,"ready":true,"wanted":true,"state":"running",…}
//
// Three facts are kept apart: Running, a process holds the lock; Ready, the workload said so; Wanted, it should be up.
type Status struct {
	Schema     int        `json:"schema"`
	Name       string     `json:"name"`
	Project    string     `json:"project"`
	Running    bool       `json:"running"`
	Ready      *bool      `json:"ready"`
	Wanted     bool       `json:"wanted"` // registered and enabled, or started and not stopped
	State      State      `json:"state"`
	Since      *time.Time `json:"since"` // of State
	PID        *int       `json:"pid"`   // of the daemon; nil while it is not known
	StartedAt  *time.Time `json:"startedAt"`
	Uptime     *int64     `json:"uptime"` // milliseconds, not affected by clock steps
	Version    *string    `json:"version"`
	Backend    string     `json:"backend"`
	Scope      *string    `json:"scope"`
	Service    *string    `json:"service"` // the manager's name for it
	Registered bool       `json:"registered"`
	Enabled    *bool      `json:"enabled"`
	Native     *string    `json:"native"` // the manager's own word, verbatim
	StatusText *string    `json:"statusText"`
	Workload   *Workload  `json:"workload"`
	Restarts   int        `json:"restarts"`
	LastExit   *Exit      `json:"lastExit"`
	Log        *LogRef    `json:"log"`
	Warnings   []string   `json:"warnings"` // never nil
}

// Exit statuses of the status verb (LSB init scripts, systemctl(1)).
const (
	StatusExitRunning = 0
	StatusExitFailed  = 1 // dead, and a record is left
	StatusExitStopped = 3
	StatusExitUnknown = 4
)

// ExitCode is the exit status of `apexd status` for s. A daemon whose manager is between two processes of it is as little stopped as a direct one that waits for the
// next try.
func (s Status) ExitCode() int {
	switch {
	case s.Running, s.State == StateStarting, s.State == StateRestarting, s.State == StateStopping:
		return StatusExitRunning
	case s.State == StateFailed:
		return StatusExitFailed
	case s.State == StateUnknown:
		return StatusExitUnknown
	default:
		return StatusExitStopped
	}
}
