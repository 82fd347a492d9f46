package pidfile

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gofrs/flock"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/safefile"
)

// Entry is one line of the per-user index: where a daemon of this user keeps its record. It outlives a deleted .apex, so that a
// daemon whose files were removed is still found, and it is what `apexd list` goes by. After a clean end PID is 0.
type Entry struct {
	PIDFile  string   `json:"pidFile"`
	Project  string   `json:"projectPath"`
	Name     string   `json:"name"`
	PID      int      `json:"pid"`
	Identity Identity `json:"identity"`
}

// entryJSON is an Entry as it is written.
type entryJSON struct {
	Entry
	PIDFileBytes []byte `json:"pidFileBytes,omitempty"` // see unsaid
	ProjectBytes []byte `json:"projectPathBytes,omitempty"`
}

// guard is a second lock on the same daemon, in the user's state directory, where `rm -rf .apex` and `git clean` do not reach.
type guard struct{ fl *flock.Flock }

const guardMode = 0o600

// ErrNoStateDir: the user has no home, and so no directory for state.
var ErrNoStateDir = errors.New("there is no home directory for the state of this user: set HOME")

// guardBase is the guard's path without its suffix. Two PID files with the same hash are told apart by Entry.PIDFile.
func (r Ref) guardBase() string {
	h := fnv.New64a()
	h.Write([]byte(r.Path))
	return filepath.Join(r.StateDir, "daemons", fmt.Sprintf("%016x", h.Sum64()))
}

// claim takes the guard. holder is who has it already. An error means that there is no guard, which is survived.
func (r Ref) claim() (g *guard, holder *Finding, err error) {
	if r.StateDir == "" {
		return nil, nil, ErrNoStateDir
	}
	base := r.guardBase()
	if err := safefile.MkdirAll(filepath.Dir(base), 0o700); err != nil {
		return nil, nil, err
	}
	fl, err := tryLock(base+".lock", (*flock.Flock).TryLock)
	if err != nil {
		return nil, nil, err
	}
	if fl == nil {
		if e, err := readEntry(base + ".json"); err == nil && !isPath(e.PIDFile, r.Path) {
			return nil, nil, fmt.Errorf("%q has the same key", e.PIDFile)
		}
		f := r.lookGuard(Finding{Reason: "its guard in " + r.StateDir + " is held"})
		return nil, &f, nil
	}
	return &guard{fl}, nil, nil
}

// enter writes the entry of self, who holds the guard and is the daemon.
func (r Ref) enter(self proc.Info) error {
	e := Entry{PIDFile: r.Path, Project: r.Project, Name: r.name(), PID: self.PID, Identity: self.Identity}
	b, err := json.Marshal(entryJSON{e, unsaid(e.PIDFile), unsaid(e.Project)})
	if err != nil {
		return err
	}
	return safefile.ReplaceState(r.guardBase()+".json", append(b, '\n'), guardMode)
}

// name is the daemon's name, or where nobody has said it the one that its PID file has: web for .apex/web.pid.
func (r Ref) name() string { return cmp.Or(r.Name, strings.TrimSuffix(filepath.Base(r.Path), ".pid")) }

// Known reports whether the index has r: a daemon of this user has run with this PID file.
func (r Ref) Known() bool { return r.StateDir != "" && !isMissing(r.guardBase()+".json") }

// Others are the daemons of r's project and name that run with other PID files, as far as this user's index knows: who changes the path of the PID file while the daemon runs has them.
func (r Ref) Others() []Ref {
	return slices.DeleteFunc(r.namesakes(), func(o Ref) bool { return o.Path == r.Path || !o.Look().Running })
}

// Survivors are the daemons of r's project and name that run, and then those that have not ended cleanly, as far as this user's index knows: it outlives the project, and the
// configuration that said where the PID file is.
func (r Ref) Survivors() []Ref {
	var running, killed []Ref
	for _, o := range r.namesakes() {
		switch {
		case o.Look().Running:
			running = append(running, o)
		case o.Unfinished():
			killed = append(killed, o)
		}
	}
	return append(running, killed...)
}

// namesakes are the daemons of r's project and name in this user's index.
func (r Ref) namesakes() []Ref {
	entries, _ := Entries(r.StateDir) // what cannot be read is not known
	var all []Ref
	for _, e := range entries {
		if e.Project == r.Project && e.Name == r.name() {
			all = append(all, Ref{Path: e.PIDFile, Project: e.Project, StateDir: r.StateDir, Name: e.Name})
		}
	}
	return all
}

// Unfinished reports whether the last daemon here, of this user and since the machine was started, did not end cleanly. It knows also when the record was
// deleted. While a daemon runs it is unfinished.
func (r Ref) Unfinished() bool { return r.unfinished() != nil }

// unfinished is what is known of that daemon, or nil: a record of it that somebody deleted, as far as it can be made again.
func (r Ref) unfinished() *Record {
	if r.StateDir == "" {
		return nil
	}
	e, err := readEntry(r.guardBase() + ".json")
	if err != nil || !isPath(e.PIDFile, r.Path) || e.PID == 0 {
		return nil
	}
	if _, err := proc.Match(e.PID, e.Identity); errors.Is(err, proc.ErrOtherBoot) {
		return nil
	}
	return &Record{PID: e.PID, Identity: e.Identity, ProjectPath: e.Project, Name: e.Name, Workload: &Workload{}, owner: os.Geteuid()} // whose directory the index is
}

// lookGuard turns f, which found no owner, into the one that the guard knows, if that is a live process holding it.
func (r Ref) lookGuard(f Finding) Finding {
	if r.StateDir == "" {
		return f
	}
	base := r.guardBase()
	e, err := readEntry(base + ".json")
	if err != nil || !isPath(e.PIDFile, r.Path) {
		return f
	}
	info, err := proc.Match(e.PID, e.Identity)
	if err != nil {
		return f
	}
	if state, _ := askLock(base + ".lock"); state != LockHeld {
		return f
	}
	f.Running, f.PID, f.Process = true, info.PID, info
	f.State, f.Reason = "", ""
	f.Warnings = []string{"its record is not there; the daemon was found in " + r.StateDir}
	return f
}

func (g *guard) release() error {
	if g == nil {
		return nil
	}
	return g.fl.Unlock()
}

func readEntry(path string) (Entry, error) {
	var e entryJSON
	b, _, err := safefile.Read(path, maxRecord)
	if err != nil {
		return e.Entry, err
	}
	if err := json.Unmarshal(b, &e); err != nil {
		return e.Entry, fmt.Errorf("%q is no entry: %w", path, err)
	}
	e.PIDFile, e.Project = said(e.PIDFile, e.PIDFileBytes), said(e.Project, e.ProjectBytes)
	return e.Entry, nil
}

// Entries returns the index in stateDir, in no particular order. A missing directory is an empty index, and "" is ErrNoStateDir. The error names what could not be
// read; the other entries are returned with it.
func Entries(stateDir string) ([]Entry, error) {
	if stateDir == "" {
		return nil, ErrNoStateDir
	}
	dir := filepath.Join(stateDir, "daemons")
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	errs := []error{err}
	var entries []Entry
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".json") {
			continue
		}
		e, err := readEntry(filepath.Join(dir, f.Name()))
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed meanwhile
		case err != nil:
			errs = append(errs, err)
		case e.PIDFile != "":
			entries = append(entries, e)
		}
	}
	return entries, errors.Join(errs...)
}

// Forget removes r from the index, if its project is gone and nothing of it can still run. It reports whether it has. It takes the guard while it does so: a daemon that starts meanwhile
// waits for it, and makes its entry anew.
func (r Ref) Forget() bool {
	if r.StateDir == "" || !isMissing(r.Project) || !isMissing(r.Path) || r.Unfinished() {
		return false
	}
	base := r.guardBase()
	e, err := readEntry(base + ".json")
	if err != nil || !isPath(e.PIDFile, r.Path) {
		return false
	}
	fl, err := tryLock(base+".lock", (*flock.Flock).TryLock)
	if err != nil || fl == nil {
		return false
	}
	defer fl.Unlock()                            // nothing more can be done
	if !isMissing(r.Project) || r.Unfinished() { // one has started and ended before the guard was ours
		return false
	}
	err = os.Remove(base + ".json")
	_ = os.Remove(base + ".lock") // whoever waits for this one finds that it is not there any more; on Windows it stays
	return err == nil
}

func isMissing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}
