package backends

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/internal/fswatch"
	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// Launchd runs the daemon as a job of launchd, the system's or a user's. Who runs is still decided by lock and record; what is to happen is asked of launchd. A daemon that is stopped
// is booted out, since launchd would start it again otherwise, and a start loads it anew, with what its property list says by then. It is a value and safe for concurrent use.
type Launchd struct {
	Direct       *Direct // the record, the lock, and what a crash left behind
	Registration service.Registration
	Owner        int    // whose domains they are, with ScopeUser
	File         string // the property list

	ctl launchctl // nil: launchd.Launchctl
}

var _ service.Backend = (*Launchd)(nil)

// launchctl is what is asked of launchd; see launchd.Launchctl.
type launchctl interface {
	Find(ctx context.Context, domains []launchd.Domain, label string) (launchd.Job, error)
	Print(ctx context.Context, d launchd.Domain, label string) (launchd.Job, error)
	Disabled(ctx context.Context, d launchd.Domain, label string) (bool, error)
	Enable(ctx context.Context, d launchd.Domain, label string) error
	Disable(ctx context.Context, d launchd.Domain, label string) error
	Load(ctx context.Context, d launchd.Domain, label, path string) error
	Unload(ctx context.Context, d launchd.Domain, label, path string) error
	Kickstart(ctx context.Context, d launchd.Domain, label string) error
	Kill(ctx context.Context, d launchd.Domain, label, signal string) error
}

// Kind implements service.Backend.
func (l *Launchd) Kind() service.Kind { return service.KindLaunchd }

// Registered implements Managed.
func (l *Launchd) Registered() service.Registration { return l.Registration }

// Definition implements Managed.
func (l *Launchd) Definition() string { return l.File }

func (l *Launchd) launchctl() launchctl {
	if l.ctl != nil {
		return l.ctl
	}
	return launchd.Launchctl{}
}

func (l *Launchd) domains() []launchd.Domain {
	return launchd.Domains(l.Registration.Scope, l.Owner)
}

// find is what launchd says of the job. That it is not loaded, or that there is nobody to load it for, is an answer.
func (l *Launchd) find(ctx context.Context) (job, error) {
	j, err := l.launchctl().Find(ctx, l.domains(), l.Registration.Service)
	switch {
	case err == nil:
		return job{Job: j, loaded: true}, nil
	case errors.Is(err, launchd.ErrNotLoaded), errors.Is(err, launchd.ErrNoDomain):
		return job{Job: launchd.Job{Domain: j.Domain}}, nil
	}
	return job{}, err
}

// Status implements service.Backend. Where launchd cannot be asked, lock and record still tell who runs, and a warning says what is missing.
func (l *Launchd) Status(ctx context.Context) (service.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	var (
		st       service.Status
		disabled *bool
	)
	for i := range askAgain {
		j, err := l.find(ctx)
		if err != nil {
			return l.Direct.unasked(l.Registration, "launchd", err), nil
		}
		if i == 0 && j.Domain != "" {
			if yes, err := l.launchctl().Disabled(ctx, j.Domain, l.Registration.Service); err == nil {
				disabled = &yes
			}
		}
		j.disabled = disabled
		st = l.Direct.look()
		ran := st.Running
		j.merge(&st, l.Registration, ageOf)
		if (j.PID != 0) == ran {
			break
		}
	}
	return st, nil
}

// Start implements service.Backend: it returns when the record says that the workload is ready. launchd itself knows no more than that a process runs.
func (l *Launchd) Start(ctx context.Context) (service.Started, error) {
	unlock, err := turn(ctx, l.File, l.Direct.turnBound())
	if err != nil {
		return service.Started{}, err
	}
	defer unlock()
	f := l.Direct.certain(ctx)
	if f.Running {
		return service.Started{}, alreadyRunning(f)
	}
	j, err := l.find(ctx)
	switch {
	case err != nil:
		return service.Started{}, l.cannotAsk("start daemon", service.CodeStartFailed, err)
	case j.loaded && j.PID != 0 && !j.Ending(): // launchd has begun to start it, as at a login
		if _, err = l.await(ctx, j.Domain, j.Runs); err == nil {
			err = alreadyRunning(l.Direct.Ref.Look())
		}
		return service.Started{}, err
	case j.loaded:
		err = l.unload(ctx, j.Domain)
	}
	if err == nil && f.State != service.StateUnknown {
		err = l.Direct.clear(ctx, f) // a person's start is no further try
	}
	if err != nil {
		return service.Started{}, l.cannotAsk("start daemon", service.CodeStartFailed, err)
	}
	d, err := l.load(ctx)
	if err != nil {
		return service.Started{}, l.cannotAsk("start daemon", service.CodeStartFailed, errors.Join(err, l.takeBack()))
	}
	return l.await(ctx, d, 1)
}

// takeBack stops what a start that was interrupted has loaded all the same.
func (l *Launchd) takeBack() error {
	ctx, cancel := context.WithTimeout(context.Background(), l.Direct.stopBound(0)+launchd.Settle)
	defer cancel()
	j, err := l.find(ctx)
	if err != nil || !j.loaded {
		return err
	}
	if _, err := l.end(ctx, j.Domain, service.StopOptions{}); err != nil {
		return err
	}
	return l.Direct.stoppedBy(ctx, l.Registration)
}

// load loads the property list into the first of its domains that there is and that it is for.
func (l *Launchd) load(ctx context.Context) (launchd.Domain, error) {
	var errs []error
	for _, d := range l.domains() {
		err := l.loadInto(ctx, d)
		if err == nil {
			return d, nil
		}
		errs = append(errs, err)
		if !errors.Is(err, launchd.ErrNoDomain) && !errors.Is(err, launchd.ErrOtherSession) {
			break
		}
	}
	return "", errors.Join(errs...)
}

// loadInto loads the job, also one that is disabled, which then is again, and has it run: launchd may load a job and put its start off.
func (l *Launchd) loadInto(ctx context.Context, d launchd.Domain) error {
	ctl, label := l.launchctl(), l.Registration.Service
	disabled, err := ctl.Disabled(ctx, d, label)
	if err != nil && !errors.Is(err, launchd.ErrUnknownVerb) {
		return err
	}
	if disabled {
		if err := ctl.Enable(ctx, d, label); err != nil {
			return err
		}
	}
	if err = ctl.Load(ctx, d, label, l.File); err == nil {
		err = l.demand(ctx, d)
	}
	if disabled {
		err = errors.Join(err, ctl.Disable(context.WithoutCancel(ctx), d, label))
	}
	return err
}

// demand starts a job that launchd has loaded and not spawned. One that it has, and that may have ended by now, is not started a second time.
func (l *Launchd) demand(ctx context.Context, d launchd.Domain) error {
	j, err := l.job(ctx, d)
	if err != nil || !j.loaded || j.Runs > 0 || j.PID != 0 { // somebody may have booted it out already, which await tells
		return err
	}
	if err = l.launchctl().Kickstart(ctx, d, l.Registration.Service); errors.Is(err, launchd.ErrUnknownVerb) || errors.Is(err, launchd.ErrNotLoaded) {
		return nil
	}
	return err
}

func (l *Launchd) unload(ctx context.Context, d launchd.Domain) error {
	ctx, cancel := context.WithTimeout(ctx, l.Direct.stopBound(0)+launchd.Settle)
	defer cancel()
	return l.launchctl().Unload(ctx, d, l.Registration.Service, l.File)
}

// endPoll is how often launchd is asked whether it has begun to boot a job out.
const endPoll = 20 * time.Millisecond

// startPoll is how often launchd is asked during a start whether its process has ended, of which it tells nobody.
const startPoll = 100 * time.Millisecond

// await returns when the daemon of launchd's process number runs is ready, or that process has ended. What is ready or failed, the record says, and its changes are events.
func (l *Launchd) await(ctx context.Context, d launchd.Domain, runs int) (service.Started, error) {
	wait, cancel := context.WithTimeoutCause(ctx, l.Direct.bound(), fmt.Errorf("it was not ready within %s", l.Direct.bound()))
	defer cancel()
	changed, err := fswatch.Changed(wait, l.Direct.Ref.Path)
	if err != nil {
		changed = nil // the daemon makes the directory; until then there is the timer
	}
	for {
		f := l.Direct.Ref.Look()
		switch {
		case f.Running && f.Record != nil && !l.keeps(f.Record):
			return service.Started{}, errors.Join(alreadyRunning(f), l.unload(ctx, d))
		case f.Running && f.Record != nil && f.Record.Ready && f.Record.State == service.StateRunning:
			return startedAs(f), nil
		case !f.Running:
			if j, err := l.job(wait, d); err == nil && j.ended(runs) {
				return service.Started{}, l.notStarted(d, j)
			}
		}
		select {
		case <-changed:
		case <-time.After(startPoll):
		case <-wait.Done():
			return service.Started{}, l.abandon(context.Cause(wait))
		}
	}
}

// keeps reports whether the record is of a daemon that this job runs. One that has not been written yet says nothing.
func (l *Launchd) keeps(r *pidfile.Record) bool {
	return r.Backend == string(service.KindLaunchd) && r.Service == l.Registration.Service
}

// job is what launchd says of the job in d.
func (l *Launchd) job(ctx context.Context, d launchd.Domain) (job, error) {
	j, err := l.launchctl().Print(ctx, d, l.Registration.Service)
	if errors.Is(err, launchd.ErrNotLoaded) || errors.Is(err, launchd.ErrNoDomain) {
		return job{}, nil
	}
	return job{Job: j, loaded: true}, err
}

// notStarted explains a start that failed: the daemon's own words where it had any. launchd, which would go on trying, is told to let it be.
func (l *Launchd) notStarted(d launchd.Domain, j job) error {
	ctx, cancel := context.WithTimeout(context.Background(), l.Direct.stopBound(0)+launchd.Settle) // also when the caller's has ended
	defer cancel()
	f := l.Direct.Ref.Look()
	if f.Running && f.Record != nil && !l.keeps(f.Record) {
		return errors.Join(alreadyRunning(f), l.unload(ctx, d))
	}
	e := &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Hint: l.hint(d)}
	why := "it ended before it was ready"
	switch {
	case f.Record != nil && f.Record.State == service.StateFailed && f.Record.StatusText != "":
		why = strings.TrimSuffix(f.Record.StatusText, ".") + " before it was ready"
	case !j.loaded:
		why = "somebody has booted it out meanwhile"
	case f.Record == nil && (j.ExitCode != 0 || j.Signal != ""):
		why = j.why()
	}
	e.Exit, e.Log = lastExit(f.Record), l.Direct.words(f)
	e.Err = errors.Join(fmt.Errorf("%s (launchd: %s)", why, j.native()), l.unload(ctx, d))
	return e
}

func (l *Launchd) hint(d launchd.Domain) string {
	return `see "apexd logs" and: launchctl print ` + d.Target(l.Registration.Service)
}

// abandon stops a daemon that was started and is not wanted any more.
func (l *Launchd) abandon(why error) error {
	return &service.Error{
		Op: "start daemon", Code: service.CodeStartFailed, Hint: `see "apexd logs"`, Err: errors.Join(fmt.Errorf("it was stopped again: %w", why), l.takeBack()),
	}
}

// Stop implements service.Backend: the job is booted out, and its property list stays for the next start, login or boot.
func (l *Launchd) Stop(ctx context.Context, o service.StopOptions) (service.Stopped, error) {
	return l.Direct.stopThrough(ctx, l.Registration, o, launchd.Settle, func(ctx context.Context, _ int) (killed bool, err error) {
		for range l.domains() { // it may be loaded into more than one, by hand
			j, err := l.find(ctx)
			if err == nil && !j.loaded {
				break
			}
			if err == nil {
				var forced bool
				forced, err = l.end(ctx, j.Domain, o)
				killed = killed || forced
			}
			if err != nil {
				return killed, l.cannotAsk("stop daemon", service.CodeStopFailed, err)
			}
		}
		return killed, nil
	})
}

// end boots the job out of d, and helps with SIGKILL when the time is over.
func (l *Launchd) end(ctx context.Context, d launchd.Domain, o service.StopOptions) (killed bool, err error) {
	done := make(chan error, 1)
	go func() { done <- l.launchctl().Unload(ctx, d, l.Registration.Service, l.File) }() // ended by ctx at the latest
	var late <-chan time.Time
	if o.Force || o.Timeout > 0 {
		t := time.NewTimer(o.Timeout)
		defer t.Stop()
		late = t.C
	}
	patience := time.Now().Add(o.Timeout + startPoll*10)
	for {
		select {
		case err := <-done:
			return killed, err
		case <-late:
			// launchd must know first, or it would start again what is killed; it was asked by another goroutine, and has no event for it.
			late = time.After(endPoll)
			if j, err := l.job(ctx, d); err == nil && j.PID != 0 && !j.Ending() && time.Now().Before(patience) {
				continue
			}
			late = nil
			st, err := l.Direct.Stop(ctx, service.StopOptions{Force: true})
			if killed = st.Killed; err != nil {
				return killed, errors.Join(err, <-done)
			}
		}
	}
}

// Reload implements service.Backend: launchd passes the signal on, and the record tells when it is done.
func (l *Launchd) Reload(ctx context.Context) error {
	return l.Direct.reload(ctx, func() error {
		j, err := l.find(ctx)
		if err == nil {
			err = l.launchctl().Kill(ctx, j.Domain, l.Registration.Service, "SIGHUP")
		}
		if err != nil {
			return l.cannotAsk("reload daemon", service.CodeStopFailed, err)
		}
		return nil
	})
}

func (l *Launchd) cannotAsk(op string, c service.Code, err error) error {
	var known *service.Error
	if errors.As(err, &known) {
		return err
	}
	e := &service.Error{Op: op, Code: c, Err: err}
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.Code, e.Hint = service.CodePermissionDenied, "run the same command with sudo"
	case errors.Is(err, fs.ErrNotExist), !exists(l.File):
		e.Code, e.Hint = service.CodeServiceNotFound, `"apexd install" registers it`
	case errors.Is(err, launchd.ErrNoDomain), errors.Is(err, launchd.ErrOtherSession):
		e.Hint = fmt.Sprintf(`log in at the screen as %s; or register it for sessions like this one: "apexd install" writes it anew`, userName(l.Owner))
	case errors.Is(err, launchd.ErrBusy):
		e.Hint = "try again; if that does not help, log out and in"
	}
	return e
}

// registeredJob is launchd's view of d's daemon.
func registeredJob(d *Direct, f pidfile.Finding) (Managed, bool) {
	if !launchd.Here() {
		return nil, false
	}
	l := &Launchd{Direct: d, Registration: service.NewRegistration(service.KindLaunchd, service.ScopeSystem, d.Ref.Project, d.Spec.Name)}
	running := f.Record
	if !f.Running || running == nil || running.Backend != string(service.KindLaunchd) {
		running = nil
	}
	if running != nil {
		l.Registration.Scope, l.Registration.Service, l.Owner = service.Scope(running.Scope), running.Service, f.Process.UID
	}
	for _, file := range jobFiles(l.Registration.Service, people(d.Ref.Project)) {
		if (running == nil || file.scope == l.Registration.Scope) && exists(file.path) {
			l.File, l.Owner, l.Registration.Scope = file.path, file.uid, file.scope
			return l, true
		}
	}
	return l, running != nil
}

// jobFiles lists where the property list of the job called label may be: the system's, and then each person's own. Whose domain that is, the file's owner tells: under sudo the
// home directory is not the user's whose command it is.
func jobFiles(label string, people []person) []unitFile {
	all := []unitFile{{launchd.File(service.ScopeSystem, "", label), service.ScopeSystem, 0}}
	for _, p := range people {
		path := launchd.File(service.ScopeUser, p.home, label)
		if owner := ownerOf(path); owner >= 0 {
			p.uid = owner
		}
		all = append(all, unitFile{path, service.ScopeUser, p.uid})
	}
	return all
}
