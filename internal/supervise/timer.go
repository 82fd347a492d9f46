package supervise

import "time"

// timer calls a function once, from loop: loop receives from c and calls fire. The zero value is a stopped timer, which costs nothing.
type timer struct {
	c  <-chan time.Time
	t  *time.Timer
	at time.Time
	by time.Time // of soon
	f  func()
}

// set arms the timer anew.
func (t *timer) set(d time.Duration, f func()) {
	t.f, t.at, t.by = f, time.Now().Add(d), time.Time{}
	if t.t == nil {
		t.t = time.NewTimer(d)
	} else {
		t.t.Reset(d) // since Go 1.23 no stale value can be received after Reset
	}
	t.c = t.t.C
}

// soon arms the timer anew, without a function, for d from now, but for no later than limit after the first of the calls since it last ran out.
func (t *timer) soon(d, limit time.Duration) {
	by := t.by
	if by.IsZero() {
		by = time.Now().Add(limit)
	}
	t.set(min(d, time.Until(by)), nil)
	t.by = by
}

// extend moves an armed timer to at least d from now.
func (t *timer) extend(d time.Duration) {
	if at := time.Now().Add(d); t.c != nil && at.After(t.at) {
		t.at = at
		t.t.Reset(d)
	}
}

func (t *timer) stop() {
	if t.t != nil {
		t.t.Stop()
	}
	t.c, t.f, t.by = nil, nil, time.Time{}
}

// fire is called by loop after it has received from c.
func (t *timer) fire() {
	f := t.f
	t.c, t.f, t.by = nil, nil, time.Time{}
	if f != nil {
		f()
	}
}
