package supervise

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/internal/notify"
	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// systemClock reads the real clocks.
func systemClock() Clock {
	origin := time.Now()
	return Clock{Wall: time.Now, Mono: func() time.Duration { return time.Since(origin) }, Rand: rand.Float64}
}

// statusView is the last published record, for readers in other goroutines.
type statusView struct {
	rec atomic.Pointer[pidfile.Record]
}

// Status implements Daemon. It is safe from any goroutine.
func (d *daemon) Status() service.Status {
	info := d.self
	if now, err := proc.Inspect(info.PID); err == nil {
		info.Age = now.Age // as the system counts it, while the machine sleeps too: what any other process is told
	}
	return d.view.rec.Load().Status(info, d.o.Ref.Project)
}

// publish writes the record and makes it the one that Status shows.
func (d *daemon) publish() error {
	rec := d.record()
	d.view.rec.Store(&rec)
	return d.lock.Write(rec)
}

// saveAgain is how soon a record that could not be written is tried again: no system tells when there is room on a disk.
const saveAgain = time.Second

// save publishes and survives a failure: a full disk must not end the daemon. The state in memory stays true, and is written by the next change, or saveAgain later: else
// status would tell for ever what was true before. A record that somebody deleted is thereby there again, and heal says so.
func (d *daemon) save() {
	err := d.publish()
	d.lost = d.lost || err == nil && d.lock.WasAbsent()
	d.saveAt.stop()
	if err != nil {
		d.saveAt.set(saveAgain, d.save)
	}
	switch {
	case err != nil && d.saveErr == nil:
		d.logger.Error("Cannot write the record, going on", "path", d.o.Ref.Path, "err", err)
	case err == nil && d.saveErr != nil:
		d.logger.Info("The record can be written again", "path", d.o.Ref.Path)
	}
	d.saveErr = err
	if d.lost && d.healAt.c == nil { // else heal is about to look, or to try again later
		d.healSoon()
	}
}

func (d *daemon) record() pidfile.Record {
	rec := pidfile.Record{
		PID: d.self.PID, Identity: d.self.Identity, ProjectPath: d.o.Ref.Project, Schema: pidfile.Schema,
		StartedAt: stamp(d.startedAt), Version: d.o.Version, Name: d.spec.Name,
		Backend: d.backend(), Scope: string(d.o.Keeper.Scope), Service: d.o.Keeper.Service, State: d.state, Since: stamp(d.since), Ready: d.ready, Loads: 1 + d.reloads, StatusText: d.statusText,
		Log: d.logPlace(),
	}
	w := &pidfile.Workload{Source: d.o.Source, Address: d.address, Listen: d.spec.Listen(), Restarts: d.restarts}
	if e := d.lastExit; e != nil {
		w.LastExit = &pidfile.Exit{Code: e.Code, Signal: e.Signal, At: stamp(e.At)}
	}
	if a := d.run1; a != nil {
		w.PID, w.Identity, w.StartedAt = a.tree.pid(), a.identity, stamp(d.runWall)
	}
	for _, t := range d.tries {
		w.Tries = append(w.Tries, stamp(t))
	}
	rec.Workload = w
	return rec
}

// logPlace says where the log is, nothing before it is open: it is not known yet.
func (d *daemon) logPlace() *pidfile.Log {
	if d.log == nil {
		return nil
	}
	ref := d.log.Ref()
	return &pidfile.Log{Kind: ref.Kind, Path: ref.Path}
}

func (d *daemon) backend() string {
	return cmpOr(string(d.o.Keeper.Backend), string(service.KindDirect))
}

// stamp is t as it is written and read again.
func stamp(t time.Time) pidfile.Time {
	return pidfile.Time{Time: t.UTC().Truncate(time.Millisecond)}
}

// note adds a line to the history, of now unless e says of when. Without a writable history the daemon goes on, and tries again with the next line.
func (d *daemon) note(e history.Event) {
	if e.At.IsZero() {
		e.At, e.Restarts = d.clock.Wall(), d.restarts
	}
	e.PID, e.Version, e.Backend = d.self.PID, d.o.Version, d.backend()
	err := d.openHistory()
	if err == nil {
		err = d.hist.Append(e)
	}
	d.noted(err)
}

// openHistory opens the history unless it is open.
func (d *daemon) openHistory() (err error) {
	if d.hist == nil {
		d.hist, err = history.Open(HistoryPath(d.o.Ref))
	}
	return err
}

// noted says once that the history cannot be written, and when it can again.
func (d *daemon) noted(err error) {
	switch {
	case err != nil && !d.noteFailed:
		d.logger.Warn("Cannot write the history, going on without", "err", err)
	case err == nil && d.noteFailed:
		d.logger.Info("The history can be written again", "path", HistoryPath(d.o.Ref))
	}
	d.noteFailed = err != nil
}

// starter is who has started the workload: for a first run the manager that keeps the daemon, or the user whose process this is; the restart policy else.
func (d *daemon) starter() string {
	switch {
	case d.restarts > 0:
		return "the restart policy"
	case d.o.Keeper.Backend != "":
		return string(d.o.Keeper.Backend)
	}
	return history.Caller(os.Getenv)
}

// tell answers, once, whoever waits for the start.
func (d *daemon) tell(err error) {
	if d.reported || d.o.Report == nil {
		return
	}
	d.reported = true
	if err != nil {
		d.o.Report(nil, err)
		return
	}
	ready := &Daemonized{PID: d.self.PID, Address: d.address}
	if d.saveErr != nil {
		ready.Warning = fmt.Sprintf("the record cannot be written, and status shows an older state until it can: %v", d.saveErr)
	}
	d.o.Report(ready, nil)
}

// environ is the workload's environment: ours, what the configuration adds, and what tells it where it runs.
func (d *daemon) environ() []string {
	env := inherited(os.Environ())
	env = append(env, d.spec.Env...)
	env = append(env,
		"APEX_DAEMON_MODE=1",
		"APEX_PROJECT_PATH="+d.o.Ref.Project,
		"APEX_DAEMON_NAME="+d.spec.Name,
		"APEX_PID_FILE="+d.o.Ref.Path)
	if l := d.log.Ref(); l.Kind == service.LogFile {
		env = append(env, "APEX_LOG_FILE="+l.Path)
	}
	if d.server != nil {
		env = append(env, d.server.Env())
	}
	if d.spec.Watchdog > 0 {
		env = append(env, "WATCHDOG_USEC="+itoa(d.spec.Watchdog.Microseconds()))
	}
	return lastWins(env)
}

// inherited is env without what was said to this process alone. Where the daemon was started by another daemon's workload, all of these are the other
// daemon's; where they are meant for this one, environ and the configuration say them again.
func inherited(env []string) []string {
	return slices.DeleteFunc(notify.Strip(env), func(kv string) bool {
		key, _, _ := strings.Cut(kv, "=")
		switch key {
		case "APEX_DAEMON_MODE", "APEX_PROJECT_PATH", "APEX_DAEMON_NAME", "APEX_PID_FILE", "APEX_LOG_FILE",
			"APEX_POLL_INTERVAL", "APEX_LOG_LEVEL", "APEX_STOP_TIMEOUT", StopEventVar:
			return true
		}
		return false
	})
}

// lastWins keeps the last value of each name, in the order of their first appearance.
func lastWins(env []string) []string {
	at := make(map[string]int, len(env))
	out := env[:0]
	for _, kv := range env {
		k, _, _ := strings.Cut(kv, "=")
		if i, ok := at[k]; ok {
			out[i] = kv
			continue
		}
		at[k] = len(out)
		out = append(out, kv)
	}
	return out
}

// inherit ends what a daemon that was killed left running: its workload, and whatever has the workload's environment. Where the system has no
// parent-death signal that is how no second instance of the workload comes to be.
func (d *daemon) inherit(prev *pidfile.Record) {
	if d.o.Again {
		d.restarts = 1 + restartsOf(prev)
		d.save() // a function that is the workload may ask before the record says that it runs
	}
	if prev == nil || prev.Workload == nil {
		return
	}
	d.inheritTries(prev)
	if e := prev.Workload.LastExit; e != nil {
		d.lastExit = &service.Exit{Code: e.Code, Signal: e.Signal, At: e.At.Time}
	}
	left, err := Leftovers(d.o.Ref, prev)
	if err != nil {
		d.logger.Warn("Cannot find everything that the previous daemon left behind, going on", "err", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), leftoverWait)
	defer cancel()
	AwaitExiting(ctx)
	for _, p := range left {
		if err := end(ctx, p); err != nil {
			d.logger.Warn("Cannot end a process that the previous daemon left behind, going on", "pid", p.PID, "name", p.Name, "err", err)
			continue
		}
		d.logger.Warn("Ended a process that the previous daemon left behind", "pid", p.PID, "name", p.Name)
		d.note(history.Event{Event: "killed-leftover", WorkloadPID: p.PID, Reason: p.Name})
	}
}

func restartsOf(r *pidfile.Record) int {
	if r == nil || r.Workload == nil {
		return 0
	}
	return r.Workload.Restarts
}

// leftoverWait bounds the wait for killed processes to disappear; one in uninterruptible sleep may take for ever.
const leftoverWait = 5 * time.Second

// exitingWait bounds the wait of AwaitExiting: a program whose first thread alone has ended goes on.
const exitingWait = time.Second

// AwaitExiting waits for processes of this user that are on their way out. Leftovers cannot tell whose they were, since the environment goes first, and the next workload would meet one that still
// has its files, locks and sockets. Nothing is done to them.
func AwaitExiting(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, exitingWait)
	defer cancel()
	ending, _ := proc.Exiting() // who cannot be seen is not waited for
	for _, p := range ending {
		if p.UID != os.Geteuid() {
			continue
		}
		if h, err := proc.Open(p.PID, p.Identity); err == nil {
			_ = h.Wait(ctx)
			h.Close()
		}
	}
}

// Leftovers finds the live processes of the workload that the daemon of prev, which is gone, was running: the recorded main process by its identity,
// with its descendants, as far as prev's owner may speak of them, and every process of that owner, or of the caller's user, whose environment says that it was started for this PID
// file. The caller itself and its ancestors are never among them. After an error there may be more of them; what the system cannot tell at all is none.
func Leftovers(ref pidfile.Ref, prev *pidfile.Record) ([]proc.Info, error) {
	self, err := proc.Self()
	if err != nil {
		return nil, err
	}
	if prev.Workload == nil || prev.Identity.BootID != self.Identity.BootID || prev.Identity.PIDNamespace != self.Identity.PIDNamespace {
		return nil, nil
	}
	found, err := workloadOf(prev)
	marked, markedErr := proc.WithEnv("APEX_PID_FILE="+ref.Path, "APEX_PROJECT_PATH="+ref.Project)
	if errors.Is(markedErr, errors.ErrUnsupported) {
		markedErr = nil
	}
	ours := ancestors(self)
	var out []proc.Info
	seen := map[int]bool{}
	add := func(all []proc.Info, may func(proc.Info) bool) {
		for _, p := range all {
			if !seen[p.PID] && !ours[p.PID] && may(p) {
				seen[p.PID] = true
				out = append(out, p)
			}
		}
	}
	byRecord := func(p proc.Info) bool { return speaksOf(prev.Owner(), p.UID) }
	add(found, byRecord)
	add(marked, func(p proc.Info) bool { return p.UID == self.UID || byRecord(p) })
	return out, errors.Join(err, markedErr)
}

// speaksOf reports whether a record that belongs to owner may name a process of user uid as one to be ended: else whoever can write into the directory could have root end what he
// likes. Root's own record may name any: a workload that root has started can have become another user. Where there are no such owners (-1) the system decides.
func speaksOf(owner, uid int) bool { return owner <= 0 || owner == uid }

// workloadOf is the main process that prev names, if it lives, and its descendants.
func workloadOf(prev *pidfile.Record) ([]proc.Info, error) {
	if prev.Workload.PID == prev.PID {
		return nil, nil
	}
	main, err := proc.Match(prev.Workload.PID, prev.Workload.Identity)
	if err != nil {
		return nil, unlessAnswer(err)
	}
	kids, err := proc.Descendants(main.PID)
	return append([]proc.Info{main}, kids...), unlessAnswer(err)
}

// unlessAnswer is err unless it tells of a process that is gone, is not ours to see, or was of another place, or that the system has no such list.
func unlessAnswer(err error) error {
	for _, answer := range [...]error{proc.ErrNotFound, proc.ErrOtherIdentity, proc.ErrOtherBoot, proc.ErrOtherNamespace, proc.ErrHidden, errors.ErrUnsupported} {
		if errors.Is(err, answer) {
			return nil
		}
	}
	return err
}

// ancestors is the set of p's PID and those of its parents.
func ancestors(p proc.Info) map[int]bool {
	set := map[int]bool{p.PID: true}
	for p.PPID > 0 && !set[p.PPID] {
		set[p.PPID] = true
		var err error
		if p, err = proc.Inspect(p.PPID); err != nil {
			break
		}
	}
	return set
}

// end kills p, if it is still p, and waits until it is gone.
func end(ctx context.Context, p proc.Info) error {
	h, err := held(ctx, func() (*proc.Handle, error) { return proc.Open(p.PID, p.Identity) })
	if err != nil {
		return unlessAnswer(err) // gone meanwhile
	}
	defer h.Close()
	return endHeld(ctx, h)
}

// holdEvery is how often a process is tried to be held that cannot be for the moment.
const holdEvery = 50 * time.Millisecond

// held calls open until it gives a handle, an answer, or a refusal: that there is no descriptor or no memory for one passes. ctx bounds it.
func held(ctx context.Context, open func() (*proc.Handle, error)) (*proc.Handle, error) {
	for {
		h, err := open()
		if err == nil || unlessAnswer(err) == nil || errors.Is(err, fs.ErrPermission) {
			return h, err
		}
		select { // polling: nothing tells when somebody closes a descriptor
		case <-time.After(holdEvery):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// endHeld is end of a process that is held. It may have ended since: then there is nothing to do.
func endHeld(ctx context.Context, h *proc.Handle) error {
	if err := h.Signal(sigKill); err != nil {
		return unlessAnswer(err)
	}
	return h.Wait(ctx)
}

func split(path string) (dir, base string) { return filepath.Dir(path), filepath.Base(path) }

// HistoryPath is beside the record: web.history for web.pid.
func HistoryPath(ref pidfile.Ref) string { return strings.TrimSuffix(ref.Path, ".pid") + ".history" }

// End kills processes, if they are still those, and waits until they are gone or ctx is done.
func End(ctx context.Context, processes []proc.Info) error {
	var errs []error
	for _, p := range processes {
		errs = append(errs, end(ctx, p))
	}
	return errors.Join(errs...)
}
