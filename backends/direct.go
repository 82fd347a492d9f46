package backends

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/user"
	"strconv"
	"syscall"
	"time"

	"github.com/joshuaaferguson/apexd/internal/fswatch"
	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// Direct runs the daemon as a detached process of its own, where no service manager is asked. It is a value and safe for concurrent use.
type Direct struct {
	Ref  pidfile.Ref
	Spec service.Spec
	// Exec is the command line that runs the daemon in the foreground and answers on its standard output (see Report): apexd's own path,
	// "run", "--detached" and the flags that name the project.
	Exec []string

	// holder is the process that a manager keeps as this daemon, zero where it keeps none: who holds the lock, where record and kernel name nobody. Nil where nobody can be asked.
	holder func() proc.Info
}

var _ service.Backend = (*Direct)(nil)

// stopMargin is what a stop may take beyond the workload's grace period: the daemon's kill, the last record, its own end.
const stopMargin = 5 * time.Second

// certainYoung bounds how long Stop and Reload ask who holds a lock; certainWait does where the kernel names a holder that is older than that, and will not write a first record any more.
// What they wait for takes microseconds of processor time, which a machine with a thousand runnable processes may not give for many seconds: a daemon's first record, or,
// when the daemon was killed while it forked, the execve(2) or the end of the child, which has the lock until then and no name (the kernel keeps the PID that took it).
// certainEvery is how soon they ask again, certainMost how late in the end: a thousand that ask would keep from its work the one that is asked about.
const (
	certainWait  = 5 * time.Second
	certainYoung = time.Minute
	certainEvery = 2 * time.Millisecond
	certainMost  = 100 * time.Millisecond
)

// reloadWait bounds the wait for a daemon's answer to a reload.
const reloadWait = 10 * time.Second

// Kind implements service.Backend.
func (d *Direct) Kind() service.Kind { return service.KindDirect }

// Status implements service.Backend. It takes no more than one look and never fails: what cannot be found out is a state of its own.
func (d *Direct) Status(context.Context) (service.Status, error) {
	return d.Ref.Look().Status(d.Ref, d.Spec.Name), nil
}

// Stop implements service.Backend. Of a daemon that crashed it ends what is left of the workload and clears the record.
func (d *Direct) Stop(ctx context.Context, o service.StopOptions) (service.Stopped, error) {
	began := time.Now()
	f := d.certain(ctx)
	if !f.Running {
		return service.Stopped{}, d.clear(ctx, f)
	}
	h, err := d.handle("stop daemon", f)
	if errors.Is(err, proc.ErrNotFound) { // it ended by itself meanwhile
		return service.Stopped{PID: f.PID, Took: time.Since(began)}, d.clear(ctx, d.Ref.Look())
	}
	if err != nil {
		return service.Stopped{}, err
	}
	defer h.Close()
	s := service.Stopped{PID: f.PID}
	if !o.Force {
		s.Killed, err = d.ask(ctx, h, o.Timeout)
	}
	if o.Force || s.Killed {
		s.Killed, err = true, d.kill(ctx, h)
	}
	s.Took = time.Since(began)
	if err != nil {
		return s, stopError(f.PID, err)
	}
	s.WorkloadKilled = d.workloadKilled(s, began)
	return s, d.clear(ctx, d.Ref.Look())
}

// workloadKilled is whether the workload of the daemon that s tells of, which was asked to stop at began, was killed: what the daemon has noted last, and where it was
// killed before it could, yes. Nil where there is no history, or where it could not be written.
func (d *Direct) workloadKilled(s service.Stopped, began time.Time) *bool {
	e, found := history.Last(supervise.HistoryPath(d.Ref), func(e history.Event) bool {
		return e.Event == history.Stopped && e.PID == s.PID && !e.At.Before(began)
	})
	switch {
	case found:
		return e.Killed
	case s.Killed:
		return &s.Killed
	}
	return nil
}

// certain looks until it is known who runs, or whether nobody does: between the end of a record and the end of its daemon, and between the lock and the
// first record of the next, lie microseconds in which the lock is held by nobody in particular. When that lasts it is somebody else's lock.
func (d *Direct) certain(ctx context.Context) pidfile.Finding {
	begun, limit := time.Now(), certainWait
	for wait := certainEvery; ; wait = min(2*wait, certainMost) {
		f := d.Ref.Look()
		if !f.Running || f.PID != 0 || f.Record != nil {
			return f
		}
		if d.holder != nil {
			if f.Process = d.holder(); f.Process.PID != 0 {
				f.PID = f.Process.PID
				return f
			}
		}
		if limit = max(limit, certainFor(f)); time.Since(begun) >= limit { // one that is named changes hands, and for a moment nobody is
			return f
		}
		select { // polling: no system tells when somebody else's lock is released
		case <-time.After(wait):
		case <-ctx.Done():
			return f
		}
	}
}

// certainFor is how long it is worth while to ask about f.
func certainFor(f pidfile.Finding) time.Duration {
	if f.Holder == 0 {
		return certainYoung
	}
	if p, err := proc.Inspect(f.Holder); err == nil && p.Age >= certainYoung {
		return certainWait
	}
	return certainYoung
}

// rouse wakes the daemon of f where it is suspended, so that it hears its manager, which need not send SIGCONT.
func (d *Direct) rouse(f pidfile.Finding) {
	if !f.Process.Suspended {
		return
	}
	if h, err := d.handle("stop daemon", f); err == nil {
		wake(h)
		h.Close()
	}
}

// handle opens the process of f for signalling, after everything that speaks against it.
func (d *Direct) handle(op string, f pidfile.Finding) (*proc.Handle, error) {
	if f.PID == 0 {
		return nil, &service.Error{
			Op: op, Code: service.CodeStopFailed, Path: d.Ref.Path, Err: errors.New(f.Reason),
			Hint: "nothing is signalled while its PID is not certain; stop it where it was started",
		}
	}
	if owner := f.Owner(); owner >= 0 && f.Process.UID >= 0 && owner != f.Process.UID {
		return nil, &service.Error{
			Op: op, Code: service.CodePermissionDenied, Path: d.Ref.Path, PID: f.PID,
			Err:  fmt.Errorf("the record belongs to %s and the process to %s", userName(owner), userName(f.Process.UID)),
			Hint: "a record is no authority over other users' processes; look at both",
		}
	}
	h, err := proc.Open(f.PID, f.Process.Identity)
	if errors.Is(err, fs.ErrPermission) {
		return nil, denied(op, f)
	}
	return h, err
}

func denied(op string, f pidfile.Finding) error {
	return &service.Error{
		Op: op, Code: service.CodePermissionDenied, PID: f.PID,
		Err:  fmt.Errorf("it belongs to %s", userName(f.Process.UID)),
		Hint: "run the same command as that user, or with sudo",
	}
}

// ask requests a graceful stop and waits for the daemon's end. late reports that it did not come in time.
func (d *Direct) ask(ctx context.Context, h *proc.Handle, timeout time.Duration) (late bool, err error) {
	if timeout <= 0 {
		timeout = d.Spec.StopTimeout + stopMargin // the daemon itself kills its workload after StopTimeout
	}
	if err := requestStop(d.Ref, h); err != nil {
		if errors.Is(err, proc.ErrNotFound) {
			return false, nil
		}
		if errors.Is(err, fs.ErrPermission) {
			return false, denied("stop daemon", pidfile.Finding{PID: h.PID(), Process: h.Info()})
		}
		return false, err
	}
	wait, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = h.Wait(wait)
	if err != nil && ctx.Err() == nil {
		return true, nil
	}
	if cause := context.Cause(ctx); err != nil && !errors.Is(err, cause) { // which signal has interrupted it
		err = fmt.Errorf("%w (%w)", cause, err)
	}
	return false, err
}

// kill ends the daemon and its tree without asking.
func (d *Direct) kill(ctx context.Context, h *proc.Handle) error {
	if requestKill(ctx, d.Ref, h) {
		return nil
	}
	kids, _ := proc.Descendants(h.PID()) // where the system cannot tell, clear finds the workload through the record
	if err := h.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, proc.ErrNotFound) {
		if errors.Is(err, fs.ErrPermission) {
			return denied("stop daemon", pidfile.Finding{PID: h.PID(), Process: h.Info()})
		}
		return err
	}
	wait, cancel := context.WithTimeout(ctx, stopMargin)
	defer cancel()
	if err := h.Wait(wait); err != nil {
		return fmt.Errorf("it does not end after SIGKILL: %w", err)
	}
	return supervise.End(wait, kids)
}

// clear takes the place of a daemon that is gone, ends what it left running, and removes its record. What it may not or cannot clear it
// leaves, which is an error only where something still runs.
func (d *Direct) clear(ctx context.Context, f pidfile.Finding) error {
	for range clearTries {
		switch {
		case f.Running || f.State == service.StateStopped && !d.Ref.Unfinished(): // nothing runs, or somebody has started the next one already
			if f.Foreign {
				_ = d.clearOnce(ctx) // whoever may not leaves what is ignored
			}
			return nil
		case f.State == service.StateUnknown && errors.Is(f.Err, fs.ErrPermission):
			return &service.Error{
				Op: "stop daemon", Code: service.CodePermissionDenied, Path: d.Ref.Path, Err: f.Err, Hint: "run the same command as the user whom it belongs to, or with sudo",
			}
		case f.State == service.StateUnknown:
			return &service.Error{
				Op: "stop daemon", Code: service.CodeStopFailed, Path: d.Ref.Path, Err: errors.New(f.Reason),
				Hint: "nothing is signalled while it is not certain; look at the process and remove the file if it is stale",
			}
		}
		err := d.clearOnce(ctx)
		if !errors.Is(err, service.ErrAlreadyRunning) {
			return err
		}
		// Whoever has the place has a name by now, which is the next daemon's, or has gone: another stop, which clears as this one would have, or a daemon that has crashed.
		if f = d.certain(ctx); f.Running && f.PID == 0 && f.Record == nil {
			return stopError(0, fmt.Errorf("what the last daemon has left cannot be cleared: %s", f.Reason))
		}
	}
	return stopError(0, errors.New("somebody else was clearing what the last daemon has left, again and again, and did not end it"))
}

// clearTries bounds how often clear goes after others who clear as well.
const clearTries = 10

// clearOnce is clear where it is known that there is something. Its error matches service.ErrAlreadyRunning where somebody has the place.
func (d *Direct) clearOnce(ctx context.Context) error {
	lock, got, err := d.Ref.AcquireToClear(ctx)
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, stopMargin)
	defer cancel()
	if err = endLeftovers(wait, d.Ref, got.Previous); err != nil {
		err = stopError(0, fmt.Errorf("what it has left running cannot be ended: %w", err))
	} else {
		err = lock.Remove()
	}
	return errors.Join(err, lock.Release())
}

// endLeftovers ends what the daemon of prev, if there was one, has left running.
func endLeftovers(ctx context.Context, ref pidfile.Ref, prev *pidfile.Record) error {
	if prev == nil {
		return nil
	}
	left, err := supervise.Leftovers(ref, prev)
	supervise.AwaitExiting(ctx)
	return errors.Join(err, supervise.End(ctx, left))
}

// Reload implements service.Backend: SIGHUP, and then the record says that it was done.
func (d *Direct) Reload(ctx context.Context) error {
	return d.reload(ctx, func() error {
		f := d.certain(ctx)
		if !f.Running { // it has ended since reload has looked
			return proc.ErrNotFound
		}
		h, err := d.handle("reload daemon", f)
		if err != nil {
			return err
		}
		defer h.Close()
		if err := requestReload(d.Ref, h); errors.Is(err, fs.ErrPermission) {
			return denied("reload daemon", f)
		} else if err != nil {
			return err
		}
		return nil
	})
}

// reload calls request and returns when the record says that the daemon has done it.
func (d *Direct) reload(ctx context.Context, request func() error) error {
	f := d.certain(ctx)
	if !f.Running {
		return &service.Error{Op: "reload daemon", Code: service.CodeNotRunning, Hint: `start it with "apexd start"`}
	}
	before := f.Record
	if before == nil {
		before = &pidfile.Record{Loads: 1}
	}
	ctx, cancel := context.WithTimeout(ctx, reloadWait)
	defer cancel()
	changed, err := fswatch.Changed(ctx, d.Ref.Path)
	if err != nil {
		return err
	}
	ended, release := watchEnd(f)
	defer release()
	if err := request(); errors.Is(err, proc.ErrNotFound) {
		return reloadEnded(f)
	} else if err != nil {
		return err
	}
	for {
		rec, err := pidfile.Read(d.Ref.Path)
		if err == nil && reloaded(before, rec) {
			return nil
		}
		select {
		case <-changed:
		case <-ended:
			return reloadEnded(f)
		case <-ctx.Done():
			return &service.Error{
				Op: "reload daemon", Code: service.CodeStopFailed, PID: f.PID, Err: errors.New("it did not answer within " + reloadWait.String()),
				Hint: `see "apexd logs"; a daemon that cannot write its record, where the disk is full, has reloaded and cannot say so`,
			}
		}
	}
}

// reloaded reports whether the daemon of both records has reloaded between them. The times in them do not say: somebody may have set the clock back.
func reloaded(before, now *pidfile.Record) bool {
	if now.Loads > 0 {
		return now.Loads > before.Loads
	}
	return now.State == service.StateRunning && !now.Since.Equal(before.Since.Time) // by an older apexd, which does not count
}

func reloadEnded(f pidfile.Finding) error {
	return &service.Error{
		Op: "reload daemon", Code: service.CodeNotRunning, PID: f.PID, Err: errors.New("it ended before it had reloaded"), Hint: `see "apexd logs"`,
	}
}

// watchEnd returns a channel that is closed when the process of f has ended, and what ends the watch. Where nobody can be watched the channel stays open.
func watchEnd(f pidfile.Finding) (<-chan struct{}, func()) {
	ended := make(chan struct{})
	h, err := proc.Open(f.PID, f.Process.Identity)
	if err != nil {
		return ended, func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if h.Wait(ctx) == nil {
			close(ended)
		}
	}()
	return ended, func() {
		cancel()
		<-done
		h.Close()
	}
}

func stopError(pid int, err error) error {
	var e *service.Error
	if errors.As(err, &e) {
		return err
	}
	return &service.Error{Op: "stop daemon", Code: service.CodeStopFailed, PID: pid, Err: err, Hint: `try "apexd stop --force"`}
}

// userName is "alice", or "user 1000" when nobody knows the name.
func userName(uid int) string {
	if uid < 0 {
		return "another user"
	}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "user " + strconv.Itoa(uid)
}
