package servicetest

import (
	"context"
	"net"
	"net/http"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/joshuaaferguson/apexd/internal/testenv"
	"github.com/joshuaaferguson/apexd/service"
)

func readyCases() []testCase {
	return []testCase{
		{name: "readiness by sd_notify", run: readyNotify},
		{name: "readiness by HTTP", run: readyHTTP},
		{name: "readiness by TCP", run: readyTCP},
		{name: "readiness by a line of output", run: readyLog},
		{name: "watchdog missed", run: watchdogMissed},
		{name: "watchdog kept", run: watchdogKept},
	}
}

// holds starts a workload that is not ready, checks that everybody says so, makes it ready by the given act, and checks that start returns then.
func (c *C) holds(r service.Readiness, ready func(child *Child)) {
	c.Helper()
	r.Interval = 20 * time.Millisecond
	c.configure(c.s, Workload{Script: Script{Hold: true}, Readiness: r})
	wait := background(func() Outcome { return c.s.Start(c.Context()) })
	child := c.child("main")
	st := c.await("it is starting", func(s service.Status) bool {
		return s.State == service.StateStarting && s.Workload != nil && s.Workload.PID == child.PID
	})
	if !st.Running || st.Ready == nil || *st.Ready {
		c.Errorf("before it is ready: %s", describe(st))
	}
	ready(child)
	o, err := wait(c.Context())
	if err != nil {
		c.Fatalf("start does not return: %v", err)
	}
	c.ok("start", o)
	c.serving()
	c.history("started", "ready")
	c.stop()
	c.nobody(0, child)
}

func readyNotify(c *C) {
	c.require(HasNotify)
	c.holds(service.Readiness{Kind: service.ReadyNotify}, func(child *Child) {
		child.Order(Order{Do: "notify", Text: "STATUS=warming up"})
		c.await("its status text is shown", func(s service.Status) bool { return s.StatusText != nil && *s.StatusText == "warming up" && !*s.Ready })
		child.Order(Order{Do: "ready"})
	})
}

// readyHTTP: the address is the case's own. Who answers is no matter to whoever asks.
func readyHTTP(c *C) {
	c.require(HasProbes)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.Fatalf("%v", err)
	}
	var up atomic.Bool
	asked := make(chan struct{}, 1) // one question is enough
	srv := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		select {
		case asked <- struct{}{}:
		default:
		}
	})}
	served := make(chan error, 1) // read below
	go func() { served <- srv.Serve(ln) }()
	defer func() {
		srv.Close()
		<-served
	}()
	c.holds(service.Readiness{Kind: service.ReadyHTTP, URL: "http://" + ln.Addr().String() + "/health"}, func(*Child) {
		c.receive(asked, "the probe")
		up.Store(true)
	})
}

func (c *C) receive(ch <-chan struct{}, what string) {
	c.Helper()
	select {
	case <-ch:
	case <-c.Context().Done():
		c.Fatalf("waited for %s: %v", what, context.Cause(c.Context()))
	}
}

func readyTCP(c *C) {
	c.require(HasProbes)
	port, err := testenv.NewPort()
	if err != nil {
		c.Fatalf("%v", err)
	}
	c.Cleanup(port.Close)
	c.holds(service.Readiness{Kind: service.ReadyTCP, Address: port.Address}, func(*Child) {
		l, err := port.Listen()
		if err != nil {
			c.Fatalf("%v", err)
		}
		c.Cleanup(func() { l.Close() })
	})
}

func readyLog(c *C) {
	c.require(HasProbes)
	c.holds(service.Readiness{Kind: service.ReadyLog, Pattern: regexp.MustCompile(`^listening on \d+$`)}, func(child *Child) {
		child.Order(Order{Do: "print", Text: "not listening on 80"})
		child.Order(Order{Do: "print", Text: "listening on 80"})
	})
}

func watchdogMissed(c *C) {
	c.require(HasNotify)
	first := c.up(Workload{Watchdog: c.bound(200 * time.Millisecond), Restart: quick(100)})
	c.gone(first)
	c.child("main")
	st := c.await("it was restarted", func(s service.Status) bool { return s.Restarts >= 1 && s.LastExit != nil })
	if c.has(HasSignals) && (!slices.Contains(first.Signals(), "SIGABRT") || st.LastExit.Code != aborted) {
		c.Errorf("it was sent %q and ended by %+v, want SIGABRT", first.Signals(), st.LastExit)
	}
	c.history("ready", "watchdog", "exited", "restarting")
	c.stop()
}

func watchdogKept(c *C) {
	c.require(HasNotify)
	const limit, every = 500 * time.Millisecond, 50 * time.Millisecond
	child := c.up(Workload{Watchdog: limit, Script: Script{Ping: every}})
	if got := environment(child.Hello)["WATCHDOG_USEC"]; c.has(HasTree) && got != "500000" {
		c.Errorf("WATCHDOG_USEC is %q, want 500000", got)
	}
	c.did(child, "ping", int(limit/every)+5) // each takes every: longer than limit
	c.alive(child)
	if st := c.serving(); st.Restarts != 0 {
		c.Errorf("restarted %d times although it pings", st.Restarts)
	}
	c.stop()
}
