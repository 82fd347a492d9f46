package ready

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/joshuaaferguson/apexd/internal/testenv"
)

const wait = 30 * time.Second // for what must happen

// limited is a context that ends the test's wait with cause.
func limited(t *testing.T, d time.Duration, cause error) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), d, cause)
	t.Cleanup(cancel)
	return ctx
}

// closedPort is an address on which nobody listens.
func closedPort(t *testing.T) *testenv.Port {
	t.Helper()
	p, err := testenv.NewPort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestTCPReady(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, address := range []string{l.Addr().String(), "localhost:" + port, ":" + port} {
		if err := TCP(limited(t, wait, nil), address, time.Millisecond); err != nil {
			t.Errorf("TCP(%q) = %v", address, err)
		}
	}
}

func TestTCPIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	defer l.Close()
	if err := TCP(limited(t, wait, nil), l.Addr().String(), time.Millisecond); err != nil {
		t.Error(err)
	}
}

func TestTCPLateStart(t *testing.T) {
	port := closedPort(t)
	opened := make(chan time.Time, 1)
	time.AfterFunc(60*time.Millisecond, func() {
		if l, err := port.Listen(); err == nil {
			opened <- time.Now()
			<-t.Context().Done()
			l.Close()
		}
	})
	if err := TCP(limited(t, wait, nil), port.Address, 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(<-opened); took > wait/2 {
		t.Errorf("noticed %v after it opened", took)
	}
}

func TestTCPRefused(t *testing.T) {
	conn, err := dial(limited(t, wait, nil), closedPort(t).Address)
	if err == nil {
		conn.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("dial = %v", err)
	}
}

func TestTCPEnds(t *testing.T) {
	died := errors.New("the workload died")
	address := closedPort(t).Address
	err := TCP(limited(t, 30*time.Millisecond, died), address, time.Millisecond)
	var e *NotReadyError
	if !errors.As(err, &e) || !errors.Is(err, died) || e.Cause != died || e.Last == nil {
		t.Fatalf("TCP = %v, want a NotReadyError with the cause", err)
	}
	if text := err.Error(); !strings.HasPrefix(text, "not ready: the workload died; last probe of "+address+": ") || strings.Contains(text, "\n") {
		t.Errorf("it says %q", text)
	}
}

func TestTCPBadAddress(t *testing.T) {
	for _, address := range []string{"", "localhost", "127.0.0.1", "::1:80:"} {
		err := TCP(t.Context(), address, time.Millisecond)
		var e *NotReadyError
		if err == nil || errors.As(err, &e) {
			t.Errorf("TCP(%q) = %v, want an error at once", address, err)
		}
	}
}

func TestSelfConnection(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if toItself(conn) {
		t.Error("a connection to a server counts as one to itself")
	}
	port := closedPort(t)
	port.Close()
	address := port.Address
	local, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	self, err := (&net.Dialer{LocalAddr: local}).Dial("tcp", address)
	if err != nil {
		t.Skipf("this system does not connect a socket to itself: %v", err)
	}
	defer self.Close()
	if !toItself(self) {
		t.Error("a connection to itself is not recognised")
	}
}

func TestCancelReturnsAtOnce(t *testing.T) {
	gone := errors.New("gone")
	hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	refuse := func(context.Context) error { return errors.New("refused") }
	tests := []struct {
		name  string
		try   func(context.Context) error
		tries bool
	}{
		{"during a try", hang, false},
		{"during a pause", refuse, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			var at time.Time
			time.AfterFunc(30*time.Millisecond, func() { at = time.Now(); cancel(gone) })
			err := poll(ctx, "x", time.Hour, firstLimit, tt.try)
			if took := time.Since(at); took > wait/2 {
				t.Errorf("it took %v", took)
			}
			var e *NotReadyError
			if !errors.As(err, &e) || !errors.Is(err, gone) || (e.Tries > 0) != tt.tries || (e.Last == errNoAnswer) == tt.tries {
				t.Errorf("poll = %+v", err)
			}
		})
	}
}

func TestCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := TCP(ctx, closedPort(t).Address, time.Millisecond); !errors.Is(err, context.Canceled) {
		t.Errorf("TCP = %v", err)
	}
}

func TestLastErrorIsNotOurOwn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	real, n := errors.New("status 503"), 0
	err := poll(ctx, "x", time.Millisecond, firstLimit, func(ctx context.Context) error {
		if n++; n < 3 {
			return real
		}
		cancel()
		return ctx.Err()
	})
	var e *NotReadyError
	if !errors.As(err, &e) || e.Last != real || e.Tries != 2 {
		t.Errorf("poll = %+v, want the last answer of the workload", err)
	}
}

func TestPauses(t *testing.T) {
	tests := []struct {
		name     string
		interval time.Duration
		atLeast  int // tries within 200 ms; with pauses of 5 ms throughout there are about 35
		atMost   int
	}{
		{"up to the interval", 100 * time.Millisecond, 3, 12},
		{"interval below the first pause", time.Microsecond, 4, 45},
		{"none", 0, 4, 45},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := poll(limited(t, 200*time.Millisecond, nil), "x", tt.interval, firstLimit, func(context.Context) error { return errors.New("no") })
			var e *NotReadyError
			if !errors.As(err, &e) || e.Tries < tt.atLeast || e.Tries > tt.atMost {
				t.Errorf("%d tries, want %d to %d", e.Tries, tt.atLeast, tt.atMost)
			}
		})
	}
}

func TestLimitsGrow(t *testing.T) {
	var limits []time.Duration
	err := poll(limited(t, wait, nil), "x", time.Millisecond, 10*time.Millisecond, func(ctx context.Context) error {
		deadline, _ := ctx.Deadline()
		limits = append(limits, time.Until(deadline))
		switch len(limits) {
		case 4:
			return errors.New("an answer")
		case 5:
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, most := range []time.Duration{10, 20, 40, 80, 80} {
		if most *= time.Millisecond; limits[i] > most || limits[i] < most/2 {
			t.Errorf("try %d had %v, want %v", i, limits[i], most)
		}
	}
}

// A deadline that the network poller sees before the context does is still ours.
func TestEnded(t *testing.T) {
	past, cancel := context.WithDeadline(t.Context(), time.Now())
	cancel()
	future, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	late := lateContext{t.Context()}
	for name, tt := range map[string]struct {
		ctx  context.Context
		want bool
	}{"past": {past, true}, "future": {future, false}, "none": {t.Context(), false}, "not noticed yet": {late, true}} {
		if got := ended(tt.ctx); got != tt.want {
			t.Errorf("%s: ended = %t", name, got)
		}
	}
}

// lateContext has a deadline that passed, and does not know it yet.
type lateContext struct{ context.Context }

func (lateContext) Deadline() (time.Time, bool) { return time.Now(), true }

func TestAttemptIsBounded(t *testing.T) {
	err := attempt(t.Context(), time.Millisecond, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	if !errors.Is(err, errNoAnswer) || err.Error() != "no answer within 1ms" {
		t.Errorf("attempt = %v", err)
	}
}

// settle fails the test when there are more goroutines than before after a while; those of package net end on their own.
func settle(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(wait); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			buf := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, before %d:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}
