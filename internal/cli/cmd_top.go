package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/internal/term"
	"github.com/joshuaaferguson/apexd/service"
)

// leastInterval keeps top from using more of the machine than what it shows.
const leastInterval = 100 * time.Millisecond

func newTopCmd(a *app) *cobra.Command {
	var (
		o listOptions
		t = top{app: a, order: byCPU}
	)
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show every daemon of this user and what it uses, again and again",
		Long: `Show the daemons that list shows, with what they use at the moment: CPU is the share of one processor since the last page, MEMORY what they have in memory now, both with
everything that the daemon started.

On a terminal the page is drawn anew in place, until q or Ctrl-C; c, m and p order it by CPU, memory or project. Elsewhere, with --json or with --count, a page is
printed for each interval, the first when one has passed.`,
		Example: "  apexd top\n  apexd top --interval 1s\n  apexd top --count 1 --interval 500ms",
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return t.run(cmd, o) },
	}
	o.define(cmd)
	cmd.Flags().DurationVarP(&t.interval, "interval", "i", 2*time.Second, "how long CPU is measured, and how often the page is made")
	cmd.Flags().IntVarP(&t.count, "count", "n", 0, "end after `N` pages")
	return cmd
}

// order is how the rows are sorted.
type order rune

// The orders, which are also the keys for them.
const (
	byCPU     order = 'c'
	byMemory  order = 'm'
	byProject order = 'p'
)

// top is one run of the verb.
type top struct {
	*app
	roster   roster
	stopped  bool
	interval time.Duration
	count    int
	order    order

	found  []userDaemon
	missed []unread
	at     time.Time             // when found was measured
	before map[string]userDaemon // what was measured a page earlier
	took   time.Duration         // from then to at
}

func (t *top) run(cmd *cobra.Command, o listOptions) error {
	if t.interval < leastInterval {
		return usageError("--interval must be at least "+leastInterval.String(), "")
	}
	if t.count < 0 {
		return usageError("--count must not be negative", "")
	}
	t.roster, t.stopped = newRoster(o.allUsers), o.stopped
	if t.json || t.count > 0 || !term.IsTerminal(t.out) || !term.IsTerminal(t.in) {
		return t.pages(cmd.Context())
	}
	return t.onScreen(nil, t.interval, func(width, height int) ([]string, error) {
		if time.Since(t.at) > t.interval/2 { // and not because a key was pressed
			t.measure(cmd.Context())
		}
		return t.page(width, height), nil
	}, t.key)
}

// key orders the page by what the key stands for.
func (t *top) key(k rune) {
	switch o := order(k | 0x20); o {
	case byCPU, byMemory, byProject:
		t.order = o
	}
}

// pages prints a page for each interval.
func (t *top) pages(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	tick := time.NewTicker(t.interval)
	defer tick.Stop()
	t.measure(ctx)
	for n := 1; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		t.measure(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := t.print(n > 1); err != nil || n == t.count {
			return err
		}
	}
}

func (t *top) print(again bool) error {
	if t.json {
		type row struct {
			userDaemon
			Share *float64 `json:"cpuShare"`
		}
		rows := make([]row, len(t.found))
		for i, d := range t.found {
			rows[i] = row{userDaemon: d}
			if share, ok := t.share(d); ok {
				rows[i].Share = &share
			}
		}
		return t.printJSON(rows)
	}
	t.warnMissed(t.missed)
	width, _ := term.Size(t.out)
	text := strings.Join(t.table().Lines(width, t.style()), "\n") + "\n"
	if again {
		text = "\n" + text
	}
	_, err := io.WriteString(t.out, text)
	return err
}

// measure looks at everything.
func (t *top) measure(ctx context.Context) {
	before := make(map[string]userDaemon, len(t.found))
	for _, d := range t.found {
		before[d.key()] = d
	}
	t.found, t.missed = t.roster.look(ctx, t.stopped, true)
	now := time.Now()
	t.before, t.took, t.at = before, now.Sub(t.at), now
}

// key tells one run of a daemon from all others.
func (d userDaemon) key() string {
	return fmt.Sprintf("%s\x00%s\x00%s\x00%s", d.User, d.Project, d.Name, number(d.PID))
}

// share is the share of a processor that d has used since the page before; false where that is not known.
func (t *top) share(d userDaemon) (float64, bool) {
	was, ok := t.before[d.key()]
	if !ok || was.CPU == nil || d.CPU == nil || t.took <= 0 {
		return 0, false
	}
	return max(float64(*d.CPU-*was.CPU)/float64(t.took.Milliseconds()), 0), true // less, where processes have ended of which nobody says any more what they have used
}

func (t *top) cpu(d userDaemon) string {
	if share, ok := t.share(d); ok {
		return percent(share)
	}
	return "-"
}

// sorted are the daemons in the order that was asked for, and otherwise in that of list.
func (t *top) sorted() []userDaemon {
	all := slices.Clone(t.found)
	slices.SortStableFunc(all, func(x, y userDaemon) int {
		switch t.order {
		case byCPU:
			a, _ := t.share(x)
			b, _ := t.share(y)
			return cmp.Compare(b, a)
		case byMemory:
			return cmp.Compare(value(y.Memory), value(x.Memory))
		}
		return 0
	})
	return all
}

// table is list's, in which what is used at the moment is the last to be left out.
func (t *top) table() term.Table {
	table := listTable(t.sorted(), t.roster.allUsers, t.cpu)
	for i, c := range table.Columns {
		if c.Title == "CPU" || c.Title == "MEMORY" {
			table.Columns[i].Spare = 0
		}
	}
	return table
}

func value(n *int64) int64 {
	if n == nil {
		return -1
	}
	return *n
}

// page is what the screen shows: what there is in all, the keys, and the table.
func (t *top) page(width, height int) []string {
	style := t.style()
	count := map[service.State]int{}
	var states []string
	for _, d := range t.found {
		if count[d.State]++; count[d.State] == 1 {
			states = append(states, string(d.State))
		}
	}
	slices.Sort(states)
	head := plural(len(t.found), "daemon")
	for i, s := range states {
		head += map[bool]string{true: ": ", false: ", "}[i == 0] + fmt.Sprintf("%d %s", count[service.State(s)], s)
	}
	head += "   " + t.at.Format("15:04:05") + ", every " + t.interval.String()
	lines := []string{term.Fit(head, width), style.Paint(term.Faint, term.Fit("q quits, order by: c CPU, m memory, p project", width)), ""}
	for _, m := range t.missed {
		lines = append(lines, term.Fit(cell(m.String()).Text, width))
	}
	lines = append(lines, t.table().Lines(width, style)...)
	if over := len(lines) - height; height > 0 && over > 0 {
		lines = append(lines[:height-1], fmt.Sprintf("… and %d more", over+1))
	}
	return lines
}
