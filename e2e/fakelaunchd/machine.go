//go:build unix

package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// options say which macOS it is.
type options struct {
	UID         int           // whose domains there are, beside the system's
	NoGUI       bool          // gui/UID is not there
	Old         bool          // print-disabled with true and false
	Pend        bool          // spawns that nobody demands are put off for ever ("pended nondemand spawn")
	NoBootstrap bool          // no bootstrap, bootout, print …: OS X 10.9
	Release     time.Duration // between the end of a process that was booted out and its label's being free
}

// machine is one launchd. Its methods are safe for concurrent use.
type machine struct {
	dir string
	o   options

	mu       sync.Mutex
	domains  map[string]map[string]*job // "gui/501" → label
	disabled map[string]bool            // the overrides, as on disk
	byPID    map[int]*job
	turns    int // answers that launchd gives in two forms alternate
	quit     chan struct{}
	reaped   chan struct{} // closed when reap has returned
}

func newMachine(dir string, o options) (*machine, error) {
	m := &machine{
		dir: dir, o: o, domains: map[string]map[string]*job{"system": {}}, disabled: map[string]bool{}, byPID: map[int]*job{},
		quit: make(chan struct{}), reaped: make(chan struct{}),
	}
	uid := strconv.Itoa(o.UID)
	m.domains["user/"+uid] = map[string]*job{}
	if !o.NoGUI {
		m.domains["gui/"+uid] = map[string]*job{}
	}
	b, err := os.ReadFile(m.overrides())
	if err == nil {
		err = json.Unmarshal(b, &m.disabled)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := adopt(); err != nil {
		return nil, err
	}
	go m.reap()
	return m, nil
}

// overrides is the file of what was disabled and enabled, which outlives the boot: /var/db/com.apple.xpc.launchd/disabled.501.plist.
func (m *machine) overrides() string { return filepath.Join(m.dir, "disabled.json") }

func (m *machine) setDisabled(key string, on bool) error {
	m.disabled[key] = on
	b, err := json.Marshal(m.disabled)
	if err != nil {
		return err
	}
	return os.WriteFile(m.overrides(), b, 0o600)
}

// overrideKey is where the override of a job is: a user's domains have them in common.
func overrideKey(domain, label string) string {
	return domain[strings.IndexByte(domain, '/')+1:] + "/" + label
}

// turn alternates.
func (m *machine) turn() bool {
	m.turns++
	return m.turns%2 == 0
}

// shutdown ends every job at once, and returns when nothing runs any more.
func (m *machine) shutdown() {
	m.mu.Lock()
	for _, jobs := range m.domains {
		for label, j := range jobs {
			j.stopTimers()
			j.removing = true // a timer that has fired waits for the lock, and a process that is killed would be kept alive
			delete(jobs, label)
			j.killGroup()
		}
	}
	m.mu.Unlock()
	close(m.quit)
	<-m.reaped
}
