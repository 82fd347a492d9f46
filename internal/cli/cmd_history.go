package cli

import (
	"errors"
	"io/fs"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/internal/supervise"
)

func newHistoryCmd(a *app) *cobra.Command {
	var n int
	cmd := &cobra.Command{
		Use:     "history",
		Short:   "Show who started, stopped, crashed or restarted it, and when",
		Example: "  apexd history -n 10\n  apexd history --json",
		Args:    none,
		RunE:    func(*cobra.Command, []string) error { return a.history(n) },
	}
	cmd.Flags().IntVarP(&n, "lines", "n", 20, "only the last `N` events, -1 for all")
	return cmd
}

func (a *app) history(n int) error {
	t, err := a.find()
	if err != nil {
		return err
	}
	events, _, err := history.Read(supervise.HistoryPath(t.Ref), n)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if a.json {
		if events == nil {
			events = []history.Event{}
		}
		return a.printJSON(events)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	row(w, "TIME", "EVENT", "PID", "DETAILS")
	for _, e := range events {
		pid := e.WorkloadPID
		if pid == 0 {
			pid = e.PID
		}
		row(w, clock(e.At), e.Event, pid, details(e))
	}
	return w.Flush()
}

// details is what there is to say of e beyond its name.
func details(e history.Event) string {
	var parts []string
	if e.By != "" {
		parts = append(parts, "by "+e.By)
	}
	if e.Exit != nil {
		parts = append(parts, supervise.Describe(*e.Exit))
	}
	if e.Reason != "" {
		parts = append(parts, e.Reason)
	}
	return strings.Join(parts, ", ")
}
