package backends

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// Answer is what a detached daemon writes to its standard output, as a JSON object: ready, or why it is not, once; before that, each time when the workload asks for more
// time, that it takes longer.
type Answer struct {
	supervise.Daemonized
	Extend time.Duration  `json:"extend,omitempty"` // ns from now; then it is not the last one
	Error  *service.Error `json:"error,omitempty"`
}

// Report writes the Answer of a detached daemon to out and closes it. It is what supervise.Options.Report wants.
func Report(out *os.File) func(*supervise.Daemonized, error) {
	return func(d *supervise.Daemonized, err error) {
		var a Answer
		if d != nil {
			a.Daemonized = *d
		}
		if err != nil && !errors.As(err, &a.Error) {
			a.Error = &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Err: err}
		}
		a.write(out)
		_ = out.Close()
	}
}

// Extend writes an Answer to out that is not the last one. It is what supervise.Options.Extend wants.
func Extend(out *os.File) func(time.Duration) {
	return func(more time.Duration) { Answer{Extend: more}.write(out) }
}

func (a Answer) write(out *os.File) {
	b, _ := json.Marshal(a)           // an Answer has nothing that cannot be encoded
	_, _ = out.Write(append(b, '\n')) // the caller may be gone, which is its right
}

// child is a process that was started.
type child struct {
	pid  int
	wait func() (end string) // returns when it has ended, once, and says how
}

// startMargin is what a start may take beyond the workload's own limits.
const startMargin = 10 * time.Second

// Start implements service.Backend. It executes Exec detached and returns with its answer: no timer, but a bound in case the daemon hangs.
// When ctx ends first, the daemon that was just started is stopped again.
func (d *Direct) Start(ctx context.Context) (service.Started, error) {
	out, outW, err := os.Pipe()
	if err != nil {
		return service.Started{}, startError(err)
	}
	defer out.Close()
	errs, errsW, err := os.Pipe()
	if err != nil {
		outW.Close()
		return service.Started{}, startError(err)
	}
	defer errs.Close()
	p, err := spawn(d.Exec, d.Ref.Project, outW, errsW)
	outW.Close()
	errsW.Close()
	if err != nil {
		return service.Started{}, startError(err)
	}
	ended := make(chan string, 1) // the daemon is reaped also when nobody reads this
	go func() { ended <- p.wait() }()
	answers := make(chan Answer)
	gone := make(chan struct{})
	defer close(gone)
	go read(out, answers, gone)
	limit := d.bound()
	bound := time.NewTimer(limit)
	defer bound.Stop()
	for began := time.Now(); ; {
		select {
		case a := <-answers:
			if a.Extend <= 0 {
				return d.answered(p.pid, a, errs, ended)
			}
			limit = max(limit, time.Since(began)+d.boundFor(min(a.Extend, noBound)))
			bound.Reset(limit - time.Since(began))
		case <-ctx.Done():
			return service.Started{}, d.abandon(p.pid, ended, context.Cause(ctx))
		case <-bound.C:
			return service.Started{}, d.abandon(p.pid, ended, fmt.Errorf("it did not answer within %s", limit.Round(time.Second)))
		}
	}
}

// noBound is 146 years: callers may add to it.
const noBound = time.Duration(1 << 62)

// bound is longer than a daemon that works takes to answer.
func (d *Direct) bound() time.Duration {
	if d.Spec.Readiness.Timeout == 0 { // no limit was wanted
		return noBound
	}
	return d.boundFor(d.Spec.Readiness.Timeout)
}

// turnBound is bound for who waits for others' starts, which the lack of a limit for one's own says nothing about: whoever has the definition locked may be no apexd.
func (d *Direct) turnBound() time.Duration {
	return d.boundFor(cmp.Or(d.Spec.Readiness.Timeout, service.DefaultReadyTimeout))
}

func (d *Direct) boundFor(ready time.Duration) time.Duration {
	return ready + d.Spec.Readiness.Settle + d.Spec.StopTimeout + startMargin
}

// maxAnswer bounds what is read of an answer, and of the last words of a daemon that gave none.
const maxAnswer = 256 << 10

// read hands on the answers of a daemon to the last one, which is empty where it did not come, or until nobody wants them any more.
func read(out io.Reader, answers chan<- Answer, gone <-chan struct{}) {
	limited := &io.LimitedReader{R: out}
	for in := json.NewDecoder(limited); ; {
		var a Answer
		limited.N = maxAnswer
		if err := in.Decode(&a); err != nil {
			a = Answer{}
		}
		select {
		case answers <- a:
		case <-gone:
			return
		}
		if a.Extend <= 0 {
			return
		}
	}
}

func (d *Direct) answered(pid int, a Answer, errs io.Reader, ended <-chan string) (service.Started, error) {
	switch {
	case a.Error != nil:
		_, _ = d.ended(pid, ended) // nothing is left when this returns: the daemon answers as the last thing it does
		return service.Started{}, a.Error
	case a.PID == 0:
		state, err := d.ended(pid, ended)
		if err != nil {
			return service.Started{}, err
		}
		why := fmt.Errorf("the daemon ended without a word (%s)", state)
		if words, _ := io.ReadAll(io.LimitReader(errs, maxAnswer)); len(bytes.TrimSpace(words)) > 0 {
			why = fmt.Errorf("%w: %s", why, bytes.TrimSpace(words))
		}
		return service.Started{}, &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Hint: `see "apexd logs"`, Err: errors.Join(why, d.endLeftovers())}
	}
	return service.Started{PID: a.PID, Address: a.Address, Warning: a.Warning}, nil
}

// ended is how a daemon that gave no answer has ended. One that lives all the same is stopped: nobody knows what it is up to.
func (d *Direct) ended(pid int, ended <-chan string) (string, error) {
	bound := time.NewTimer(stopMargin)
	defer bound.Stop()
	select {
	case state := <-ended:
		return state, nil
	case <-bound.C:
		return "", d.abandon(pid, ended, errors.New("it did not say whether it is ready"))
	}
}

// endLeftovers ends what a daemon that was killed while it started has left running. Its record stays, and tells of that. Where the place cannot be taken somebody
// else has, or the next start will.
func (d *Direct) endLeftovers() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopMargin)
	defer cancel()
	lock, got, err := d.Ref.AcquireToClear(ctx)
	if err != nil {
		return nil
	}
	return errors.Join(endLeftovers(ctx, d.Ref, got.Previous), lock.Release())
}

// abandon stops a daemon that was started and is not wanted any more. It has not said anything yet, so it can be without a record: then this waits for the record or its end.
func (d *Direct) abandon(pid int, ended <-chan string, why error) error {
	ctx, cancel := context.WithTimeout(context.Background(), d.Spec.StopTimeout+stopMargin)
	defer cancel()
	watching, forget := context.WithCancel(ctx)
	changed, released := Changes(watching, d.Ref)
	defer func() { forget(); released() }()
	err := &service.Error{Op: "start daemon", Code: service.CodeStartFailed, PID: pid, Err: fmt.Errorf("it was stopped again: %w", why)}
	for asked := false; ; {
		if !asked && d.Ref.Look().PID == pid {
			asked = true
			if _, e := d.Stop(ctx, service.StopOptions{}); e != nil {
				err.Err = fmt.Errorf("%w, and cannot be stopped again: %w", why, e)
				return err
			}
		}
		select {
		case <-ended:
			return err
		case <-changed:
		case <-ctx.Done():
			err.Err, err.Hint = fmt.Errorf("%w, and it has not ended: %w", why, ctx.Err()), `look at it with "apexd status"`
			return err
		}
	}
}

func startError(err error) error {
	return &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Err: err}
}

// words is what the workload of f has said last, to explain its failure.
func (d *Direct) words(f pidfile.Finding) []string {
	if f.Record == nil || f.Record.Log == nil {
		return nil
	}
	return supervise.LastWords(lastLines(Place{Ref: d.Ref}, d.Spec.Name))
}
