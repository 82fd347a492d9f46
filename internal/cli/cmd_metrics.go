package cli

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/internal/metrics"
	"github.com/joshuaaferguson/apexd/internal/safefile"
)

func newMetricsCmd(a *app) *cobra.Command {
	var o metricsOptions
	cmd := &cobra.Command{
		Use:   "metrics",
		Short: "Write what status says as Prometheus metrics",
		Long: `Print what is known of the daemon in the Prometheus text format; with --all of every daemon of this user, also those that are stopped, with --all-users
of every daemon of this machine. Names and labels are a promise (docs/metrics.md).

--textfile replaces FILE in one step, for the textfile collector of node_exporter: let a timer or cron run it, and an alert look at the file's age.

Exit status: 0 done, 1 something could not be read (what could be is written), or the file not be written.`,
		Example: "  apexd metrics\n  apexd metrics --all --textfile apexd.prom",
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.metrics(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.BoolVarP(&o.all, "all", "a", false, "of every daemon of this user")
	f.BoolVar(&o.allUsers, "all-users", false, "of every daemon of all users of this machine")
	f.StringVar(&o.textfile, "textfile", "", "write to `FILE`, in one step and readable for all, and print nothing")
	return cmd
}

type metricsOptions struct {
	all, allUsers bool
	textfile      string
}

// Names of the metric that only this command has.
const (
	unreadableName = "apexd_unreadable"
	unreadableHelp = "How much of what was asked for could not be read, so that daemons may be missing."
)

func (a *app) metrics(ctx context.Context, o metricsOptions) error {
	found, missed, err := a.measured(ctx, o)
	if err != nil {
		return err
	}
	var e metrics.Exposition
	e.Daemons(found)
	e.Single(unreadableName, metrics.Gauge, unreadableHelp, float64(len(missed)))
	a.warnMissed(missed)
	if o.textfile == "" {
		_, err = a.out.Write(e.Bytes())
	} else {
		err = writeTextfile(o.textfile, e.Bytes())
	}
	if err == nil && len(missed) > 0 {
		err = statusError(exitFailed)
	}
	return err
}

// writeTextfile replaces path. The temporary file has a name that node_exporter, which reads *.prom, does not look at.
func writeTextfile(path string, text []byte) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	return unwritten("write the metrics", path, safefile.Replace(path, text, 0o644))
}

// measured are the daemons that o asks for, and what could not be read.
func (a *app) measured(ctx context.Context, o metricsOptions) (found []metrics.Daemon, missed []unread, err error) {
	if !o.all && !o.allUsers {
		t, err := a.find()
		if err != nil {
			return nil, nil, err
		}
		return []metrics.Daemon{measuredOf(userDaemon{Status: backends.Status(ctx, t.Ref, t.in.Name)}, false)}, nil, nil
	}
	daemons, missed := newRoster(o.allUsers).look(ctx, true, false)
	for _, d := range daemons {
		found = append(found, measuredOf(d, o.allUsers))
	}
	return found, missed, nil
}

// measuredOf labels d so that no other daemon has the same labels.
func measuredOf(d userDaemon, users bool) metrics.Daemon {
	labels := []metrics.Label{{Name: "project", Value: d.Project}, {Name: "name", Value: d.Name}}
	if users {
		labels = append(labels, metrics.Label{Name: "user", Value: d.User})
	}
	info := []metrics.Label{{Name: "backend", Value: d.Backend}, {Name: "state", Value: string(d.State)}}
	for _, l := range []struct {
		name  string
		value *string
	}{{"version", d.Version}, {"scope", d.Scope}, {"service", d.Service}} {
		if l.value != nil {
			info = append(info, metrics.Label{Name: l.name, Value: *l.value})
		}
	}
	return metrics.Daemon{Status: d.Status, Labels: labels, Info: info}
}
