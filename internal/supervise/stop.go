package supervise

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/internal/notify"
	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/service"
)

// request answers what somebody outside asks.
func (d *daemon) request(r Request) {
	switch {
	case r.Kind == RequestReload:
		d.reload(r.By)
	case d.state == service.StateStopping || r.Kind == RequestKill: // the second request ends it at once
		d.stop(r.By)
		d.kill("asked again by " + r.By)
	default:
		d.stop(r.By)
	}
}

// stop asks the workload to end and gives it the grace period.
func (d *daemon) stop(by string) {
	if d.state == service.StateStopping || !d.on(service.EventStop) {
		return
	}
	d.stopBy = by
	d.settled()
	d.deadline.stop()
	d.watchdog.stop()
	a := d.run1
	var err error
	if a != nil { // before anything is written: it ends while we write
		err = a.tree.ask(d.spec.StopSignal)
	}
	d.outer.Stopping()
	d.note(history.Event{Event: "stopping", By: by})
	d.logger.Info("Stopping the workload", "by", by, "limit", d.spec.StopTimeout)
	if a == nil {
		d.gone()
		return
	}
	d.save()
	if err != nil {
		d.logger.Warn("Cannot ask the workload to stop", "err", err)
		d.kill("it cannot be asked")
		return
	}
	d.deadline.set(d.spec.StopTimeout, func() { d.kill("it did not stop within " + d.spec.StopTimeout.String()) })
}

// kill ends the tree at once. looked notices when it is gone.
func (d *daemon) kill(why string) {
	if d.run1 == nil {
		return
	}
	d.killed = true
	d.deadline.stop()
	d.logger.Warn("Killing the workload", "reason", why)
	d.run1.tree.kill()
	d.deadline.set(killAgain, d.killAgain)
}

// killAgain goes through the tree once more, until looked has seen its end: it may have forked meanwhile.
func (d *daemon) killAgain() {
	if d.run1 == nil {
		return
	}
	d.run1.tree.kill()
	d.deadline.set(killAgain, d.killAgain)
	select {
	case d.wake <- nil: // its last process may have ended without a word to us: not every system tells of grandchildren
	default:
	}
}

// gone: the stop is complete.
func (d *daemon) gone() {
	if d.on(service.EventGone) {
		if d.o.Stopped != nil {
			d.o.Stopped()
		}
		d.finish(nil)
	}
}

// giveUp is the end of a daemon whose workload will not be tried again. The record stays, with the reason.
func (d *daemon) giveUp(err error) {
	d.on(service.EventGiveUp)
	if d.statusText = d.fault; d.fault == "" {
		d.statusText = strings.TrimPrefix(err.Error(), "cannot start daemon: ")
	}
	d.finish(err)
}

// finish says the last words and ends loop. A clean end removes the record, a failure keeps it.
func (d *daemon) finish(err error) {
	d.finished, d.result = true, err
	d.ready = false
	d.deadline.stop()
	if err != nil {
		d.save()
		d.logger.Error("The daemon has failed", "err", err, "reason", d.fault)
		d.note(history.Event{Event: "failed", Reason: d.statusText, Exit: d.lastExit})
	} else {
		d.logger.Info("The daemon has stopped", "by", cmpOr(d.stopBy, "the workload's end"))
		d.note(history.Event{Event: "stopped", By: d.stopBy, Exit: d.lastExit, Killed: &d.killed})
		if err := d.lock.Remove(); err != nil {
			d.logger.Warn("Cannot remove the record", "err", err)
		}
		if !d.everReady { // whoever waits for the start waits in vain
			err = &service.Error{
				Op: "start daemon", Code: service.CodeStartFailed, Exit: d.lastExit,
				Err: errors.New("it was stopped before it was ready, by " + cmpOr(d.stopBy, "the workload's end")),
			}
		}
	}
	d.tell(err)
}

// reload takes over what can be changed in a running daemon, reopens the log, and passes the configured signal on. A workload that is not ready hears of it when it is.
func (d *daemon) reload(by string) {
	switch a := d.run1; {
	case d.state == service.StateStarting, d.state == service.StateRestarting, a != nil && a.ending:
		d.passOn = a != nil && !a.ending
		d.renew(by)
		d.save()
	case d.on(service.EventReload): // also of a workload that says that it does already, and may never come to an end with it
		d.deadline.stop()
		d.save()
		d.outer.Reloading()
		d.renew(by)
		d.passReload()
		d.runOn()
	default:
		d.logger.Warn("Not running, reload ignored", "state", d.state)
	}
}

// renew is what reload does without the workload.
func (d *daemon) renew(by string) {
	if err := d.log.Reopen(); err != nil {
		d.logger.Error("Cannot reopen the log", "err", err)
	}
	if d.o.Reload != nil {
		d.reconfigure()
	}
	d.reloads++
	d.logger.Info("Reloaded", "by", by)
	d.note(history.Event{Event: "reloaded", By: by, ConfigHash: d.spec.ConfigHash})
}

// passReload passes the configured signal on, where there is one.
func (d *daemon) passReload() {
	if d.spec.ReloadSig == "" || d.run1 == nil || !d.run1.process {
		return
	}
	if err := d.run1.tree.signal(d.spec.ReloadSig); err != nil {
		d.logger.Error("Cannot pass the reload on to the workload", "err", err)
	}
}

// reconfigure applies a new configuration as far as it can be applied to a running workload.
func (d *daemon) reconfigure() {
	spec, err := d.o.Reload()
	if err != nil {
		d.logger.Error("Cannot read the configuration, the old one stays", "err", err)
		return
	}
	if changed := needsRestart(d.spec, spec); len(changed) > 0 {
		d.logger.Warn(`Some of what has changed takes effect with "apexd restart"`, "changed", strings.Join(changed, ", "))
	}
	if changed := needsInstall(d.spec, spec); len(changed) > 0 && d.o.Keeper.Backend.HasPolicy() {
		d.logger.Warn(`Some of what has changed is for the service manager, which knows it after "apexd install"`, "changed", strings.Join(changed, ", "))
	}
	d.spec.StopTimeout, d.spec.StopSignal, d.spec.ReloadSig = spec.StopTimeout, spec.StopSignal, spec.ReloadSig
	d.spec.Restart, d.spec.ConfigHash = spec.Restart, spec.ConfigHash
	r := &d.spec.Readiness // what is asked, and how, belongs to the command
	r.Timeout, r.Interval, r.Settle = spec.Readiness.Timeout, spec.Readiness.Interval, spec.Readiness.Settle
	if spec.Log.Path == d.spec.Log.Path {
		d.log.SetPolicy(spec.Log)
		d.spec.Log = spec.Log
		d.logger = d.o.NewLogger(d.log, spec.Log)
	}
}

// needsRestart names what reconfigure does not take over, as the configuration calls it. The environment has other keys in it.
func needsRestart(a, b service.Spec) []string {
	x, y := a.Readiness, b.Readiness
	return keysOf(
		change{"command", !slices.Equal(a.Command, b.Command)},
		change{"workingDirectory", a.Dir != b.Dir},
		change{"environment", !slices.Equal(a.Env, b.Env)},
		change{"readiness", x.Kind != y.Kind || x.URL != y.URL || x.Address != y.Address || patternOf(x) != patternOf(y)},
		change{"watchdog", a.Watchdog != b.Watchdog},
		change{"log.store", a.Log.Store != b.Log.Store},
		change{"logFile", a.Log.Path != b.Log.Path},
		change{"api.address", a.API != b.API},
		change{"sockets", !slices.Equal(a.Sockets, b.Sockets)},
	)
}

// needsInstall names what a manager that has a restart policy was told when the service was installed.
func needsInstall(a, b service.Spec) []string {
	return keysOf(
		change{"stopTimeout", a.StopTimeout != b.StopTimeout},
		change{"readiness.timeout", a.Readiness.Timeout != b.Readiness.Timeout},
		change{"watchdog", a.Watchdog != b.Watchdog},
		change{"restart", a.Restart != b.Restart},
	)
}

// change says whether key has changed.
type change struct {
	key string
	has bool
}

func keysOf(all ...change) []string {
	var keys []string
	for _, c := range all {
		if c.has {
			keys = append(keys, c.key)
		}
	}
	return keys
}

func patternOf(r service.Readiness) string {
	if r.Pattern == nil {
		return ""
	}
	return r.Pattern.String()
}

// listen opens the socket on which the run of a may speak sd_notify(3), unless that of the last one goes on, see exited. Without one its messages are not heard.
func (d *daemon) listen(ctx context.Context, a *attempt) {
	if !a.process || d.server != nil {
		return
	}
	dir, _ := filepath.Split(d.o.Ref.Path)
	s, err := notify.Listen(dir)
	if err != nil {
		if d.spec.Readiness.Kind == service.ReadyNotify || d.spec.Watchdog > 0 {
			d.logger.Error("Cannot listen for the workload's notifications", "err", err)
		}
		return
	}
	self := os.Geteuid()
	s.Accept = func(pid, uid int) bool { return uid == 0 || uid == self || descendsFromUs(pid) } // who sends and ends, as systemd-notify(1) does, is nobody's child by now
	d.server = s
	go s.Serve(ctx, func(m notify.Message) {
		d.post(ctx, func() {
			if s == d.server {
				d.notified(m)
			}
		})
	})
}

// descendsFromUs reports whether process pid is one that we have started, or one of its descendants: those that lose their parent become our children, see startProcess.
func descendsFromUs(pid int) bool {
	p, err := proc.Inspect(pid)
	return err == nil && p.PID != os.Getpid() && ancestors(p)[os.Getpid()]
}

// hearOut takes what the run of a has said before it ended, as systemd does: its last word counts, and is none of the next run, which goes on with the same socket. What it says while it
// stops changes nothing any more.
func (d *daemon) hearOut(a *attempt) {
	if d.state == service.StateStopping {
		return
	}
	var heard <-chan struct{}
	if d.server != nil {
		heard = d.server.Drain() // mostly nil
	}
	var bound <-chan time.Time
	if heard != nil {
		bound = time.After(relayWait)
	}
	for heard != nil || len(d.events) > 0 {
		select {
		case f := <-d.events:
			f()
		case <-heard:
			heard = nil
		case <-bound:
			heard = nil
		}
	}
	if d.state == service.StateStarting && a.matched.Load() {
		d.becomeReady(a, "")
	}
}

// unlisten ends listen, of which there may have been none.
func (d *daemon) unlisten() {
	if d.server != nil {
		d.server.Close()
		d.server = nil
	}
}

// notified takes a message of the workload and passes it on to the manager around us.
func (d *daemon) notified(m notify.Message) {
	a := d.run1
	if a == nil {
		return
	}
	for _, r := range m.Rejected {
		d.logger.Warn("Refused a notification of the workload", "reason", r)
	}
	changed := false
	if m.Status != nil && *m.Status != d.statusText {
		d.statusText, changed = *m.Status, true
		d.outer.Status(*m.Status)
	}
	if m.Reloading && !a.ending && d.on(service.EventReload) {
		d.outer.Reloading()
		d.limitReload()
		changed = true
	}
	if m.Stopping {
		d.outer.Stopping()
	}
	if m.ExtendTimeout != nil {
		d.extend(a, *m.ExtendTimeout)
	}
	if m.Watchdog {
		d.pingWatchdog(a)
	}
	if m.WatchdogTrigger {
		d.watchdogExpired(a)
	}
	switch {
	case m.Ready:
		d.becomeReady(a, "")
	case changed:
		d.save()
	}
}

// extendStep is by how much more a starter is told each time, who waits for longer than that besides: nobody may read what is written for him.
const extendStep = 5 * time.Second

// extend gives the workload more time to start or to reload, as sd_notify(3) says. How long a stop may take is the word of who configures it: whoever waits for the stop goes by
// that, and so do most managers. Nothing is gained by a settle time that is longer.
func (d *daemon) extend(a *attempt, more time.Duration) {
	switch settling := d.state == service.StateStarting && d.spec.Readiness.Kind == service.ReadyStarted; {
	case d.state == service.StateStopping || a.ending:
		if !a.refused {
			a.refused = true
			d.logger.Warn("The workload asks for more time to end, which it does not get", "limit", d.spec.StopTimeout)
		}
	case d.state == service.StateReloading, d.state == service.StateStarting && !settling:
		d.outer.ExtendTimeout(more)
		d.deadline.extend(more)
		if at := time.Now().Add(more); !d.reported && d.o.Extend != nil && at.After(d.extended.Add(extendStep)) {
			d.extended = at
			d.o.Extend(more)
		}
	}
}

// limitReload bounds how long the workload may reload, as a start is bounded, and as systemd does (systemd.service(5), TimeoutStartSec=): one that does not say when it has done it is taken
// to run on, and nothing is done to it.
func (d *daemon) limitReload() {
	limit := d.spec.Readiness.Timeout
	if limit <= 0 {
		return
	}
	d.deadline.set(limit, func() {
		d.logger.Warn("The workload did not say that it has reloaded, going on", "limit", limit)
		d.runOn()
	})
}

// runOn is the end of a reload.
func (d *daemon) runOn() {
	d.on(service.EventReady)
	d.save()
	d.outer.Ready(d.statusText)
}

// pingWatchdog (re)arms the watchdog of a ready workload, and says to the manager around us, which has one of its own, that all is well.
func (d *daemon) pingWatchdog(a *attempt) {
	if d.spec.Watchdog > 0 && a.process && d.ready && d.state != service.StateStopping {
		d.watchdog.set(d.spec.Watchdog, func() { d.watchdogExpired(a) })
		_ = d.outer.Watchdog() // a manager that does not hear it will act
	}
}

// watchdogExpired ends a workload that has gone silent, as systemd does (systemd.service(5), WatchdogSec=): SIGABRT, so that it may leave
// a core, then the kill.
func (d *daemon) watchdogExpired(a *attempt) {
	if a != d.run1 || a.ending || d.state == service.StateStopping {
		return
	}
	a.ending = true
	a.cancel()
	d.logger.Error("The workload did not ping its watchdog in time", "limit", d.spec.Watchdog)
	d.note(history.Event{Event: "watchdog", WorkloadPID: a.tree.pid(), Reason: "no ping within " + d.spec.Watchdog.String()})
	d.fault = "its watchdog expired"
	d.ready = false
	if a.tree.ask("SIGABRT") != nil {
		a.tree.kill()
		return
	}
	d.deadline.set(min(d.spec.StopTimeout, watchdogGrace), a.tree.kill)
}

// watchdogGrace bounds how long a core dump may take.
const watchdogGrace = 5 * time.Second
