package pidfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/service"
)

const (
	dirMode    = 0o755
	recordMode = 0o644
	lockMode   = 0o644
)

// acquireWait bounds how long Acquire tries again while the lock is held and nobody can be named as its owner: another starter that has not written its record yet, or a
// reader that asks the lock. Both take microseconds of processor time, which a busy machine may not give for seconds. acquireBrief does for who clears away, and where no
// first record is to be expected: there is one, of a daemon in another PID namespace perhaps, or the kernel names a holder that is older than acquireWait.
const (
	acquireWait  = 5 * time.Second
	acquireBrief = time.Second
)

// clearWait bounds how long a daemon waits for those who only clear away: what they end has five seconds for its last moments.
const clearWait = 10 * time.Second

// Lock is the right to be this project's daemon. The kernel takes it back when the process ends, however it ends.
type Lock struct {
	ref   Ref
	self  proc.Info
	guard *guard

	mu     sync.Mutex
	fl     *flock.Flock // nil where there is no place for one, see AcquireToClear
	dir    *os.Root     // of record and lock, wherever it is moved to; nil where it cannot be held, or nobody needs it
	failed bool         // the record could not be written, and a part of it may be left
	lost   bool         // another daemon has the place, see Heal
	absent bool         // there was no record when the last one was written

	reserves bool     // Reserve was called
	room     *os.File // of the next record on a full disk, nil where there is none
}

// Acquired is what Acquire found in the place.
type Acquired struct {
	Previous *Record  // of a daemon that did not stop cleanly, or nil; not that of a copied project. Where it was deleted, what the index knows
	Warnings []string // for the log
}

// Acquire takes the exclusive lock beside r.Path, making the directory and the lock file where they are missing. It returns a *service.Error:
//
//   - ALREADY_RUNNING with the owner's PID (0 while nobody can tell): somebody holds the lock, or a live process is the recorded daemon
//     although the lock file was deleted;
//   - PERMISSION_DENIED or LOCK_FAILED with the path: the directory or the lock cannot be made, is a link, or cannot be locked; or somebody has been clearing away
//     what the last daemon left, see AcquireToClear, for longer than is waited for.
//
// After an error nothing is held; an empty lock file may be left, as it would be by any daemon.
func (r Ref) Acquire(ctx context.Context) (*Lock, Acquired, error) { return r.acquire(ctx, true) }

// patience is how long it is worth while to wait until it is known who f is, which has the place.
func patience(f *Finding, daemon bool) time.Duration {
	if !daemon || f.Record != nil {
		return acquireBrief
	}
	if p, err := proc.Inspect(f.Holder); err == nil && p.Age >= acquireWait {
		return acquireBrief
	}
	return acquireWait
}

// AcquireToClear is Acquire for somebody who only clears away what a daemon has left. It keeps daemons out and is none: the lock is taken shared, so that who looks
// meanwhile finds it free, and the truth, that the last daemon is gone; and nothing is entered, so that nobody signals it. Others of the same user who clear are
// kept out by the guard; what another user's does at the same time is the same. Where the project directory is gone the guard is all that is taken, and nothing is made anew.
func (r Ref) AcquireToClear(ctx context.Context) (*Lock, Acquired, error) {
	return r.acquire(ctx, false)
}

func (r Ref) acquire(ctx context.Context, daemon bool) (*Lock, Acquired, error) {
	self, err := proc.Self()
	if err != nil {
		return nil, Acquired{}, &service.Error{Op: "identify this process", Code: service.CodeLockFailed, Err: err}
	}
	if err := r.mayReplace(); err != nil { // before anything is made
		return nil, Acquired{}, err
	}
	if dir := filepath.Dir(r.Path); daemon || !r.homeless() {
		if err := safefile.MkdirAll(dir, dirMode); err != nil {
			return nil, Acquired{}, lockError(dir, err)
		}
	}
	begun := time.Now()
	for wait := time.Millisecond; ; wait = min(2*wait, 20*time.Millisecond) {
		l, got, busy, err := r.try(self, daemon)
		switch {
		case err != nil:
			return nil, got, err
		case busy == nil:
			return l, got, nil
		}
		if took := time.Since(begun); busy.PID != 0 || took >= patience(busy, daemon) {
			cleared := daemon && busy.PID == 0 && r.onlyShared()
			if !cleared || took >= clearWait {
				return nil, got, r.busyError(*busy, cleared)
			}
		}
		select { // polling: no system tells when a lock that somebody else asked for is free again, short of blocking for ever
		case <-ctx.Done():
			return nil, got, &service.Error{Op: "lock", Code: service.CodeLockFailed, Path: r.LockPath(), Err: context.Cause(ctx)}
		case <-time.After(wait):
		}
	}
}

// try makes one attempt. busy is who is in the way.
func (r Ref) try(self proc.Info, daemon bool) (l *Lock, got Acquired, busy *Finding, err error) {
	take := (*flock.Flock).TryLock
	if !daemon {
		take = (*flock.Flock).TryRLock
	}
	l = &Lock{ref: r, self: self}
	if daemon || !r.homeless() {
		if l.fl, err = tryLock(r.LockPath(), take); err != nil {
			return nil, got, nil, lockError(r.LockPath(), err)
		}
		if l.fl == nil {
			return nil, got, r.owner(), nil
		}
	}
	defer func() {
		if busy != nil || err != nil {
			l.Release()
			l = nil
		}
	}()
	rec, recErr := Read(r.Path)
	s := r.sight(rec, recErr)
	s.lock = LockFree
	f := s.judge()
	if f.Running && f.PID != self.PID { // the lock file was deleted under a live daemon, or another tool's daemon runs
		return l, got, &f, nil
	}
	if errors.Is(recErr, safefile.ErrUnsafe) || errors.Is(recErr, fs.ErrPermission) {
		return l, got, nil, lockError(r.Path, recErr)
	}
	got.Previous = f.Record
	got.Warnings = f.Warnings
	if f.State != service.StateStopped && f.Reason != "" {
		got.Warnings = append(got.Warnings, f.Reason)
	}
	g, holder, err := r.claim()
	if holder != nil {
		return l, got, holder, nil
	}
	if err != nil && l.fl == nil { // nothing would keep anybody out
		return l, got, nil, lockError(r.StateDir, err)
	}
	if got.Previous == nil {
		got.Previous = r.unfinished()
	}
	safefile.RemoveTemps(r.Path) // also of a daemon that was killed before its first record, with nowhere to note that it had begun
	if err == nil && daemon {
		safefile.RemoveTemps(r.guardBase() + ".json") // of one that was killed before anything told of it
		err = r.enter(self)
	}
	if err != nil {
		got.Warnings = append(got.Warnings, fmt.Sprintf("this daemon cannot be protected against a deleted %s: %v", filepath.Dir(r.Path), err))
	}
	if daemon {
		l.dir, _ = os.OpenRoot(filepath.Dir(r.Path)) // else its record stays behind where it is moved to
	}
	l.guard = g
	return l, got, nil, nil
}

// homeless reports whether there is neither the project nor the directory of its record.
func (r Ref) homeless() bool { return isMissing(r.Project) && isMissing(filepath.Dir(r.Path)) }

// mayReplace reports why the file at the path is not to be replaced or removed: it is neither a record nor empty, and has not the name of a PID file. Else a wrong path, or one that came with
// somebody's project, would cost a file.
func (r Ref) mayReplace() error {
	if filepath.Ext(r.Path) == ".pid" {
		return nil
	}
	if _, err := Read(r.Path); !errors.Is(err, service.ErrPIDFileCorrupted) {
		return nil
	}
	if fi, err := os.Lstat(r.Path); err == nil && fi.Size() == 0 {
		return nil
	}
	return &service.Error{
		Op: "use the PID file", Code: service.CodePIDFileCorrupted, Path: r.Path, Err: errors.New("the file is neither a record nor a PID, and not named like a PID file"),
		Hint: "nothing is overwritten or removed that may be somebody's; give another path, which should end in .pid, or remove the file yourself",
	}
}

// owner looks for a name to give to the holder of the lock.
func (r Ref) owner() *Finding {
	rec, err := Read(r.Path)
	s := r.sight(rec, err)
	s.lock = LockHeld
	if rec != nil && !s.sameProject() { // a project that was moved has its daemon still
		s.nameHolder()
	}
	f := s.judge()
	if f.PID == 0 && s.match != matchElsewhere {
		if g := r.lookGuard(f); g.Running {
			return &g
		}
	}
	return &f
}

// onlyShared reports whether no daemon has the lock: those who have it only clear away, or look.
func (r Ref) onlyShared() bool {
	state, err := askLock(r.LockPath())
	return err == nil && state == LockFree
}

// busyError is about the holder f, or where the place is only cleared about that.
func (r Ref) busyError(f Finding, cleared bool) error {
	if cleared {
		return &service.Error{
			Op: "start daemon", Code: service.CodeLockFailed, Path: r.LockPath(), Err: errors.New("somebody is still clearing away what the last daemon has left"),
			Hint: `a "stop" or "kill" waits for a process that does not end; try again when it has returned`,
		}
	}
	e := &service.Error{Op: "start daemon", Code: service.CodeAlreadyRunning, PID: f.PID, Hint: `see it with "apexd status", stop it with "apexd stop"`}
	if f.PID != 0 {
		e.Err = fmt.Errorf("it is already running as PID %d", f.PID)
	} else {
		e.Err = fmt.Errorf("it is already running: %s", f.Reason)
	}
	return e
}

// taker is Flock.TryLock, or for a shared lock Flock.TryRLock.
type taker = func(*flock.Flock) (bool, error)

// tryLock returns (nil, nil) when somebody else holds the lock. It makes sure that the locked file is the one at path: a
// lock on a file that was deleted or replaced meanwhile protects nothing.
func tryLock(path string, take taker) (*flock.Flock, error) {
	for range 10 {
		fl, again, err := tryLockOnce(path, take)
		if !again {
			return fl, err
		}
	}
	return nil, errors.New("the lock file is replaced again and again")
}

func tryLockOnce(path string, take taker) (fl *flock.Flock, again bool, err error) {
	if err := safefile.Make(path, lockMode); err != nil {
		return nil, false, err
	}
	name, release, err := safefile.Hold(path)
	if err != nil {
		return nil, false, err
	}
	defer release()
	fl = flock.New(name, flock.SetFlag(os.O_RDWR|safefile.Flags))
	ok, err := take(fl)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, true, nil
	}
	if err != nil || !ok {
		return nil, false, of(path, err)
	}
	held, err := fl.Stat()
	if err == nil {
		err = safefile.Check(path, held)
	}
	is := false
	if err == nil {
		is, err = safefile.Names(path, held)
	}
	if is {
		return fl, false, nil
	}
	return nil, err == nil, errors.Join(err, fl.Unlock())
}

// of is err with the path that the file has for people.
func of(path string, err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		e.Path = path
	}
	return err
}

func lockError(path string, err error) error {
	e := &service.Error{Op: "lock", Code: service.CodeLockFailed, Path: path, Err: err}
	switch {
	case errors.Is(err, safefile.ErrUnsafe) || isLoop(err):
		e.Hint = "apexd does not follow links or use special files here; look at it and remove it if it is not yours"
	case errors.Is(err, fs.ErrPermission) || isReadOnly(err):
		e.Code = service.CodePermissionDenied
		e.Hint = "the directory must be writable by the user who runs the daemon, or give another place with --pid-file"
	}
	return e
}

// Self is the identity under which the lock was taken.
func (l *Lock) Self() proc.Info { return l.self }

// Write replaces the record. PID, identity and project path are always those of the holder. After an error the old record is still there; service.ErrAlreadyRunning
// says that it is that of the daemon to which Heal has found the place lost.
func (l *Lock) Write(rec Record) error {
	if l.lost {
		return l.alreadyRunning()
	}
	rec.PID, rec.Identity, rec.Schema = l.self.PID, l.self.Identity, Schema
	rec.ProjectPath = l.ref.Project
	b, err := rec.Encode()
	if err != nil {
		return err
	}
	found, err := safefile.ReplaceOwn(l.ref.Path, b, recordMode) // its owner is whose processes it may speak of, see Finding.Owner
	if room := l.room; safefile.NoSpace(err) && room != nil {
		l.room = nil
		if safefile.ReplaceFrom(room, l.ref.Path, b) == nil {
			err = nil
		}
	}
	if err == nil && l.failed {
		safefile.RemoveTemps(l.ref.Path) // on a disk that takes nothing nothing can be removed either
	}
	l.failed, l.absent = err != nil, !found
	if l.reserves && !l.failed {
		l.Reserve() // the record before has just given its room back
	}
	return err
}

// WasAbsent reports whether there was no record to replace at the last Write.
func (l *Lock) WasAbsent() bool { return l.absent }

// roomSize is a block of most file systems, and longer than any record but one of a very long path.
const roomSize = 4096

// Reserve keeps room for the next record from now on, so that it can be written when the disk is full (Linux, on file systems that have files without a name). Where there is none, it is
// tried again after each record.
func (l *Lock) Reserve() {
	l.reserves = true
	if l.room == nil {
		l.room, _ = safefile.Reserve(l.ref.Path, roomSize, recordMode)
	}
}

// dropRoom is for another place.
func (l *Lock) dropRoom() {
	if l.room != nil {
		l.room.Close()
		l.room = nil
	}
}

// Remove removes the record, if it is still ours or nobody's, and notes in the index that the end was clean. A missing record is no error. One that somebody keeps open so that it
// cannot be removed (Windows) says from then on that it has ended, which Read takes for a missing one. Where the project was moved it is removed in its new place.
func (l *Lock) Remove() error {
	if l.guard != nil {
		_ = l.ref.enter(proc.Info{}) // else the next daemon looks for leftovers, and finds none
	}
	rec, err := Read(l.ref.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return l.removeMoved()
	}
	if rec != nil && (rec.PID != l.self.PID || rec.Identity != l.self.Identity) && !l.stale(rec) {
		return fmt.Errorf("the record at %q is another process's by now", l.ref.Path)
	}
	err = safefile.Remove(l.ref.Path)
	if err != nil && safefile.InUse(err) && rec != nil && l.end(*rec) == nil {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeMoved removes the record in the directory that has the lock, wherever that is by now: who has the lock is who may.
func (l *Lock) removeMoved() error {
	if l.dir == nil {
		return nil
	}
	base := filepath.Base(l.ref.Path)
	there, err := l.dir.Lstat(base + ".lock")
	if err != nil { // deleted, and not moved
		return nil
	}
	held, err := l.fl.Stat()
	if err != nil || !os.SameFile(there, held) {
		return err
	}
	if err := l.dir.Remove(base); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// end has the record say that it means nothing any more.
func (l *Lock) end(rec Record) error {
	rec.Ended = true
	b, err := rec.Encode()
	if err != nil {
		return err
	}
	return safefile.Overwrite(l.ref.Path, b)
}

func (l *Lock) stale(rec *Record) bool {
	s := l.ref.sight(rec, nil)
	return s.match != matchIdentity && s.match != matchTime
}

// Heal looks whether the lock file at the path is still the one that is held, and if not (somebody deleted it, or the whole directory)
// makes and locks it anew, so that no second daemon can. It reports whether that was needed. The caller then writes its record again. An
// error that matches service.ErrAlreadyRunning means that another daemon has the new file: this one must go.
func (l *Lock) Heal() (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held, err := l.fl.Stat()
	if err != nil {
		return false, err
	}
	if is, err := safefile.Names(l.ref.LockPath(), held); is || err != nil {
		return false, err
	}
	if fi, err := os.Stat(l.ref.Project); err != nil || !fi.IsDir() {
		return false, fmt.Errorf("the project directory %q is gone", l.ref.Project)
	}
	if err := safefile.MkdirAll(filepath.Dir(l.ref.Path), dirMode); err != nil {
		return false, err
	}
	fl, err := tryLock(l.ref.LockPath(), (*flock.Flock).TryLock)
	if err != nil {
		return false, err
	}
	if fl == nil {
		if f := l.ref.owner(); f.PID == 0 || f.PID == l.self.PID {
			return false, errors.New("somebody has just locked the new file, a starter that will find this daemon for example")
		}
		l.lost = true
		return false, l.alreadyRunning()
	}
	l.dropRoom() // the directory may be on another file system by now
	old := l.fl
	l.fl = fl
	if l.dir != nil {
		l.dir.Close()
		l.dir, _ = os.OpenRoot(filepath.Dir(l.ref.Path)) // as in try
	}
	return true, old.Unlock()
}

func (l *Lock) alreadyRunning() error {
	return &service.Error{Op: "lock again", Code: service.CodeAlreadyRunning, Path: l.ref.LockPath()}
}

// Release gives the lock back. A daemon does not call it: the kernel does when the process has ended, which is when the next one may start.
func (l *Lock) Release() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropRoom()
	err := l.guard.release()
	if l.fl != nil {
		err = errors.Join(err, l.fl.Unlock())
	}
	if l.dir != nil {
		err = errors.Join(err, l.dir.Close())
	}
	return err
}
