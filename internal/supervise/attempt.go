package supervise

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/ready"
	"github.com/joshuaaferguson/apexd/service"
)

// tree is one run of the workload: its main process, or goroutine, and everything that it started. Only loop's goroutine calls it. Whoever
// implements it sends to the wake channel that it was given when something may have ended.
type tree interface {
	// pid is the main process's.
	pid() int
	// look reaps what has ended. exit is the main process's end once it has ended, nil before; empty reports whether nothing of the tree is left.
	look() (exit *service.Exit, empty bool)
	// tells reports whether the wake channel is sent to for the end of each process of the tree, and not of the main process alone.
	tells() bool
	// signal tells every process of the tree: "SIGTERM", or another name of service.Spec.
	signal(sig string) error
	// ask sends what is to end the tree. Whoever is suspended (SIGSTOP, Ctrl-Z) goes on, so that he hears it.
	ask(sig string) error
	// askRest asks the same of processes that ask did not find: those forked, or moved by their parents' ends, meanwhile.
	askRest(sig string)
	// kill ends every process of the tree that can be found now.
	kill()
}

// attempt is one try at running the workload. It is made by launch and forgotten when its tree is empty.
type attempt struct {
	tree     tree
	cancel   context.CancelFunc // ends the probe
	output   *os.File           // the reading end of its pipe, nil without one; relayOutput's goroutine closes it
	relay    chan struct{}      // closed when the output has been copied to its end; nil without a pipe
	process  bool               // it is a process, not a function inside this one
	ending   bool               // we are ending it: deadline is its kill, and what it says of itself comes too late
	matched  atomic.Bool        // a line of its output says that it is ready
	refused  bool               // it was told in the log that it gets no more time
	identity proc.Identity
}

// killAgain is how soon a tree that is still there is looked through again: a process may have forked while it was killed, and no
// event tells of a fork.
const killAgain = 10 * time.Millisecond

// mostLook bounds the time between two looks at a tree that does not tell of its end.
const mostLook = 100 * time.Millisecond

// relayWait bounds how long the end of the output is waited for after the tree is gone: a process that escaped from the tree may hold the pipe open for ever.
const relayWait = time.Second

// cause is what a function that was the workload has returned; nil of a process.
func (a *attempt) cause() error {
	if f, ok := a.tree.(*funcTree); ok {
		return f.err
	}
	return nil
}

// launch runs the workload once. A workload that cannot be executed counts as one that failed.
func (d *daemon) launch(ctx context.Context) {
	if !d.on(service.EventLaunch) {
		return
	}
	d.ready, d.address, d.statusText, d.fault = false, "", "", ""
	d.runStart, d.runWall = d.clock.Mono(), d.clock.Wall()
	d.passOn = false // it reads what is there now
	a := &attempt{process: len(d.spec.Command) > 0}
	var run context.Context
	run, a.cancel = context.WithCancel(ctx)
	d.listen(ctx, a)
	if err := d.begin(run, a); err != nil {
		d.unlisten()
		d.announce()
		a.cancel()
		d.failed(ctx, &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Err: err, Hint: Hint(err)})
		return
	}
	d.run1 = a
	if info, err := proc.Inspect(a.tree.pid()); err == nil { // not reaped yet, so it is still that process
		a.identity = info.Identity
	}
	d.save()
	d.relayOutput(a)
	place := d.log.Ref()
	d.note(history.Event{Event: history.Started, WorkloadPID: a.tree.pid(), Log: &place, By: d.starter(), ConfigHash: d.spec.ConfigHash})
	d.await(run, a)
}

// begin starts the process, or the function inside this process. Its output waits.
func (d *daemon) begin(ctx context.Context, a *attempt) error {
	if err := d.openSockets(); err != nil {
		return err
	}
	if !a.process {
		d.announce() // it may write at once
		a.tree = startFunc(ctx, d, func(address string) { d.post(ctx, func() { d.becomeReady(a, address) }) })
		return nil
	}
	r, w, err := outputPipe()
	if err != nil {
		return err
	}
	defer w.Close()
	a.tree, err = startProcess(d.spec, d.environ(), w, d.wake, d.o.OwnProcess, d.sockets)
	if err != nil {
		return errors.Join(err, r.Close())
	}
	if d.spec.Readiness.Kind == service.ReadyLog {
		d.log.SetTap(d.tap(ctx, a, d.spec.Readiness.Pattern)) // before the first line can come
	}
	a.output, a.relay = r, make(chan struct{})
	return nil
}

// announce writes what stands before a run's first output. A process has begun by then: it need not wait for that.
func (d *daemon) announce() {
	d.tellEnd()
	d.logger.Info(launched)
}

// relayOutput has the output of a, if it has one, go into the log from now on.
func (d *daemon) relayOutput(a *attempt) {
	if a.output == nil {
		return
	}
	d.announce()
	d.log.Launched(a.tree.pid())
	go d.copyOutput(a.output, a.relay)
}

func (d *daemon) copyOutput(r *os.File, done chan<- struct{}) {
	defer close(done)
	defer r.Close()
	if err := d.log.Relay(r, d.o.Tee); err != nil {
		d.logger.Warn("Cannot read the workload's output to its end", "err", err)
	}
}

// await arranges for becomeReady to be called when the workload is ready, and for the time limit.
func (d *daemon) await(ctx context.Context, a *attempt) {
	if !a.process {
		return // startFunc's callback says it
	}
	r := d.spec.Readiness
	limit := r.Timeout
	switch r.Kind {
	case service.ReadyHTTP:
		d.probe(ctx, a, func() error { return ready.HTTP(ctx, r.URL, r.Interval) })
	case service.ReadyTCP:
		d.probe(ctx, a, func() error { return ready.TCP(ctx, r.Address, r.Interval) })
	case service.ReadyStarted:
		d.deadline.set(r.Settle, func() { d.becomeReady(a, "") })
		return
	}
	if limit > 0 {
		d.deadline.set(limit, func() { d.neverReady(a, limit) })
	}
}

// tap looks for the pattern in each line of output until it has been seen once.
func (d *daemon) tap(ctx context.Context, a *attempt, pattern *regexp.Regexp) func(line []byte) {
	return func(line []byte) {
		if pattern.Match(line) {
			d.log.SetTap(nil)
			a.matched.Store(true)
			go d.post(ctx, func() { d.becomeReady(a, "") }) // not from the relay: it must never wait for loop
		}
	}
}

func (d *daemon) probe(ctx context.Context, a *attempt, wait func() error) {
	go func() {
		if err := wait(); err == nil {
			d.post(ctx, func() { d.becomeReady(a, "") })
		} else if ctx.Err() == nil {
			d.post(ctx, func() { d.logger.Warn("Cannot probe the workload", "err", err) })
		}
	}()
}

// becomeReady is the workload's word, or the probe's.
func (d *daemon) becomeReady(a *attempt, address string) {
	if a != d.run1 || a.ending || !d.on(service.EventReady) {
		return
	}
	d.deadline.stop()
	d.log.SetTap(nil)
	first := !d.ready
	d.ready, d.address = true, cmpOr(address, d.address)
	if first { // before the record: who waits for its word finds everything written
		took := d.clock.Mono() - d.runStart
		d.logger.Info("The workload is ready", "pid", a.tree.pid(), "took", took.Round(time.Millisecond))
		d.note(history.Event{Event: "ready", WorkloadPID: a.tree.pid()})
	}
	d.save()
	d.pingWatchdog(a)
	if d.passOn {
		d.passOn = false
		d.passReload()
	}
	if !first {
		return
	}
	d.idleAt.set(idleDelay, d.o.Idle)
	d.outer.Ready(cmpOr(d.statusText, "running"))
	d.everReady = true
	d.tell(nil)
}

// neverReady: the time limit has passed. The run is ended as a failed one.
func (d *daemon) neverReady(a *attempt, limit time.Duration) {
	d.logger.Error("The workload did not become ready in time", "limit", limit)
	d.fault = fmt.Sprintf("it did not become ready within %s", limit)
	d.endRun(a)
}

// endRun asks the tree to go and kills it when the grace period is over; exited does the rest.
func (d *daemon) endRun(a *attempt) {
	a.ending = true
	a.cancel()
	d.note(history.Event{Event: "ending", WorkloadPID: a.tree.pid(), Reason: d.fault})
	if err := a.tree.ask(d.spec.StopSignal); err != nil {
		a.tree.kill()
		return
	}
	d.deadline.set(d.spec.StopTimeout, a.tree.kill)
}

// looked is called when something may have ended.
func (d *daemon) looked(ctx context.Context) {
	a := d.run1
	if a == nil || !a.process {
		reapOrphans(d.o.OwnProcess)
	}
	if a == nil {
		return
	}
	e, empty := a.tree.look()
	if e == nil {
		return
	}
	if d.state == service.StateStopping && !d.killed && !empty {
		a.tree.askRest(d.spec.StopSignal)
		d.lookLater(ctx, a)
		return // the rest of the tree has the grace period too
	}
	d.exited(ctx, a, *e)
}

// lookLater looks for the end of a tree whose main process has gone, after longer and longer: without a subreaper nothing tells of the end of somebody else's children.
func (d *daemon) lookLater(ctx context.Context, a *attempt) {
	if a.tree.tells() {
		return
	}
	d.lookWait = min(max(2*d.lookWait, killAgain), mostLook)
	d.lookAt.set(d.lookWait, func() { d.looked(ctx) })
}

// exited: the main process has ended. What is left of its tree goes with it.
func (d *daemon) exited(ctx context.Context, a *attempt, e service.Exit) {
	a.cancel()
	gone := d.clear(a)
	d.hearOut(a)
	d.watchdog.stop()
	d.deadline.stop()
	d.lookAt.stop()
	d.log.SetTap(nil)
	if d.o.FirstMustStart && !d.everReady {
		d.words = lastWords(d.log.Tail(MaxWords))
	}
	d.lastExit, d.run1 = &e, nil
	if !gone || !a.tree.tells() { // what may live on may speak: the next run has a socket of its own
		d.unlisten()
	}
	d.ended = d.endOf(a, e)
	if d.state == service.StateStopping {
		d.tellEnd()
		d.gone()
		return
	}
	d.afterExit(ctx, a, e)
}

// endOf returns what writes down the end of a run, as it is now.
func (d *daemon) endOf(a *attempt, e service.Exit) func() {
	level := d.logger.Info
	if e.Failed() && d.state != service.StateStopping {
		level = d.logger.Error
	}
	event := history.Event{At: d.clock.Wall(), Event: "exited", WorkloadPID: a.tree.pid(), Exit: &e, Reason: d.fault, Restarts: d.restarts}
	return func() {
		level("The workload "+Describe(e), "exit_code", e.Code, "signal", e.Signal)
		d.note(event)
	}
}

// tellEnd writes down the end of the last run, unless that is done. Where the next run begins at once it begins first.
func (d *daemon) tellEnd() {
	if tell := d.ended; tell != nil {
		d.ended = nil
		tell()
	}
}

// clear kills what the main process left behind and waits, within relayWait, until its output is in the log. It reports false where something of the run may live on.
func (d *daemon) clear(a *attempt) (gone bool) {
	bound := time.NewTimer(relayWait)
	defer bound.Stop()
	for {
		if _, empty := a.tree.look(); empty {
			break
		}
		a.tree.kill()
		again := time.NewTimer(killAgain)
		select {
		case <-d.wake:
		case <-again.C:
		case <-bound.C:
			d.logger.Warn("Cannot end everything that the workload started, ignoring", "pid", a.tree.pid())
			return false
		}
		again.Stop()
	}
	if a.relay == nil {
		return true
	}
	select {
	case <-a.relay:
	case <-bound.C:
		d.logger.Warn("A process outside of the workload's tree keeps its output open, ignoring")
		return false
	}
	return true
}

// afterExit asks the policy.
func (d *daemon) afterExit(ctx context.Context, a *attempt, e service.Exit) {
	bad := e.Failed() || d.fault != ""
	if d.o.FirstMustStart && !d.everReady {
		d.tellEnd()
		d.giveUp(d.neverStarted(a, e))
		return
	}
	v := d.next(bad)
	if !v.Restart || v.Delay > 0 {
		d.tellEnd()
	}
	switch {
	case v.Restart:
		d.retry(ctx, v.Delay)
	case v.GaveUp:
		d.settled()
		d.fault = fmt.Sprintf("gave up after %d restarts within %s; the workload last %s", d.spec.Restart.Limit, d.spec.Restart.Window, Describe(e))
		d.giveUp(d.lastEnd(a, e))
	case bad:
		d.giveUp(d.lastEnd(a, e))
	default:
		d.on(service.EventComplete)
		d.finish(nil)
	}
}

// next asks the policy. Where it is in the hands of the daemon's manager (CONTRACT.md section 9), this process ends with its workload.
func (d *daemon) next(bad bool) service.Verdict {
	if d.o.Keeper.Backend.HasPolicy() {
		return service.Verdict{GaveUp: d.o.Brake && bad && d.spent()}
	}
	return d.memory.Next(d.spec.Restart, bad, d.runStart, d.clock.Mono(), d.clock.Rand())
}

// lastEnd is the end of a daemon whose workload ended as e: its own status, unless that does not tell of a failure.
func (d *daemon) lastEnd(a *attempt, e service.Exit) error {
	if e.Failed() {
		return &ExitError{e, a.cause()}
	}
	return &service.Error{
		Op: "keep the workload running", Code: service.CodeStartFailed, Exit: &e, Hint: `see its output with "apexd logs"`,
		Err: errors.New("it was ended because " + d.fault),
	}
}

// neverStarted is the answer to whoever waits for the start: the workload ended before it was ready.
func (d *daemon) neverStarted(a *attempt, e service.Exit) error {
	err := &service.Error{
		Op: "start daemon", Code: service.CodeStartFailed, Exit: &e, Log: d.words, Hint: `see its output with "apexd logs"`,
		Err: fmt.Errorf("%w before it was ready", &ExitError{Exit: e}),
	}
	if cause := a.cause(); cause != nil {
		err.Err = fmt.Errorf("the workload failed before it was ready: %w", cause)
	}
	if d.fault != "" {
		err.Err = errors.New("the workload was ended because " + d.fault)
		err.Hint = `see its output with "apexd logs"; the limit is readiness.timeout in .apex/config.yaml`
	}
	return err
}

// MaxWords is how many of its last lines explain a workload that failed to start.
const MaxWords = 10

// LastWords is what of lines, the end of the log, the workload that was started last has written, without what the daemon said of its end.
func LastWords(lines []string) []string {
	lines = lastWords(lines)
	for len(lines) > 0 && lifecycle(lines[len(lines)-1]) {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// lifecycle reports whether line looks like one of the daemon's own, in text or JSON.
func lifecycle(line string) bool {
	return strings.HasPrefix(line, `time="`) && strings.Contains(line, " level=") || strings.HasPrefix(line, "{") && strings.Contains(line, `"level":"`)
}

// lastWords is what of lines, the end of the log, the workload that was started last has written.
func lastWords(lines []string) []string {
	for i, l := range slices.Backward(lines) {
		if strings.Contains(l, launched) {
			return lines[i+1:]
		}
	}
	return lines
}

// launched is the lifecycle line after which a workload's own output begins.
const launched = "Starting the workload"

// failed: the workload could not even be executed.
func (d *daemon) failed(ctx context.Context, err *service.Error) {
	d.logger.Error("Cannot execute the workload", "err", err.Err)
	d.note(history.Event{Event: "exited", Reason: err.Error()})
	d.run1 = nil
	if !d.everReady && d.o.FirstMustStart {
		d.giveUp(err)
		return
	}
	v := d.next(true)
	if v.GaveUp {
		d.settled()
	}
	if !v.Restart {
		d.giveUp(err)
		return
	}
	d.retry(ctx, max(v.Delay, failedAgain))
}

// failedAgain is how soon a workload that cannot be executed is tried again at the earliest: no system tells when it can be.
const failedAgain = 100 * time.Millisecond

// retry runs the workload again after delay, at once for none.
func (d *daemon) retry(ctx context.Context, delay time.Duration) {
	d.on(service.EventRetry)
	d.restarts++
	d.ready = false
	if delay <= 0 {
		d.launch(ctx)
		return
	}
	d.save()
	d.logger.Info("Restarting the workload", "delay", delay.Round(time.Millisecond), "restarts", d.restarts)
	d.note(history.Event{Event: "restarting", Reason: "in " + delay.Round(time.Millisecond).String()})
	d.deadline.set(delay, func() { d.launch(ctx) })
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
