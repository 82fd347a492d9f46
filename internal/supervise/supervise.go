// Package supervise is the daemon itself: what `apexd run` does after it has the configuration. It takes the lock, keeps the record,
// runs the workload, waits for its readiness, restarts it by policy and ends it with everything that it started. One goroutine owns the
// state; everything else sends it events.
package supervise

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/joshuaaferguson/apexd/internal/fswatch"
	"github.com/joshuaaferguson/apexd/internal/notify"
	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// Logger takes lifecycle lines; kv are alternating keys and values. internal/logging has the implementation.
type Logger interface {
	Info(msg string, kv ...any)
	Warn(msg string, kv ...any)
	Error(msg string, kv ...any)
}

// Func is a workload inside the daemon's own process. It calls ready when it can serve, telling where (or ""), and returns when ctx is done.
type Func func(ctx context.Context, d Daemon, ready func(address string)) error

// Daemon is what a Func may ask of the daemon around it.
type Daemon interface {
	// Status is the daemon's present status, as `apexd status --json` shows it.
	Status() service.Status
	// Sockets are the sockets of service.Spec, open and in order, each file with its socket's name. They are duplicates for the caller to close;
	// net.FileListener and net.FilePacketConn make Go's own of them.
	Sockets() ([]*os.File, error)
}

// Options says what to run and with whom to talk. Spec, Ref and NewLogger are required.
type Options struct {
	Spec    service.Spec
	Ref     pidfile.Ref
	Version string

	// Keeper is the manager that runs this process, which the record names. Where it has a restart policy the workload's end is the daemon's; else the daemon
	// carries the policy out itself. The zero value is nobody.
	Keeper service.Registration
	// Again: Keeper has started this process because the last one ended, which OpenRC does however that was. Restarts are counted on from the record of that one.
	Again bool
	// Unwanted: Keeper has started this process and is stopping its service already, or has. Nothing is begun then.
	Unwanted bool

	// Brake: Keeper starts the daemon again for as long as it fails, so the policy's limit is kept here: each process finds in its predecessor's record how often that was.
	Brake bool
	// Settled is called when it is certain that nobody is to start the daemon again: somebody has asked for its end, or the limit is reached. It is called from Run's own goroutine.
	Settled func()

	Func   Func   // the workload when Spec.Command is empty
	Source string // of the workload: "config", "command-line", "builtin", "embedded"

	// OpenLog opens the log of a daemon that keeper keeps, and says what people should know about that, or "". Nil opens the file.
	OpenLog func(s service.Spec, keeper service.Registration) (l Log, warning string, err error)
	// NewLogger makes the lifecycle logger over the open log.
	NewLogger func(l Log, p service.LogPolicy) Logger
	// Signals carries what a person or a manager asks. A nil channel asks nothing; then the context ends the daemon.
	Signals <-chan Request
	// Reload reads the configuration again. Nil: reload only reopens the log.
	Reload func() (service.Spec, error)
	// Report is told, once, that the daemon is ready (nil) or why it failed to start.
	Report func(*Daemonized, error)
	// Extend is told, before Report, that the workload has asked for more time to start, counted from now. Nil does nothing.
	Extend func(more time.Duration)
	// Idle is called when a workload has been ready for a moment, from when on there is usually nothing to do for long. Nil does nothing.
	Idle func()
	// Stopped is called when the daemon ends because that was asked for, and not by itself. Nil does nothing.
	Stopped func()
	// OwnProcess: this process is nothing but the daemon, which may then adopt orphans and reap every child, and ends right after Run: what it watches is left to that.
	OwnProcess bool
	// FirstMustStart: a workload that ends before it was ever ready is not tried again (start waits for the answer).
	FirstMustStart bool
	// Tee gets a copy of the workload's output, as in the foreground.
	Tee *os.File
	// Stderr redirects this process's standard error into the log, for the Go runtime's last words. Nil does not.
	Stderr func(*os.File) error
	// Now, when set, replaces the clocks in tests.
	Clock Clock
}

// Daemonized is what a ready daemon tells whoever started it.
type Daemonized struct {
	PID     int    `json:"pid"`
	Address string `json:"address,omitempty"`
	Warning string `json:"warning,omitempty"` // what whoever has started it should know
}

// Request is what somebody outside asks of a running daemon.
type Request struct {
	Kind RequestKind
	By   string // "signal SIGTERM", for log and history
}

// RequestKind is a verb.
type RequestKind int

// The requests. A second RequestStop ends the workload at once.
const (
	RequestStop RequestKind = iota
	RequestKill
	RequestReload
)

// Clock tells the time. Wall is shown; Mono, elapsed since a fixed origin, decides.
type Clock struct {
	Wall func() time.Time
	Mono func() time.Duration
	Rand func() float64
}

// Run is the daemon. It returns when the workload has ended for good and nothing of it is left: nil after a stop or a good end, an
// *ExitError when the workload ended badly for the last time, a *service.Error when it could not be started.
//
// Where o.Again and the policy has no further try, as under OpenRC, it does nothing, and returns nil when it is asked to stop; so it does where o.Unwanted.
//
// The record is removed after a clean end and left after a failure. The lock is kept until the process ends when o.OwnProcess is set.
func Run(ctx context.Context, o Options) error {
	if o.Unwanted {
		ctx, cancel := context.WithTimeout(ctx, unwantedWait)
		defer cancel()
		o.idle(ctx)
		return nil
	}
	if o.final() {
		o.idle(ctx)
		return nil
	}
	lock, got, err := o.Ref.Acquire(ctx)
	if err != nil {
		_ = NoteRefusal(o.Ref, o.Keeper, os.Getpid(), o.Version, err) // what cannot be written there cannot be written anywhere
		return report(o, err)
	}
	d, err := open(o, lock, got.Previous)
	if err != nil {
		return report(o, errors.Join(err, endPrevious(o.Ref, got.Previous), lock.Release()))
	}
	err = d.run(ctx, got)
	d.close()
	if !o.OwnProcess {
		err = errors.Join(err, lock.Release())
	}
	return err
}

// endPrevious ends what the daemon of prev, if there was one, has left running, where this one does not come to be: nobody knows of it afterwards.
func endPrevious(ref pidfile.Ref, prev *pidfile.Record) error {
	if prev == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), leftoverWait)
	defer cancel()
	left, err := Leftovers(ref, prev)
	return errors.Join(err, End(ctx, left))
}

func report(o Options, err error) error {
	if o.Report != nil {
		o.Report(nil, err)
	}
	return err
}

// ExitError says how the workload ended when that is the daemon's own end.
type ExitError struct {
	Exit service.Exit
	Err  error // what a Func returned; nil of a process
}

// Error says it in words.
func (e *ExitError) Error() string {
	if e.Err != nil {
		return "the workload failed: " + e.Err.Error()
	}
	return "the workload " + Describe(e.Exit)
}

// Unwrap returns what a Func returned.
func (e *ExitError) Unwrap() error { return e.Err }

// Code is the exit status by which the daemon passes the end on: the workload's own, or 128 + signal as shells do.
func (e *ExitError) Code() int {
	if e.Exit.Signal != "" {
		return 128 + proc.SignalNumber(e.Exit.Signal)
	}
	return e.Exit.Code
}

// Describe says an exit in words: "exited with status 3", "exited with status 0xC0000005 (STATUS_ACCESS_VIOLATION)", "was ended by SIGKILL".
func Describe(e service.Exit) string {
	if e.Signal != "" {
		return "was ended by " + e.Signal
	}
	return "exited with status " + StatusText(e.Code)
}

// open makes everything the daemon needs before the workload. After an error nothing but the lock is held, and the record of previous is still there.
func open(o Options, lock *pidfile.Lock, previous *pidfile.Record) (*daemon, error) {
	d := &daemon{o: o, spec: o.Spec, lock: lock, self: lock.Self(), clock: o.Clock}
	if d.clock.Wall == nil {
		d.clock = systemClock()
	}
	if d.watch = fswatch.Removed; o.OwnProcess {
		d.watch = fswatch.RemovedOwn
	}
	d.startedAt = d.self.Started
	d.state, d.since = service.StateStopped, d.clock.Wall()
	if err := d.openLog(); err != nil {
		err = cannotStart(o.Spec.Log.Path, err)
		if previous == nil { // else its record says why it failed
			err = errors.Join(err, lock.Remove())
		}
		return nil, err
	}
	if err := d.publish(); err != nil {
		return nil, errors.Join(cannotStart(o.Ref.Path, err), d.log.Close())
	}
	if err := d.openHistory(); err != nil {
		d.noted(err)
	}
	d.outer = notify.FromEnv(os.Environ())
	d.takeSockets()
	return d, nil
}

// openLog opens the log and makes the logger over it.
func (d *daemon) openLog() (err error) {
	open := d.o.OpenLog
	if open == nil {
		open = func(s service.Spec, _ service.Registration) (Log, string, error) {
			l, err := OpenFile(s.Log)
			return l, "", err
		}
	}
	var warning string
	if d.log, warning, err = open(d.spec, d.o.Keeper); err != nil {
		return err
	}
	d.logger = d.o.NewLogger(d.log, d.spec.Log)
	if warning != "" {
		d.logger.Warn(warning)
	}
	if d.o.Stderr == nil {
		return nil
	}
	if err := d.log.TakeStderr(d.o.Stderr); err != nil {
		d.logger.Warn("Cannot send standard error to the log, ignoring", "err", err)
	}
	return nil
}

func cannotStart(path string, err error) error {
	var e *service.Error
	if errors.As(err, &e) {
		return err
	}
	return &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Path: path, Err: err, Hint: Hint(err)}
}
