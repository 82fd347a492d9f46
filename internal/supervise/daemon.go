package supervise

import (
	"context"
	"os"
	"time"

	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/internal/notify"
	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/sockets"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// daemon is the state of one Run. Only the goroutine of loop touches it, except where a field says otherwise.
type daemon struct {
	o       Options
	spec    service.Spec
	lock    *pidfile.Lock
	self    proc.Info
	clock   Clock
	log     Log // nil until it is open
	logger  Logger
	hist    *history.Log // nil until it can be opened
	outer   notify.Outer
	server  *notify.Server // nil where there are no Unix datagram sockets
	sockets *sockets.Holder

	state      service.State
	since      time.Time
	startedAt  time.Time
	ready      bool
	statusText string // the workload's STATUS=
	fault      string // why this run was ended by us, "" when it was not
	saveErr    error  // why the last record could not be written
	noteFailed bool
	saveAt     timer
	extended   time.Time  // until when Options.Extend was told that a start may take
	view       statusView // the published state, for Status(); safe from any goroutine

	run1      *attempt // the workload's present run, nil between two
	runStart  time.Duration
	runWall   time.Time
	address   string
	restarts  int
	reloads   int         // that have been done, which is how whoever asks for one is answered
	passOn    bool        // the workload is told of a reload when it is ready: before, the signal may end it
	tries     []time.Time // with Options.Brake: the starts by the manager that count, this one included
	memory    service.Restarts
	lastExit  *service.Exit
	words     []string // of a workload that failed to start
	everReady bool
	reported  bool

	deadline timer // readiness timeout, settle, limit of a reload, backoff or stop timeout: whatever the state waits for
	watchdog timer
	wake     chan os.Signal // a child may have ended, or the function has returned
	events   chan func()    // from the goroutines of a run; they hand over a step for loop to take
	watch    watcher
	fs       <-chan struct{}
	unwatch  context.CancelFunc // ends the watch of fs, nil before the first
	healAt   timer
	lost     bool   // something was deleted, and heal has yet to say that it is there again
	ended    func() // writes down the end of the last run, see tellEnd; nil when that is done
	idleAt   timer
	lookAt   timer
	lookWait time.Duration // of lookLater, 0 while it had nothing to look for
	healWait time.Duration // how long after a failure it is tried again, 0 while there was none

	stopBy   string // who asked for the end, "" while nobody has
	killed   bool   // the graceful request was not enough
	finished bool
	result   error
}

// watcher is fswatch.Removed or fswatch.RemovedOwn.
type watcher = func(ctx context.Context, dir string, names ...string) (<-chan struct{}, error)

// healDelay lets `rm -rf .apex` finish before the files are made again: a file made in between would make rmdir fail for the user.
// Until then the guard in the user's state directory keeps others out.
const healDelay = 200 * time.Millisecond

// healLimit bounds the wait for an end of the deletions: the record is replaced, which looks like one, with each word of the workload.
const healLimit = 5 * healDelay

// idleDelay is after healDelay, so that what the first look at the files needs is not needed again.
const idleDelay = 2 * healDelay

func (d *daemon) run(ctx context.Context, got pidfile.Acquired) error {
	ctx, cancel := context.WithCancel(ctx)
	defer d.unlessAtTheEnd(cancel)
	unlock := lockThread()
	defer unlock()
	d.wake = make(chan os.Signal, 1) // one is enough: look takes everything that has ended
	d.events = make(chan func(), 16) // a run has at most: exit, tree changed, ready, probe error, relay end; the rest may wait
	for _, w := range got.Warnings {
		d.logger.Warn("Found at start: " + w)
	}
	d.inherit(got.Previous)
	d.launch(ctx)
	// What the workload need not wait for: who asks to be told of its end and of deleted files only now, looks once himself.
	stopWake := notifyChildren(d.wake)
	defer d.unlessAtTheEnd(stopWake)
	d.looked(ctx)
	d.lock.Reserve()
	d.healSoon() // which begins the watch
	d.loop(ctx)
	return d.result
}

// unlessAtTheEnd calls f, which takes something back, where this process does not end with the daemon. Where it does, the system takes it back, and sooner: each signal that
// is given up and each goroutine that is told costs the daemon, and who waits for its end, some 40 µs.
func (d *daemon) unlessAtTheEnd(f func()) {
	if !d.o.OwnProcess {
		f()
	}
}

// loop takes one event at a time until the daemon is finished.
func (d *daemon) loop(ctx context.Context) {
	done := ctx.Done()
	for !d.finished {
		select {
		case <-d.wake:
			d.looked(ctx)
		case f := <-d.events:
			f()
		case r := <-d.o.Signals:
			d.request(r)
		case <-done:
			done = nil
			d.request(Request{RequestStop, "context"})
		case <-d.deadline.c:
			d.deadline.fire()
		case <-d.watchdog.c:
			d.watchdog.fire()
		case <-d.healAt.c:
			d.heal(ctx)
		case <-d.idleAt.c:
			d.idleAt.fire()
		case <-d.lookAt.c:
			d.lookAt.fire()
		case <-d.saveAt.c:
			d.saveAt.fire()
		case <-d.fs:
			d.healSoon()
		}
	}
}

// post hands f to loop. It gives up when the daemon has ended.
func (d *daemon) post(ctx context.Context, f func()) {
	select {
	case d.events <- f:
	case <-ctx.Done():
	}
}

// on applies e to the state and publishes the result. It reports false where e has no meaning now.
func (d *daemon) on(e service.Event) bool {
	to, ok := d.state.On(e)
	if !ok {
		return false
	}
	if to != d.state {
		d.state, d.since = to, d.clock.Wall()
	}
	return true
}

// watchFiles asks to be told, from now on, when the record, the lock or their directory is deleted. The old watch ends when the new one has begun; after an error it stays.
func (d *daemon) watchFiles(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	dir, name := split(d.o.Ref.Path)
	c, err := d.watch(ctx, dir, name, name+".lock")
	if err != nil {
		cancel()
		return err
	}
	if d.unwatch != nil {
		d.unwatch()
	}
	d.fs, d.unwatch = c, cancel
	return nil
}

// healSoon has heal look when nothing has been deleted for healDelay, within healLimit.
func (d *daemon) healSoon() { d.healAt.soon(healDelay, healLimit) }

// heal makes again what somebody deleted. It watches anew before it looks, so that what is deleted after the look is told: the old watch may be about a directory, or on a
// kqueue about a record, that is no more. What it has made is watched by the next heal.
func (d *daemon) heal(ctx context.Context) {
	d.healAt.stop()
	unwatched := d.watchFiles(ctx)
	remade, err := d.lock.Heal()
	switch {
	case service.CodeOf(err) == service.CodeAlreadyRunning && d.state == service.StateStopping: // asked twice, it would kill
		return
	case service.CodeOf(err) == service.CodeAlreadyRunning:
		d.logger.Error("The lock was deleted and another daemon has it now, stopping", "err", err)
		d.request(Request{RequestStop, "another daemon has the lock"})
		return
	case err != nil:
		d.healLater("Cannot make the lock again, trying later", err)
		return
	}
	d.lost = d.lost || remade || !d.recordIsOurs()
	switch {
	case d.lost:
		d.remake()
	case unwatched != nil:
		d.healLater("Cannot watch for deleted files, trying later", unwatched)
	default:
		d.healWait = 0
	}
}

// remake is heal when something is missing, but for the lock.
func (d *daemon) remake() {
	if err := d.log.Reopen(); err != nil {
		d.logger.Warn("Cannot reopen the log, ignoring", "err", err)
	}
	d.save() // and heal looks again
	if d.saveErr != nil {
		d.healAt.stop() // until save tries again
		return
	}
	d.lost = false
	d.logger.Warn("Files were deleted under the daemon and have been made again", "path", d.o.Ref.Path)
	d.note(history.Event{Event: "healed", Reason: "files were deleted under the daemon"})
}

// maxHealWait bounds the time between two tries to make deleted files again.
const maxHealWait = time.Minute

// healLater tries again after longer and longer, and says msg once: no system tells when what was in the way is gone.
func (d *daemon) healLater(msg string, err error) {
	if d.healWait == 0 {
		d.logger.Warn(msg, "err", err)
	}
	d.healWait = min(max(2*d.healWait, healDelay), maxHealWait)
	d.healAt.set(d.healWait, nil)
}

func (d *daemon) recordIsOurs() bool {
	rec, err := pidfile.Read(d.o.Ref.Path)
	return err == nil && rec.PID == d.self.PID && rec.Identity == d.self.Identity
}

func (d *daemon) close() {
	d.deadline.stop()
	d.watchdog.stop()
	d.healAt.stop()
	d.idleAt.stop()
	d.lookAt.stop()
	d.saveAt.stop()
	d.unlisten()
	d.closeSockets()
	if d.hist != nil {
		d.hist.Close()
	}
	d.log.Close()
}
