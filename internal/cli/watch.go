package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/internal/term"
	"github.com/joshuaaferguson/apexd/service"
)

// second is how often a page that says how long something has lasted is drawn anew. What happens is told by events; this is the clock on the page, and the only word of
// what a manager alone knows.
const second = time.Second

// watchStatus shows the status of t until somebody ends it: on a terminal in place, elsewhere a page, or with --json a line, for each change.
func (a *app) watchStatus(ctx context.Context, t target) error {
	ctx, cancel := context.WithCancel(ctx)
	changed, wait := backends.Changes(ctx, t.Ref)
	defer wait()
	defer cancel()
	if a.json || !term.IsTerminal(a.out) {
		return a.streamStatus(ctx, t, changed)
	}
	var last []string
	err := a.onScreen(changed, second, func(width, _ int) ([]string, error) {
		s := a.statusOf(ctx, t)
		last = paint(lines(a.statusText(s, time.Now())), s, a.style())
		shown := paint(wrapped(lines(a.statusText(s, time.Now())), width), s, a.style())
		return append(shown, "", a.style().Paint(term.Faint, "q quits")), nil
	}, nil)
	if err == nil && last != nil { // it stays on the terminal
		_, err = io.WriteString(a.out, strings.Join(last, "\n")+"\n")
	}
	return err
}

// streamStatus prints the status, and again whenever it is another one.
func (a *app) streamStatus(ctx context.Context, t target, changed <-chan struct{}) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	tick := time.NewTicker(second)
	defer tick.Stop()
	last := ""
	for {
		s := a.statusOf(ctx, t)
		if now := a.substance(s); now != last && ctx.Err() == nil {
			if last != "" && !a.json {
				a.say("")
			}
			last = now
			if err := a.printStatus(s); err != nil {
				return err
			}
		}
		clock := tick.C
		if s.Service == nil { // record, lock and process have events for everything
			clock = nil
		}
		select {
		case <-changed:
		case <-clock:
		case <-ctx.Done():
			return nil
		}
	}
}

// substance is s without what changes by itself.
func (a *app) substance(s service.Status) string {
	s.Uptime = nil
	return a.statusText(s, time.Time{})
}

// onScreen draws page in place, now and whenever something has changed, a key was pressed, of which key is told, or the clock has ticked, until q, Ctrl-C or the end of the
// terminal. page is told the size.
func (a *app) onScreen(changed <-chan struct{}, every time.Duration, page func(width, height int) ([]string, error), key func(rune)) error {
	s, err := term.Open(a.in, a.out, os.Getenv)
	if err != nil {
		return err
	}
	defer s.Close()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		text, err := page(s.Size())
		if err != nil {
			return err
		}
		if err := s.Draw(text); err != nil {
			return nil // the terminal is gone, and nobody is there to be told
		}
		select {
		case <-changed:
		case <-tick.C:
		case e := <-s.Events():
			if e.Kind == term.Quit || e.Kind == term.KeyPressed && (e.Key == 'q' || e.Key == 'Q') {
				return s.Close()
			}
			if e.Kind == term.KeyPressed && key != nil {
				key(e.Key)
			}
		}
	}
}

// wrapped is lines with those that are longer than width going on below, under their values.
func wrapped(lines []string, width int) []string {
	const indent = 12 // of a row's value
	if width <= 2*indent {
		return lines
	}
	var all []string
	for _, line := range lines {
		for term.Width(line) > width {
			head := term.Cut(line, width)
			if blank := strings.LastIndexByte(head, ' '); blank > width/2 { // between two words
				head = head[:blank+1]
			}
			all = append(all, head)
			line = strings.Repeat(" ", indent) + line[len(head):]
		}
		all = append(all, line)
	}
	return all
}

// paint colours what words on the page of s say already: its state, and that something is a warning.
func paint(page []string, s service.Status, style term.Style) []string {
	state := string(s.State)
	for i, line := range page {
		if rest, ok := strings.CutPrefix(line, "  warning "); ok {
			page[i] = "  " + style.Paint(term.Busy, "warning") + " " + rest
		}
	}
	if before, after, ok := strings.Cut(page[0], ": "+state); ok {
		page[0] = before + ": " + style.Paint(stateColour(s.State), state) + after
	}
	return page
}

func lines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }
