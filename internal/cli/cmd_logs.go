package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/internal/logfile"
	"github.com/joshuaaferguson/apexd/internal/term"
	"github.com/joshuaaferguson/apexd/service"
)

func newLogsCmd(a *app) *cobra.Command {
	var (
		view  logfile.View
		since string
		raw   bool
	)
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Show the daemon's output and what happened to it",
		Long: `Show the workload's output together with the daemon's own lines, across rotated files or from the systemd journal, oldest first.
On a terminal, control characters are made visible; --raw leaves them.`,
		Example: "  apexd logs -n 20\n  apexd logs -f\n  apexd logs --since 10m --level warn",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !logfile.HasLevel(view.Level) {
				return usageError("there is no level "+quote(view.Level), "use debug, info, warn or error")
			}
			t, err := a.findLeft()
			if err != nil {
				return err
			}
			if view.Since, err = parseSince(since, time.Now()); err != nil {
				return err
			}
			view.Escape = term.IsTerminal(a.out) && !raw
			view.Warn = a.warn
			return a.logs(cmd.Context(), t, view)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&view.Follow, "follow", "f", false, "go on with what is written from now on, until Ctrl-C")
	f.IntVarP(&view.Lines, "lines", "n", -1, "only the last `N` lines (with --follow, before following: default 10)")
	f.StringVar(&since, "since", "", "only what was written since `TIME`: 10m, 2h, 3d, 2006-01-02, 2006-01-02T15:04:05Z")
	f.StringVar(&view.Level, "level", "", "only lines of this level or worse: debug, info, warn, error")
	f.BoolVar(&raw, "raw", false, "leave control characters as they are, also on a terminal")
	cmd.PreRun = func(cmd *cobra.Command, _ []string) {
		if view.Follow && !cmd.Flags().Changed("lines") && since == "" {
			view.Lines = 10
		}
	}
	return cmd
}

func (a *app) logs(ctx context.Context, t target, view logfile.View) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := backends.ShowLog(ctx, a.out, t.Place, t.in.Name, view)
	switch {
	case errors.Is(err, syscall.EPIPE):
		return nil
	case t.gone != nil && errors.Is(err, service.ErrNotRunning):
		return &service.Error{
			Op: "show the log", Code: service.CodeNotRunning, Path: t.Log, Err: errors.New("the project directory is gone, and the log with it"),
			Hint: `"apexd stop" ends the daemon, if it still runs`,
		}
	}
	return err
}

// parseSince reads a point in time: a duration before now, or a date.
func parseSince(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if n, ok := strings.CutSuffix(s, "d"); ok {
		if d, err := time.ParseDuration(n + "h"); err == nil && d >= 0 {
			return now.Add(-24 * d), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageError("cannot read --since "+quote(s), "write 10m, 2h, 3d, 2006-01-02 or 2006-01-02T15:04:05Z")
}
