package pidfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

// Ref names one daemon's PID file. It is a value; its methods are safe for concurrent use.
type Ref struct {
	Path     string // of the record; the lock is Path + ".lock"
	Project  string // real path of the project
	StateDir string // per-user directory of the guard (see guard.go); "" is none
	Name     string // the daemon's, for the index; "" is that of the PID file
}

// LockPath is the lock's path, always beside the record.
func (r Ref) LockPath() string { return r.Path + ".lock" }

// LockState is what could be learnt of the lock without keeping it.
type LockState int

// The lock's states. LockNotAsked: the record had answered already, and asking takes the lock for an instant.
const (
	LockNotAsked LockState = iota
	LockFree               // or the file does not exist
	LockHeld
	LockUnknown // it could not be asked; Finding.Err says why
)

// Finding is what one look at the files and at the process table tells. Looking changes nothing on disk.
type Finding struct {
	Running  bool          // a daemon has this project (CONTRACT.md section 4)
	PID      int           // whose identity was verified; 0 while it is not known
	Process  proc.Info     // of PID; zero when PID is 0
	Record   *Record       // nil when missing, unreadable, or copied from another project
	Lock     LockState     //
	Holder   int           // whom the kernel names as the lock's holder while PID is 0; 0 where it names nobody
	State    service.State // of a daemon that does not run: stopped, failed or unknown
	Reason   string        // why State is failed or unknown, or PID is 0
	Foreign  bool          // a record lies there of another directory, from which this one was copied or moved, and its process is gone: it is of no use to anybody
	Warnings []string      // what a person should know
	Err      error         // the record or the lock could not be read
}

// Read returns the record at path. Errors: fs.ErrNotExist, also of a record that says of itself that it has ended, *CorruptError, safefile.ErrUnsafe, or what the system said.
func Read(path string) (*Record, error) {
	b, fi, err := safefile.Read(path, maxRecord)
	if err != nil {
		if errors.Is(err, safefile.ErrTooLarge) {
			return nil, &CorruptError{path, err}
		}
		return nil, err
	}
	r, err := Decode(b)
	if err != nil {
		return nil, &CorruptError{path, err}
	}
	r.owner = ownerOf(fi)
	if r.Ended {
		return nil, &fs.PathError{Op: "read", Path: path, Err: fs.ErrNotExist}
	}
	return r, nil
}

// Look says who is running. It reads the record first, since a verified live process answers without touching the lock; otherwise the
// lock decides, and is asked by taking it shared for an instant, which a concurrent Acquire waits out.
func (r Ref) Look() Finding {
	return r.lookAfter(Read(r.Path))
}

// lookAfter is Look after its first reading of the record.
func (r Ref) lookAfter(rec *Record, err error) Finding {
	s := r.sight(rec, err)
	if s.answered() {
		return s.judge()
	}
	s.lock, s.lockErr = askLock(r.LockPath())
	if s.lock == LockHeld {
		s.nameHolder()
	}
	// The record may have been written since, also by a daemon that ended between the two looks: with the lock free, what stands there now is its last word.
	if again, err := Read(r.Path); again != nil || s.lock == LockFree {
		lock, lockErr, holder := s.lock, s.lockErr, s.holder
		s = r.sight(again, err)
		s.lock, s.lockErr, s.holder = lock, lockErr, holder
	}
	f := s.judge()
	if s.rec == nil && f.PID == 0 { // deleted, or not written yet, or removed a moment before the end
		return r.lookGuard(f)
	}
	return f
}

// nameHolder asks who has the lock. Where the kernel does not say it (overlays, btrfs) the process of a record of another directory has it if it has this lock's file open, as the
// daemon of a project that was moved: nobody can have made it open a file of his.
func (s *sight) nameHolder() {
	path, named := s.ref.LockPath(), false
	s.holder, named = proc.LockHolder(path)
	if !named && s.rec != nil && s.match == matchIdentity && !s.sameProject() && proc.HasOpen(s.process.PID, path) {
		s.holder = s.process.PID
	}
}

// sight is everything that judge needs: facts only, no decisions.
type sight struct {
	ref    Ref
	rec    *Record
	recErr error // nil when missing

	process proc.Info
	match   matching

	lock    LockState
	lockErr error
	holder  int // PID that the kernel names as holding the lock, 0 unknown

	system string // that the record was written on, of matchSystem
}

// matching says how the record's PID relates to a process here.
type matching int

const (
	matchNone      matching = iota // no such process, a zombie, or another process has the PID now
	matchIdentity                  // the identity is that of the live process
	matchTime                      // no identity recorded; alive, its owner's, and started when the record says
	matchAlive                     // a process has this PID, and nothing tells whether it is the one
	matchElsewhere                 // recorded in another PID namespace: it cannot be looked up from here
	matchSystem                    // recorded on another kind of system, whose locks do not reach here
	matchBoot                      // recorded before the machine was restarted
	matchHidden                    // the system does not let us look (hidepid, permissions)
)

// startSlack is how far startedAt may be from the start time that the OS reports, where no identity was recorded (CONTRACT.md 4.6).
const startSlack = 2 * time.Second

func (r Ref) sight(rec *Record, err error) sight {
	s := sight{ref: r, rec: rec, recErr: err}
	if errors.Is(err, fs.ErrNotExist) {
		s.recErr = nil
	}
	if rec == nil {
		return s
	}
	if rec.Identity.IsZero() {
		s.process, s.match = matchForeign(rec, rec.owner)
		return s
	}
	info, err := proc.Match(rec.PID, rec.Identity)
	s.process = info
	switch {
	case err == nil:
		s.match = matchIdentity
	case errors.Is(err, proc.ErrOtherNamespace):
		s.match = matchElsewhere
		if s.system = rec.Identity.OtherSystem(); s.system != "" {
			s.match = matchSystem
		}
	case errors.Is(err, proc.ErrOtherBoot):
		s.match = matchBoot
	case !errors.Is(err, proc.ErrNotFound) && !errors.Is(err, proc.ErrOtherIdentity):
		s.match = matchHidden
	}
	return s
}

// matchForeign applies section 4.6 to a record without identity: alive, of the record's owner, started within startSlack of startedAt.
func matchForeign(rec *Record, owner int) (proc.Info, matching) {
	if rec.PID == os.Getpid() { // this process looks for a daemon, it is none: what stands there is chance, or bait
		return proc.Info{}, matchNone
	}
	info, err := proc.Inspect(rec.PID)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return info, matchHidden
	case err != nil || info.Zombie:
		return proc.Info{}, matchNone
	case rec.bare || rec.StartedAt.IsZero():
		return info, matchAlive
	}
	d := info.Started.Sub(rec.StartedAt.Time)
	if owner != info.UID || d < -startSlack || d > startSlack {
		return info, matchNone
	}
	return info, matchTime
}

func (s sight) sameProject() bool {
	return isPath(s.rec.ProjectPath, s.ref.Project) || s.rec.ProjectPath == "" && s.rec.Identity.IsZero()
}

// answered reports whether the record alone says that the daemon runs, so that the lock need not be asked. One that has failed may have been a part of a program
// that goes on.
func (s sight) answered() bool {
	return s.rec != nil && s.match == matchIdentity && s.sameProject() && s.rec.State != service.StateFailed
}

// judge is section 4 of the contract as one function of the facts.
func (s sight) judge() Finding {
	f := Finding{Record: s.rec, Lock: s.lock, Err: errors.Join(s.recErr, s.lockErr)}
	if s.match == matchSystem && s.lock != LockHeld && s.rec.State != service.StateFailed {
		return s.beyond(f)
	}
	if s.rec != nil && !s.sameProject() && s.lock != LockHeld {
		return s.copied(f)
	}
	switch {
	case s.answered():
		f.Running, f.PID, f.Process = true, s.process.PID, s.process
	case s.lock == LockHeld:
		return s.held(f)
	case s.rec != nil && s.match == matchTime:
		f.Running, f.PID, f.Process = true, s.process.PID, s.process
		f.Warnings = append(f.Warnings, fmt.Sprintf("the record was not written by apexd; PID %d was recognised by its owner and start time", f.PID))
	case s.lock == LockUnknown:
		f.State, f.Reason = service.StateUnknown, fmt.Sprintf("the lock could not be asked: %v", s.lockErr)
	case s.rec == nil && s.recErr == nil:
		f.State = service.StateStopped
	default:
		return s.stale(f)
	}
	return f
}

// held: somebody has the lock. The record says who only where its identity is that of a live process.
func (s sight) held(f Finding) Finding {
	f.Running, f.Holder = true, s.holder
	known := s.rec != nil && (s.match == matchIdentity || s.match == matchTime)
	switch {
	case known && (s.sameProject() || s.holder == s.process.PID):
		f.PID, f.Process, f.Holder = s.process.PID, s.process, 0
		if !s.sameProject() {
			f.Warnings = append(f.Warnings, fmt.Sprintf("the daemon was started when the project was %q: what is shown here may be out of date until \"apexd restart\"", s.rec.ProjectPath))
			s.moveLog()
		}
		return f
	case s.recErr != nil:
		f.Reason = fmt.Sprintf("the lock is held, and the record cannot be read: %v", s.recErr)
	case s.rec == nil:
		f.Reason = "the lock is held, and there is no record"
	case s.match == matchElsewhere:
		f.Reason = "the lock is held by a daemon in another PID namespace (a container that shares this directory); it can be neither seen nor signalled from here"
	case s.match == matchSystem:
		f.Reason = "the lock is held, and the record was written under " + s.system + ": by a daemon that can be neither seen nor signalled from here, or before this one"
	default:
		f.Reason = "the lock is held, and the record is not that of its holder"
	}
	if s.match != matchElsewhere {
		f.Record = nil
	}
	if s.holder != 0 {
		f.Reason += fmt.Sprintf("; the kernel names PID %d as the holder of the lock", s.holder)
	}
	f.Warnings = append(f.Warnings, f.Reason)
	return f
}

// moveLog has the record, of a project that was moved, say where the log is now.
func (s sight) moveLog() {
	if s.rec.Log == nil {
		return
	}
	if rest, below := strings.CutPrefix(s.rec.Log.Path, s.rec.ProjectPath+string(filepath.Separator)); below {
		s.rec.Log.Path = filepath.Join(s.ref.Project, rest)
	}
}

// beyond: the record is of another kernel, which shares the directory (WSL and Windows, a virtual machine and its host). That its lock is free here says nothing, and its path is another one
// there.
func (s sight) beyond(f Finding) Finding {
	f.Record, f.State = nil, service.StateUnknown
	f.Reason = fmt.Sprintf("a daemon under %s has written the record, and its lock does not reach here: ask there, with apexd status; if it is gone for good, remove %q", s.system, s.ref.Path)
	return f
}

// copied: the record came along with the directory (cp -r, a backup, a clone; mv of one whose daemon was then killed). It says nothing of this project.
func (s sight) copied(f Finding) Finding {
	f.Record, f.State = nil, service.StateStopped
	warning := "the record was copied from %q and is ignored"
	if s.match == matchNone { // of another boot it may be another machine's, whose locks do not reach this one
		f.Foreign, warning = true, `the record is that of %q, from which this directory was copied or moved, and is ignored: "apexd stop" clears it away`
	}
	f.Warnings = append(f.Warnings, fmt.Sprintf(warning, s.rec.ProjectPath))
	if s.lock == LockUnknown {
		f.State, f.Reason = service.StateUnknown, fmt.Sprintf("the lock could not be asked: %v", s.lockErr)
	}
	return f
}

// stale: a record is there, its process is not, and nobody has the lock.
func (s sight) stale(f Finding) Finding {
	f.State = service.StateFailed
	switch {
	case s.recErr != nil && !errors.Is(s.recErr, service.ErrPIDFileCorrupted):
		f.State, f.Reason = service.StateUnknown, fmt.Sprintf("the record cannot be read: %v", s.recErr)
	case s.recErr != nil:
		f.Reason = fmt.Sprintf("the record is corrupt and nobody holds the lock: %v", s.recErr)
	case s.match == matchAlive:
		f.State = service.StateUnknown
		f.Reason = fmt.Sprintf("the PID file holds only the number %d; a process has that PID, and nothing tells whether it is the daemon", s.rec.PID)
	case s.match == matchHidden:
		f.State, f.Reason = service.StateUnknown, fmt.Sprintf("the system does not show process %d to this user", s.rec.PID)
	case s.match == matchBoot:
		f.Reason = "the machine was restarted while it ran"
	case s.rec.State == service.StateFailed:
		f.Reason = s.rec.StatusText
	default:
		f.Reason = fmt.Sprintf("process %d is gone and left its record: it was killed or crashed", s.rec.PID)
	}
	return f
}

// askLock takes the lock shared for an instant. It neither creates nor changes the file.
func askLock(path string) (LockState, error) {
	name, release, err := safefile.Hold(path)
	if errors.Is(err, fs.ErrNotExist) {
		return LockFree, nil
	}
	if err != nil {
		return LockUnknown, err
	}
	defer release()
	fl := flock.New(name, flock.SetFlag(os.O_RDONLY|safefile.Flags))
	ok, err := fl.TryRLock()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return LockFree, nil
	case err != nil:
		return LockUnknown, of(path, err)
	case !ok:
		return LockHeld, nil
	}
	fi, err := fl.Stat()
	if err == nil {
		err = safefile.Check(path, fi)
	}
	if e := fl.Unlock(); err == nil {
		err = e
	}
	if err != nil {
		return LockUnknown, err
	}
	return LockFree, nil
}

// Owner is the user ID that owned the record's file, the very one that was read; -1 when there is none or the system has no such thing.
func (f Finding) Owner() int {
	if f.Record == nil {
		return -1
	}
	return f.Record.owner
}

// Owner is the user ID that owned the file that r was read from; -1 when the system has no such thing. Of a record that was not read it is 0.
func (r *Record) Owner() int { return r.owner }
