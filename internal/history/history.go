// Package history keeps `.apex/NAME.history`: one JSON line for each event in a daemon's life, in a file that never grows past a bound.
// The daemon appends and so may any command; `apexd history` reads. It answers "who stopped it, and why" weeks later, and survives the daemon.
//
// # What is guaranteed
//
// A line is one write(2) to a file opened with O_APPEND, so that no other writer tears it. A line torn all the same, by a full disk or a
// crash, is ended before the next one and skipped by Read. Past 256 KiB the file is replaced, in one step, by its newest half: a process
// that dies while it does so loses nothing, since either the old file or the new one is there. An event that another process appends meanwhile
// is carried over. Nothing is locked, because whoever can read the file could then hold up the daemon. Three things follow:
//
//   - an event written at the very moment of a trim can appear twice, or out of order;
//   - when two processes trim within the same few microseconds, what a third appends just then may be lost;
//   - on Windows, where an open file cannot be replaced, what another process appends during the trim (a millisecond in about a thousand
//     events) may be lost or refused.
//
// Nothing is synced: a power failure may take the last events.
package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

// What happens to a daemon. Readers must expect others: the list grows.
const (
	Starting        = "starting"
	Ready           = "ready"
	Started         = "started" // the workload
	Exited          = "exited"  // the workload
	Restarting      = "restarting"
	Reloaded        = "reloaded"
	Asked           = "asked" // by a command: what follows it is what By has wanted
	Stopping        = "stopping"
	Stopped         = "stopped"
	Failed          = "failed"
	Refused         = "refused"          // a process that a manager has started could not become the daemon
	KilledLeftovers = "killed-leftovers" // processes that outlived an earlier run
	Healed          = "healed"           // a deleted record or directory was put back
)

const (
	mode         = fs.FileMode(0o640)
	maxLine      = 4 << 10   // bytes, newline included
	defaultLimit = 256 << 10 // bytes; past it the file is trimmed to half
	fullSize     = 1 << 20   // bytes; a file that could not be trimmed takes no more, and Read looks no further back
	maxWrites    = 8         // of one event, when the file is replaced under it each time
)

// Event is one line of the history. At and Event are always there; the rest where it applies.
//
//	{"at":"2025-01-15T10:30:00.12Z","event":"exited","pid":12345,"workloadPid":12346,"exit":{"code":1,"signal":"","at":"…"},"restarts":2}
type Event struct {
	At          time.Time       `json:"at"`    // UTC; stored as given
	Event       string          `json:"event"` // Starting, Ready, …
	PID         int             `json:"pid,omitempty"`
	WorkloadPID int             `json:"workloadPid,omitempty"`
	By          string          `json:"by,omitempty"` // who caused it: "alice", "alice by sudo", "signal SIGTERM", "systemd"
	Reason      string          `json:"reason,omitempty"`
	Exit        *service.Exit   `json:"exit,omitempty"`     // how the workload ended
	Killed      *bool           `json:"killed,omitempty"`   // of Stopped: the request was not enough, and the workload, or a part of it, was killed
	Restarts    int             `json:"restarts,omitempty"` // since the daemon started
	Version     string          `json:"version,omitempty"`
	ConfigHash  string          `json:"configHash,omitempty"`
	Backend     string          `json:"backend,omitempty"`
	Log         *service.LogRef `json:"log,omitempty"`      // where the output goes, of Started
	UptimeMs    *int64          `json:"uptimeMs,omitempty"` // of what ended, in milliseconds
}

// ErrFull is the reason for refusing an event when the file is far past its bound and nobody could trim it.
var ErrFull = errors.New("history is full and cannot be trimmed")

var errReplaced = errors.New("file was replaced again and again while it was written")

// Log appends to one history file. It is safe for concurrent use, by several processes too, and holds no open file in between. A nil *Log
// discards: a daemon whose history cannot be opened runs without.
type Log struct {
	path  string
	limit int64 // bytes, defaultLimit
	full  int64 // bytes, fullSize

	mu     sync.Mutex // one append at a time, so that a process does not trim twice at once
	closed bool
}

// Open checks that path can be appended to, makes it (0640 less the umask) where it is missing, and returns its Log. Errors: *fs.PathError;
// one that matches safefile.ErrUnsafe where something else stands in its place.
func Open(path string) (*Log, error) {
	f, err := openAppend(path)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	return &Log{path: path, limit: defaultLimit, full: fullSize}, nil
}

// Append writes e as one line of at most 4 KiB; the reason, and then other long texts, are cut to fit. It never waits for another process, except
// on Windows up to a second for a reader to let go when the file is trimmed. It is best effort: no error of it, a full disk or a
// read-only file system for example, is a reason to stop. Errors: os.ErrClosed after Close, ErrFull, *fs.PathError. After an error in
// trimming alone ("trim …") the event is on disk.
func (l *Log) Append(e Event) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return &fs.PathError{Op: "append", Path: l.path, Err: os.ErrClosed}
	}
	line, err := encode(e)
	if err != nil {
		return err
	}
	return errors.Join(l.trim(), l.write(line))
}

// Close makes further appends fail with os.ErrClosed.
func (l *Log) Close() error {
	if l != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.closed = true
	}
	return nil
}

// write appends lines, again where the file was replaced or removed meanwhile: what went into the old one may be gone.
func (l *Log) write(lines []byte) error {
	for range maxWrites {
		if again, err := l.writeOnce(lines); !again {
			return err
		}
	}
	return &fs.PathError{Op: "append", Path: l.path, Err: errReplaced}
}

func (l *Log) writeOnce(lines []byte) (replaced bool, err error) {
	f, err := openAppend(l.path)
	if err != nil {
		return false, err
	}
	replaced, err = l.writeTo(f, lines)
	return replaced, errors.Join(err, f.Close())
}

func (l *Log) writeTo(f *os.File, lines []byte) (replaced bool, err error) {
	fi, err := f.Stat()
	if err != nil {
		return false, err
	}
	if fi.Size() > l.full {
		return false, &fs.PathError{Op: "append", Path: l.path, Err: ErrFull}
	}
	if torn(f, fi.Size()) {
		lines = append([]byte{'\n'}, lines...)
	}
	if _, err := f.Write(lines); err != nil {
		return false, err
	}
	return !isAt(l.path, fi), nil
}

func openAppend(path string) (*os.File, error) {
	f, err := safefile.Open(path, os.O_RDWR|os.O_APPEND, 0) // what is there need not be made, which is more to do
	if errors.Is(err, fs.ErrNotExist) {
		f, err = safefile.Open(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, mode)
	}
	return f, err
}

// torn reports whether the last line has no end. While another process writes it may say so wrongly; an empty line comes of it, no harm.
func torn(f *os.File, size int64) bool {
	var last [1]byte
	if size == 0 {
		return false
	}
	_, err := f.ReadAt(last[:], size-1)
	return err == nil && last[0] != '\n'
}

// isAt reports whether path still names the file of fi, as far as that can be found out.
func isAt(path string, fi fs.FileInfo) bool {
	is, err := safefile.Names(path, fi)
	return is || err != nil
}

// encode renders e as one line, newline included, of at most maxLine bytes.
func encode(e Event) ([]byte, error) {
	long := []*string{&e.Reason, &e.By, &e.ConfigHash, &e.Version, &e.Backend, &e.Event}
	if e.Exit != nil {
		exit := *e.Exit // the caller's is not cut
		e.Exit = &exit
		long = append(long, &exit.Signal)
	}
	line, err := marshal(e)
	for i := 0; err == nil && len(line) > maxLine && i < len(long); i++ {
		if *long[i] != "" {
			*long[i] = cut(*long[i], len(line)-maxLine)
			line, err = marshal(e)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("encode history event: %w", err)
	}
	return line, nil
}

func marshal(e Event) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // people read this file: "a && b" stays as it is
	err := enc.Encode(e)
	return b.Bytes(), err
}

// cut removes at least over bytes from the end of s, at a rune boundary, and marks it with "…". JSON never needs fewer bytes for what was removed.
func cut(s string, over int) string {
	const mark = "…"
	keep := max(len(s)-over-len(mark), 0)
	for keep > 0 && !utf8.RuneStart(s[keep]) {
		keep--
	}
	return s[:keep] + mark
}
