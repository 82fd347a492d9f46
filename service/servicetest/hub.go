package servicetest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
)

// hub is where the test programs of one case report.
type hub struct {
	ln net.Listener
	wg sync.WaitGroup

	mu       sync.Mutex
	children []*Child
	changed  chan struct{} // closed and replaced at every change
}

// Child is one test program as its case sees it. Its methods are safe for concurrent use.
type Child struct {
	Hello

	hub     *hub
	conn    net.Conn
	gone    chan struct{}
	reports []Report // hub.mu
	claimed bool     // hub.mu
}

func newHub() (*hub, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	h := &hub{ln: ln, changed: make(chan struct{})}
	h.wg.Go(h.accept)
	return h, nil
}

func (h *hub) addr() string { return h.ln.Addr().String() }

func (h *hub) accept() {
	for {
		conn, err := h.ln.Accept()
		if err != nil {
			return
		}
		h.wg.Go(func() { h.serve(conn) })
	}
}

// serve reads one program's reports until it ends.
func (h *hub) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewScanner(conn)
	in.Buffer(nil, 1<<20) // an environment is larger than a Scanner's line
	var c *Child
	for in.Scan() {
		var r Report
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			continue
		}
		if c == nil {
			if r.Hello == nil {
				return
			}
			c = &Child{Hello: *r.Hello, hub: h, conn: conn, gone: make(chan struct{})}
			defer close(c.gone)
			c.Order(Order{Do: heard}) // before any order of the case
			h.change(func() { h.children = append(h.children, c) })
			continue
		}
		h.change(func() { c.reports = append(c.reports, r) })
	}
}

func (h *hub) change(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
	close(h.changed)
	h.changed = make(chan struct{})
}

// await returns when look does. look is called with the hub locked.
func (h *hub) await(ctx context.Context, what string, look func() bool) error {
	for {
		h.mu.Lock()
		ok, changed := look(), h.changed
		h.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("waited for %s: %w", what, context.Cause(ctx))
		}
	}
}

// next returns the next program of this role that has not been returned yet.
func (h *hub) next(ctx context.Context, role string) (*Child, error) {
	var found *Child
	err := h.await(ctx, "a process with the role "+role, func() bool {
		i := slices.IndexFunc(h.children, func(c *Child) bool { return !c.claimed && c.Role == role })
		if i < 0 {
			return false
		}
		found = h.children[i]
		found.claimed = true
		return true
	})
	return found, err
}

// living lists the programs that still run. Programs that have just started may be missing.
func (h *hub) living() []*Child {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(h.children), (*Child).hasGone)
}

// count is how many programs of this role have ever reported.
func (h *hub) count(role string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, c := range h.children {
		if c.Role == role {
			n++
		}
	}
	return n
}

// close ends every program that still runs, since each ends with its connection.
func (h *hub) close() error {
	err := h.ln.Close()
	h.mu.Lock()
	for _, c := range h.children {
		err = errors.Join(err, ignoreClosed(c.conn.Close()))
	}
	h.mu.Unlock()
	h.wg.Wait()
	return err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Order tells the program to do something. One that has ended ignores it.
func (c *Child) Order(o Order) { _ = json.NewEncoder(c.conn).Encode(o) }

// Reported returns when ok has been true of one of the reports.
func (c *Child) Reported(ctx context.Context, what string, ok func(Report) bool) error {
	return c.hub.await(ctx, what+" from "+c.Role, func() bool { return slices.ContainsFunc(c.reports, ok) })
}

// Did returns when the program has done an order, or something of this name, n times.
func (c *Child) Did(ctx context.Context, what string, n int) error {
	return c.hub.await(ctx, fmt.Sprintf("%d × %s from %s", n, what, c.Role), func() bool {
		seen := 0
		for _, r := range c.reports {
			if r.Done == what {
				seen++
			}
		}
		return seen >= n
	})
}

// Signals lists the signals that it has reported so far.
func (c *Child) Signals() []string {
	c.hub.mu.Lock()
	defer c.hub.mu.Unlock()
	var all []string
	for _, r := range c.reports {
		if r.Signal != "" {
			all = append(all, r.Signal)
		}
	}
	return all
}

// Gone is closed when the program has ended.
func (c *Child) Gone() <-chan struct{} { return c.gone }

func (c *Child) hasGone() bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}
