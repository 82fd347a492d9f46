// Package ready waits until a workload can serve, as seen from outside: an HTTP or TCP probe, or a line of its output. Waiting ends with
// nil or with a [*NotReadyError] that tells what was seen last. Nothing is left behind: no connection, timer or goroutine.
//
// A probe cannot tell whose server answers. A stranger on the same port makes a workload look ready that is about to die with
// "address already in use"; the caller looks whether the workload still lives. Addresses are not limited to loopback, since some
// services listen on one interface only; whoever writes the configuration decides whom the daemon connects to.
package ready

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	firstPause = 5 * time.Millisecond // after the first failed try; each further pause is half as long again
	firstLimit = time.Second          // for one try; after one without an answer the next has twice as long

	// lastLimit is the most a try may take: a server that needs this long for an answer is ready too. Windows repeats a refused
	// connection for 2 s before it says so.
	lastLimit = 10 * time.Second
)

// NotReadyError is why a wait ended without the workload being ready. It wraps Cause and Last.
type NotReadyError struct {
	What  string // what Last is about: "last probe of " and the URL (without its password) or address, or "output"
	Tries int    // probes that were finished, or lines seen
	Last  error  // what the last of them met
	Cause error  // why the wait ended: context.Cause
}

// Error returns "not ready: CAUSE; WHAT: LAST".
func (e *NotReadyError) Error() string {
	return fmt.Sprintf("not ready: %v; %s: %v", e.Cause, e.What, e.Last)
}

// Unwrap returns Cause and Last.
func (e *NotReadyError) Unwrap() []error { return []error{e.Cause, e.Last} }

// TCP waits until address (host:port) accepts a connection, which is closed at once. An empty host is this machine. It tries at
// once, then after 5 ms and gently less often up to interval (at least 5 ms), since no OS tells that a port was opened. Each try
// is bounded, by 1 s at first and 10 s later. When ctx ends it returns a [*NotReadyError] at once; an address without a port
// is an error at once. Safe for concurrent use.
func TCP(ctx context.Context, address string, interval time.Duration) error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return err
	}
	return poll(ctx, address, interval, firstLimit, func(ctx context.Context) error {
		conn, err := dial(ctx, address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

var errSelf = errors.New("nobody listens: the probe connected to itself")

// dial opens one connection. FallbackDelay: one address after the other, without the goroutines of Happy Eyeballs.
func dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{FallbackDelay: -1, KeepAlive: -1}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if toItself(conn) {
		conn.Close()
		return nil, errSelf
	}
	return conn, nil
}

// toItself reports whether both ends of conn are one socket: a loopback connection to a port in the ephemeral range on which nobody
// listens can get that port as its own and succeeds (simultaneous open, RFC 9293 section 3.5). Package net tries again, but
// not for ever; over thousands of probes that matters.
func toItself(conn net.Conn) bool { return conn.LocalAddr().String() == conn.RemoteAddr().String() }

// poll calls try until it succeeds or ctx ends; limit is for the first try.
func poll(ctx context.Context, what string, interval, limit time.Duration, try func(context.Context) error) error {
	e := &NotReadyError{What: "last probe of " + what, Last: errNoAnswer}
	pause := firstPause
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			e.Cause = context.Cause(ctx)
			return e
		case <-timer.C:
		}
		err := attempt(ctx, limit, try)
		if err == nil {
			return nil
		}
		if !ended(ctx) { // else it was we who ended it, which says nothing about the workload
			e.Tries++
			e.Last = err
		}
		if errors.Is(err, errNoAnswer) {
			limit = min(2*limit, lastLimit)
		}
		timer.Reset(pause)
		pause = min(pause+pause/2, max(interval, firstPause))
	}
}

var errNoAnswer = errors.New("no answer")

// attempt is one try of at most limit.
func attempt(ctx context.Context, limit time.Duration, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := try(ctx)
	if err != nil && ended(ctx) {
		return fmt.Errorf("%w within %v", errNoAnswer, limit)
	}
	return err
}

// ended also reports a deadline that has passed before ctx knows: the poller of package net may be the first to see it.
func ended(ctx context.Context) bool {
	if ctx.Err() != nil {
		return true
	}
	deadline, ok := ctx.Deadline()
	return ok && !time.Now().Before(deadline)
}
