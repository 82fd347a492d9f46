package config

import (
	"math"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// key is one line of the table that decoding, "did you mean", Values, the JSON Schema and the list in docs/config.md are derived from.
type key struct {
	path  string           // below the daemon's section: "restart.limit"
	kind  kind             // what may be written
	at    func(*draft) any // points at the place of the parsed value; nil for kindEnvironment and kindSockets
	short string           // the mapping whose short form sets this key: "restart"
	env   string           // the environment variable that sets it
	least int64            // of a number, a duration in ns, a size in bytes
	most  int64
	words []string // of kindWord and kindSignal
	only  []string // of a key of readiness: the types it belongs to
	need  bool     // those types need it
	def   string   // the default for people, where it is no constant
	doc   string
}

// keys is the table, in documented order. It is not changed.
var keys = [...]key{
	{
		path: "command", kind: kindCommand, at: func(d *draft) any { return &d.spec.Command }, def: "the built-in API server",
		doc: "The program and its arguments: a list, or one string that is split at spaces outside of quotes, without a shell.",
	},
	{
		path: "workingDirectory", kind: kindPath, at: func(d *draft) any { return &d.spec.Dir }, def: "the project",
		doc: "Where the command runs. It must exist when it is started.",
	},
	{
		path: "environment", kind: kindEnvironment,
		doc: "Variables for the command. Values are taken as written: `8080`, `true`.",
	},
	{
		path: "environmentFile", kind: kindPath, at: func(d *draft) any { return &d.envFile }, def: "`.apex/<name>.env` if it exists",
		doc: "`KEY=value` lines for the command; refused when group or others may read or write it (Unix). One that is configured must exist.",
	},
	{
		path: "pollInterval", kind: kindPassed, at: func(d *draft) any { return &d.pollInterval }, env: "APEX_POLL_INTERVAL",
		doc: "APEX's own; passed to the command as `APEX_POLL_INTERVAL`, as written.",
	},
	{
		path: "logLevel", kind: kindWord, at: func(d *draft) any { return &d.spec.Log.Level }, env: "APEX_LOG_LEVEL", words: []string{"debug", "info", "warn", "error"},
		doc: "The least level of lifecycle lines; passed to the command as `APEX_LOG_LEVEL` when set.",
	},
	{
		path: "pidFile", kind: kindPath, at: func(d *draft) any { return &d.spec.PIDFile }, env: "APEX_PID_FILE", def: "`.apex/<name>.pid`",
		doc: "The record. The lock is this path with `.lock` added. Stop the daemon before you change it: afterwards only `apexd list` and a warning of `status` and `start` know it.",
	},
	{
		path: "logFile", kind: kindPath, at: func(d *draft) any { return &d.spec.Log.Path }, env: "APEX_LOG_FILE", def: "`.apex/<name>.log`",
		doc: "The log.",
	},
	{
		path: "stopTimeout", kind: kindDuration, at: func(d *draft) any { return &d.spec.StopTimeout }, env: "APEX_STOP_TIMEOUT", least: int64(time.Millisecond), most: int64(day),
		doc: "How long a stop waits before it kills the process tree. No `EXTEND_TIMEOUT_USEC=` lengthens it.",
	},
	{
		path: "stopSignal", kind: kindSignal, at: func(d *draft) any { return &d.spec.StopSignal }, words: []string{"TERM", "INT", "QUIT", "HUP", "ABRT", "ALRM", "USR1", "USR2", "WINCH"},
		doc: "The graceful request (Unix).",
	},
	{
		path: "reloadSignal", kind: kindSignal, at: func(d *draft) any { return &d.spec.ReloadSig }, words: []string{"HUP", "INT", "QUIT", "ALRM", "USR1", "USR2", "WINCH", noSignal},
		doc: "Passed to the command by `apexd reload` (Unix).",
	},
	{
		path: "readiness.type", kind: kindWord, at: func(d *draft) any { return &d.spec.Readiness.Kind }, short: "readiness", words: []string{"started", "notify", "http", "tcp", "log"},
		doc: "What makes the command ready: it runs (`started`), it sends `READY=1` (`notify`, sd_notify(3)), an address answers (`http`, `tcp`), a line of its output (`log`).",
	},
	{
		path: "readiness.url", kind: kindURL, at: func(d *draft) any { return &d.spec.Readiness.URL }, only: []string{"http"}, need: true,
		doc: "Ready when it answers with a status of 200 to 399.",
	},
	{
		path: "readiness.address", kind: kindAddress, at: func(d *draft) any { return &d.spec.Readiness.Address }, only: []string{"tcp"}, need: true,
		doc: "Ready when it accepts a connection: `host:port`, or a port of 127.0.0.1.",
	},
	{
		path: "readiness.pattern", kind: kindRegexp, at: func(d *draft) any { return &d.spec.Readiness.Pattern }, only: []string{"log"}, need: true,
		doc: "Ready when a line of output matches this regular expression (Go syntax, RE2).",
	},
	{
		path: "readiness.timeout", kind: kindDuration, at: func(d *draft) any { return &d.spec.Readiness.Timeout }, most: int64(day),
		doc: "Not ready by then is a failure, unless `EXTEND_TIMEOUT_USEC=` asks for more (sd_notify(3)); 0 is no limit.",
	},
	{
		path: "readiness.interval", kind: kindDuration, at: func(d *draft) any { return &d.spec.Readiness.Interval }, only: []string{"http", "tcp"}, least: int64(time.Millisecond), most: int64(time.Hour),
		doc: "Between two tries.",
	},
	{
		path: "readiness.settle", kind: kindDuration, at: func(d *draft) any { return &d.spec.Readiness.Settle }, only: []string{"started"}, most: int64(time.Hour),
		doc: "How long it must have run.",
	},
	{
		path: "watchdog", kind: kindDuration, at: func(d *draft) any { return &d.spec.Watchdog }, most: int64(day),
		doc: "A command that does not send `WATCHDOG=1` for this long is restarted; 0 is off.",
	},
	{
		path: "restart.policy", kind: kindWord, at: func(d *draft) any { return &d.spec.Restart.When }, short: "restart", words: []string{"never", "on-failure", "always"},
		doc: "Which ends of the command are followed by another start.",
	},
	{
		path: "restart.delay", kind: kindDuration, at: func(d *draft) any { return &d.spec.Restart.Delay }, most: int64(day),
		doc: "Before the first try. A command that cannot be executed is tried after 100 ms at the earliest.",
	},
	{
		path: "restart.factor", kind: kindNumber, at: func(d *draft) any { return &d.spec.Restart.Factor }, least: 1, most: 100,
		doc: "Each further try waits this many times longer.",
	},
	{
		path: "restart.maxDelay", kind: kindDuration, at: func(d *draft) any { return &d.spec.Restart.Max }, most: int64(day), def: "30s, or `delay` if that is longer",
		doc: "The longest wait.",
	},
	{
		path: "restart.jitter", kind: kindNumber, at: func(d *draft) any { return &d.spec.Restart.Jitter }, most: 1,
		doc: "The share of the wait that is random.",
	},
	{
		path: "restart.limit", kind: kindInteger, at: func(d *draft) any { return &d.spec.Restart.Limit }, most: 1000,
		doc: "After this many restarts within `window` the daemon has failed; 0 is no limit.",
	},
	{
		path: "restart.window", kind: kindDuration, at: func(d *draft) any { return &d.spec.Restart.Window }, least: int64(time.Second), most: int64(365 * day),
		doc: "See `limit`.",
	},
	{
		path: "restart.resetAfter", kind: kindDuration, at: func(d *draft) any { return &d.spec.Restart.Healthy }, most: int64(365 * day),
		doc: "A command that ran this long has its restarts forgotten; 0 never forgets.",
	},
	{
		path: "log.store", kind: kindWord, at: func(d *draft) any { return &d.spec.Log.Store }, words: []string{service.LogAuto, service.LogFile, service.LogJournal},
		doc: "Where the log is kept. `auto`: the systemd journal where systemd keeps the daemon and its user can read the journal, else the file. `journal`: also without systemd keeping it.",
	},
	{
		path: "log.format", kind: kindWord, at: func(d *draft) any { return &d.spec.Log.Format }, words: []string{"text", "json"},
		doc: "Of lifecycle lines.",
	},
	{
		path: "log.maxSize", kind: kindSize, at: func(d *draft) any { return &d.spec.Log.MaxSize }, least: 1 << 10, most: 1 << 40,
		doc: "The log is rotated before it grows past this.",
	},
	{
		path: "log.maxAge", kind: kindDuration, at: func(d *draft) any { return &d.spec.Log.MaxAge }, most: int64(3650 * day),
		doc: "Rotated files older than this are removed; 0 keeps them.",
	},
	{
		path: "log.maxFiles", kind: kindInteger, at: func(d *draft) any { return &d.spec.Log.MaxFiles }, most: 1000,
		doc: "How many rotated files are kept.",
	},
	{
		path: "log.compress", kind: kindBool, at: func(d *draft) any { return &d.spec.Log.Compress },
		doc: "Gzip rotated files but the newest.",
	},
	{
		path: "api.address", kind: kindLoopback, at: func(d *draft) any { return &d.spec.API.Address },
		doc: "Where the built-in API server listens: loopback only; port 0 lets the system choose.",
	},
	{
		path: "sockets", kind: kindSockets,
		doc: "Listening sockets that stay open while the command restarts, handed to it as sd_listen_fds(3) says (Unix).",
	},
}

const noSignal = "none"

// named reports whether the entries of k have names that the user chooses: such a key is no single value, and no flag sets it.
func (k *key) named() bool { return k.kind == kindEnvironment || k.kind == kindSockets }

// keyIndex is the place of path in keys, or -1.
func keyIndex(path string) int {
	for i := range keys {
		if keys[i].path == path {
			return i
		}
	}
	return -1
}

// shortIndex is the place of the key that a scalar in place of the mapping called group sets, or -1.
func shortIndex(group string) int {
	for i := range keys {
		if keys[i].short == group {
			return i
		}
	}
	return -1
}

// isGroup reports whether path is a mapping of keys.
func isGroup(path string) bool {
	for i := range keys {
		if p := keys[i].path; len(p) > len(path) && p[len(path)] == '.' && p[:len(path)] == path {
			return true
		}
	}
	return false
}

// defaults is a Spec's content where no layer says anything; docs and schema take theirs from it too.
func (d *draft) defaults() {
	s := &d.spec
	s.StopSignal, s.StopTimeout = service.DefaultStopSignal, service.DefaultStopTimeout
	s.Readiness = defaultReadiness()
	s.Restart = service.RestartPolicy{
		When: service.RestartOnFailure, Delay: service.DefaultRestartDelay, Factor: service.DefaultRestartFactor, Max: service.DefaultRestartMax,
		Jitter: service.DefaultRestartJitter, Limit: service.DefaultRestartLimit, Window: service.DefaultRestartWindow, Healthy: service.DefaultRestartHealthy,
	}
	s.Log = service.LogPolicy{
		Store: service.LogAuto, Level: service.DefaultLogLevel, Format: service.DefaultLogFormat, MaxSize: service.DefaultLogMaxSize, MaxAge: service.DefaultLogMaxAge,
		MaxFiles: service.DefaultLogMaxFiles, Compress: true,
	}
	s.API.Address = service.DefaultAPIAddress
}

func defaultReadiness() service.Readiness {
	return service.Readiness{Kind: service.ReadyStarted, Timeout: service.DefaultReadyTimeout, Interval: service.DefaultReadyInterval, Settle: service.DefaultSettle}
}

const maxText = math.MaxUint16 // bytes of one value; longer ones cannot be meant
