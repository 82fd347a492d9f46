package servicetest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// caseLimit bounds one case, tidyLimit what it leaves to be cleaned up, and goneLimit how long it takes until an end is seen. Nothing waits for them when all is
// well. A Slow driver multiplies them.
const (
	caseLimit = 40 * time.Second
	tidyLimit = 20 * time.Second
	goneLimit = time.Second
)

// abreast is how many cases run at a time. They mostly wait, so that go test's -parallel, the number of processors, would be too few.
const abreast = 8

// testCase is one promise of CONTRACT.md.
type testCase struct {
	name string
	base string // of the project directory; "" is "project"
	run  func(c *C)

	alone bool // it loads the machine beyond what the bounds of others allow for
}

// cases lists everything, in the order of the matrix.
func cases() []testCase {
	return slices.Concat(startCases(), stopCases(), crashCases(), recordCases(), deletedCases(), placeCases(), nameCases(), readyCases(), verbCases(), managerCases())
}

// Names lists the cases in the order of the matrix.
func Names() []string {
	var names []string
	for _, tc := range cases() {
		names = append(names, tc.name)
	}
	return names
}

// Run runs every case on d, each as a subtest of t, and adds what came of it to m. skip is called in a subtest that this machine
// cannot run; nil is t.Skip.
func Run(t *testing.T, d Driver, m *Matrix, skip func(t testing.TB, reason string)) {
	if skip == nil {
		skip = func(t testing.TB, reason string) { t.Skip(reason) }
	}
	m.Column(d.Name())
	one := func(tc testCase) {
		t.Run(tc.name, func(t *testing.T) { report(t, execute(t.Context(), d, tc, caseLimit), d, m, skip) })
	}
	queue := make(chan testCase)
	var wg sync.WaitGroup
	for range abreast {
		wg.Go(func() {
			for tc := range queue {
				one(tc)
			}
		})
	}
	var last []testCase
	for _, tc := range cases() {
		if tc.alone {
			last = append(last, tc)
			continue
		}
		queue <- tc
	}
	close(queue)
	wg.Wait()
	for _, tc := range last {
		one(tc)
	}
}

func report(t *testing.T, c *C, d Driver, m *Matrix, skip func(testing.TB, string)) {
	m.Add(Cell{Driver: d.Name(), Case: c.name, Verdict: c.verdict, Reason: c.reason})
	switch c.verdict {
	case Fail:
		t.Error("\n" + c.log.String())
	case NotApplicable:
		t.Log("n/a: " + c.reason)
	case NotRun:
		skip(t, c.reason)
	}
}

// C is one running case. It is a T for drivers. Fatalf and its like end the case and must be called from its goroutine.
type C struct {
	name   string
	driver Driver
	s      Subject
	hub    *hub

	slowness int // of the driver

	mu       sync.Mutex // everything below
	ctx      context.Context
	log      strings.Builder
	verdict  Verdict
	reason   string
	cleanups []func()
}

var _ T = (*C)(nil)

// execute runs one case to its end, within limit, and cleans up.
func execute(ctx context.Context, d Driver, tc testCase, limit time.Duration) *C {
	c := &C{name: tc.name, driver: d, slowness: 1, verdict: Pass}
	if s, ok := d.(Slow); ok {
		c.slowness = s.Slowness()
	}
	base := tc.base
	if base == "" {
		base = "project"
	}
	began := time.Now()
	c.step(ctx, c.bound(limit), func() {
		h, err := newHub()
		if err != nil {
			c.Fatalf("cannot listen: %v", err)
		}
		c.hub = h
		c.require(CanRun)
		c.s = d.New(c, base)
		tc.run(c)
	})
	for len(c.cleanups) > 0 {
		last := c.cleanups[len(c.cleanups)-1]
		c.cleanups = c.cleanups[:len(c.cleanups)-1]
		c.step(ctx, c.bound(tidyLimit), last)
	}
	c.step(ctx, c.bound(tidyLimit), c.tidy)
	c.Logf("took %s", time.Since(began).Round(time.Millisecond))
	return c
}

// bound is what the driver makes of a limit.
func (c *C) bound(limit time.Duration) time.Duration { return limit * time.Duration(c.slowness) }

// step runs f, which Fatalf may end early, under a deadline of its own.
func (c *C) step(ctx context.Context, limit time.Duration, f func()) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the %s of a case are over", limit))
	defer cancel()
	c.mu.Lock()
	c.ctx = ctx
	c.mu.Unlock()
	done := make(chan struct{})
	go func() { // a goroutine of its own: Fatalf is its end
		defer close(done)
		f()
	}()
	<-done
}

// tidy sees to it that every test program that ever reported has ended, which is a promise of stop, before it ends them itself.
func (c *C) tidy() {
	if c.hub == nil {
		return
	}
	for _, left := range c.hub.living() {
		if !c.ended(left, c.bound(goneLimit)) { // the driver has ended the daemon by now: its processes are gone, if not yet seen to be
			c.Errorf("left behind: the process %d (%s)", left.PID, left.Role)
		}
	}
	if err := c.hub.close(); err != nil {
		c.Errorf("cannot close the case's listener: %v", err)
	}
}

// Helper implements T.
func (c *C) Helper() {}

// Context implements T.
func (c *C) Context() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ctx
}

// Logf implements T. The lines are shown when the case fails.
func (c *C) Logf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(&c.log, format+"\n", args...)
}

// Errorf implements T.
func (c *C) Errorf(format string, args ...any) {
	where := caller()
	c.Logf("FAIL: %s: "+format, append([]any{where}, args...)...)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.verdict = Fail
}

// Fatalf implements T.
func (c *C) Fatalf(format string, args ...any) {
	c.Errorf(format, args...)
	runtime.Goexit()
}

// Cleanup implements T.
func (c *C) Cleanup(f func()) { c.cleanups = append(c.cleanups, f) }

// absent ends the case as not applicable, or not run.
func (c *C) absent(a Absence) {
	c.verdict, c.reason = NotApplicable, a.Reason
	if a.Machine {
		c.verdict = NotRun
	}
	runtime.Goexit()
}

// has reports whether the driver has a, for the parts of a case that ask more than its core.
func (c *C) has(a Ability) bool { return c.driver.Missing(a) == Absence{} }

// require ends the case where the driver lacks one of these.
func (c *C) require(abilities ...Ability) {
	for _, a := range abilities {
		if m := c.driver.Missing(a); m != (Absence{}) {
			c.absent(m)
		}
	}
}

// need returns the ability a of s. A driver that lacks it and does not say why fails the case.
func need[A any](c *C, s Subject, a Ability) A {
	c.require(a)
	able, ok := s.(A)
	if !ok {
		c.Fatalf("the driver %s lacks %q and gives no reason", c.driver.Name(), a)
	}
	return able
}

// caller is the line of the case that called a helper: the first one above that is no method of C.
func caller() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	for {
		f, more := frames.Next()
		if !strings.Contains(f.Function, "servicetest.(*C).") || !more {
			return fmt.Sprintf("%s:%d", f.File[strings.LastIndexByte(f.File, '/')+1:], f.Line)
		}
	}
}
