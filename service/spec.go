package service

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// DefaultName is the name of a project's first daemon.
const DefaultName = "daemon"

// Spec says what one daemon runs and how it is kept. It is the result of reading the configuration: every
// default is filled in and every path is absolute. A Spec is a value; it is not changed after Validate.
type Spec struct {
	Project string // real path of the project directory
	Name    string // DefaultName, or what --name says
	PIDFile string // the record's path; the lock is PIDFile + ".lock"

	Command     []string // argv of the workload; empty: the built-in API server
	Dir         string   // working directory of the workload
	Env         []string // KEY=value pairs added to the daemon's own environment, later ones win
	StopSignal  string   // "SIGTERM", …: the graceful request (Unix)
	ReloadSig   string   // signal passed to the workload by reload; "" is none (Unix)
	StopTimeout time.Duration
	Readiness   Readiness
	Watchdog    time.Duration // 0 is off; a workload that does not ping for this long is restarted
	Restart     RestartPolicy
	Log         LogPolicy
	API         APIPolicy
	Sockets     []Socket // handed to the workload in this order, the first as descriptor 3 (Unix)

	FromArgs   bool   // Command was given on the command line, not by the configuration
	ConfigHash string // of every value in force but those of environment variables: two runs with the same one were configured alike; "" where nobody has said
}

// Listen is where the workload listens, as far as the configuration says so: the addresses of its sockets, and the one that is asked whether it is ready.
func (s Spec) Listen() []string {
	var all []string
	add := func(address string) {
		if address != "" && !slices.Contains(all, address) {
			all = append(all, address)
		}
	}
	for _, socket := range s.Sockets {
		add(socket.Address)
	}
	switch s.Readiness.Kind {
	case ReadyTCP:
		add(s.Readiness.Address)
	case ReadyHTTP:
		add(hostPort(s.Readiness.URL))
	}
	return all
}

// hostPort is host:port of an http URL, without what else may stand there (RFC 3986 section 3.2).
func hostPort(url string) string {
	_, rest, ok := strings.Cut(url, "://")
	if !ok {
		return ""
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	host := rest[strings.LastIndexByte(rest, '@')+1:]
	if host != "" && strings.LastIndexByte(host, ':') <= strings.LastIndexByte(host, ']') {
		host += ":80"
	}
	return host
}

// ReadinessKind says which event makes a workload ready.
type ReadinessKind string

// The kinds of readiness. ReadyStarted: the process has been executed and is still alive Settle later (READY=1 ends the wait at
// once); ReadyNotify: it sent READY=1 (sd_notify(3)); ReadyHTTP: the URL answers 2xx or 3xx; ReadyTCP: the address accepts a connection;
// ReadyLog: a line of its output matches Pattern.
const (
	ReadyStarted ReadinessKind = "started"
	ReadyNotify  ReadinessKind = "notify"
	ReadyHTTP    ReadinessKind = "http"
	ReadyTCP     ReadinessKind = "tcp"
	ReadyLog     ReadinessKind = "log"
)

// Readiness says how the daemon learns that its workload is ready.
type Readiness struct {
	Kind     ReadinessKind
	URL      string         // ReadyHTTP
	Address  string         // ReadyTCP, host:port
	Pattern  *regexp.Regexp // ReadyLog
	Timeout  time.Duration  // a workload not ready by then has failed; 0 is no limit
	Interval time.Duration  // between two probes (ReadyHTTP, ReadyTCP)
	Settle   time.Duration  // ReadyStarted
}

// LogPolicy bounds the log.
type LogPolicy struct {
	Store    string        // LogAuto ("" too), LogFile or LogJournal; what follows Format is of the file alone
	Path     string        // the current file; rotated ones are Path.1 (newest), Path.2[.gz] …
	Level    string        // least level of lifecycle lines: debug, info, warn, error
	Format   string        // "text" or "json", of lifecycle lines
	MaxSize  int64         // bytes; the file is rotated before it would grow past this
	MaxAge   time.Duration // rotated files older than this are removed; 0 keeps them
	MaxFiles int           // how many rotated files are kept
	Compress bool          // gzip rotated files from Path.2 on
}

// APIPolicy configures the built-in API server.
type APIPolicy struct {
	Address string // loopback host:port; port 0 lets the kernel choose
}

// Defaults of a Spec, where the configuration is silent.
const (
	DefaultStopTimeout    = 10 * time.Second
	DefaultStopSignal     = "SIGTERM"
	DefaultReadyTimeout   = 60 * time.Second
	DefaultReadyInterval  = 50 * time.Millisecond
	DefaultSettle         = 250 * time.Millisecond
	DefaultLogMaxSize     = 10 << 20
	DefaultLogMaxAge      = 30 * 24 * time.Hour
	DefaultLogMaxFiles    = 5
	DefaultAPIAddress     = "127.0.0.1:0"
	DefaultLogLevel       = "info"
	DefaultLogFormat      = "text"
	DefaultRestartDelay   = 500 * time.Millisecond
	DefaultRestartFactor  = 2.0
	DefaultRestartMax     = 30 * time.Second
	DefaultRestartLimit   = 5
	DefaultRestartWindow  = 60 * time.Second
	DefaultRestartHealthy = 60 * time.Second
	DefaultRestartJitter  = 0.1
)

// maxName bounds a daemon name, which becomes part of file, unit and service names on every system.
const maxName = 64

// CheckName reports why name cannot name a daemon, or nil.
func CheckName(name string) error {
	if validName(name) && !reservedNames[name] {
		return nil
	}
	return &Error{
		Op: fmt.Sprintf("use the daemon name %q", name), Code: CodeConfigInvalid,
		Err:  errors.New("a name is 1 to 64 letters, digits, '.', '_' or '-', begins with a letter or digit, and does not end with '.'"),
		Hint: "choose another: --name web",
	}
}

// validName is written out because a regular expression costs every command a third of a millisecond at start.
func validName(name string) bool {
	if name == "" || len(name) > maxName || name[len(name)-1] == '.' {
		return false
	}
	for i, c := range []byte(name) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '.' && c != '_' && c != '-') {
			return false
		}
	}
	return true
}

// reservedNames would collide with other files in .apex/.
var reservedNames = map[string]bool{"config": true}
