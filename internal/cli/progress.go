package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/install"
	"github.com/joshuaaferguson/apexd/internal/logfile"
	"github.com/joshuaaferguson/apexd/internal/term"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// What is waited for is said after patience where somebody is looking, since most waits are shorter, and after longPatience, once, in what may be a log.
const (
	patience     = 300 * time.Millisecond
	longPatience = 5 * time.Second
)

// progress says on standard error what is waited for, until done is called: on a terminal in one line, with the time, which is taken away in the end; elsewhere in one plain line.
// With --quiet or --json it says nothing.
type progress struct {
	app   *app
	ref   pidfile.Ref                // of the daemon that is waited for; the zero value is none
	text  func(time.Duration) string // what is waited for, after that long
	begun time.Time
	stop  chan struct{}
	ended sync.WaitGroup
}

// waiting begins a progress. text is asked again each second, and whenever the daemon of ref has changed.
func (a *app) waiting(ref pidfile.Ref, text func(time.Duration) string) *progress {
	p := &progress{app: a, ref: ref, text: text, begun: time.Now(), stop: make(chan struct{})}
	if a.quiet || a.json {
		return p
	}
	p.ended.Go(func() {
		shown := term.IsTerminal(a.err) && !term.Dumb(os.Getenv)
		t := time.NewTimer(map[bool]time.Duration{true: patience, false: longPatience}[shown])
		defer t.Stop()
		select {
		case <-p.stop:
			return
		case <-t.C:
		}
		if shown {
			p.draw()
		} else {
			fmt.Fprintln(a.err, "apexd: "+p.line())
		}
	})
	return p
}

// done ends the progress and takes its line away.
func (p *progress) done() {
	close(p.stop)
	p.ended.Wait()
}

func (p *progress) line() string { return logfile.SanitizeLine(p.text(time.Since(p.begun))) }

// draw keeps one line up to date.
func (p *progress) draw() {
	ctx, cancel := context.WithCancel(context.Background())
	var changed <-chan struct{}
	wait := func() {}
	if p.ref.Path != "" {
		changed, wait = backends.Changes(ctx, p.ref)
	}
	defer wait()
	defer cancel()
	tick := time.NewTicker(second)
	defer tick.Stop()
	for {
		width, _ := term.Size(p.app.err)
		fmt.Fprint(p.app.err, "\r"+term.Fit(p.line(), cmp.Or(width, 80)-1)+"\x1b[K")
		select {
		case <-p.stop:
			fmt.Fprint(p.app.err, "\r\x1b[K")
			return
		case <-tick.C:
		case <-changed:
		}
	}
}

// startText says what a start of spec waits for, and what the workload says meanwhile (STATUS=).
func startText(spec service.Spec, ref pidfile.Ref) func(time.Duration) string {
	return func(d time.Duration) string {
		text := fmt.Sprintf("starting %s: %s, %s", spec.Name, readyText(spec.Readiness), ago(d))
		if limit := spec.Readiness.Timeout; limit > 0 {
			text += " of at most " + ago(limit)
		}
		if rec, err := pidfile.Read(ref.Path); err == nil && rec.StatusText != "" && rec.State != service.StateFailed {
			text += ": " + rec.StatusText
		}
		return text
	}
}

// readyText is what makes a workload ready.
func readyText(r service.Readiness) string {
	switch r.Kind {
	case service.ReadyHTTP:
		return "waiting until " + r.URL + " answers"
	case service.ReadyTCP:
		return "waiting until " + r.Address + " accepts a connection"
	case service.ReadyNotify:
		return "waiting until it says READY=1"
	case service.ReadyLog:
		return "waiting for a line of output like " + quote(r.Pattern.String())
	}
	return "waiting whether it stays up"
}

// stopText says how long a stop has been waiting, and for what.
func stopText(spec service.Spec, o service.StopOptions, pid int) func(time.Duration) string {
	return func(d time.Duration) string {
		if o.Force {
			return fmt.Sprintf("killing %s (PID %d), %s", spec.Name, pid, ago(d))
		}
		return fmt.Sprintf("stopping %s (PID %d), %s; what still runs after %s is killed", spec.Name, pid, ago(d), ago(cmp.Or(o.Timeout, spec.StopTimeout)))
	}
}

// stepText says which step of p is being done.
func stepText(p *install.Plan) func(time.Duration) string {
	var step atomic.Pointer[string]
	p.OnStep = func(n, of int, name string) {
		text := fmt.Sprintf("%s, step %d of %d: %s", p.Op+" "+p.Service, n, of, name)
		step.Store(&text)
	}
	return func(d time.Duration) string {
		if s := step.Load(); s != nil {
			return *s + ", " + ago(d)
		}
		return p.Op + " " + p.Service
	}
}
