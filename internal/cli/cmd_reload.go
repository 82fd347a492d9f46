package cli

import (
	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/backends"
)

func newReloadCmd(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Re-read the configuration, reopen the log, signal the workload",
		Long: `Make the running daemon re-read what can be changed while it runs (stopTimeout, stopSignal, reloadSignal, restart, log, logLevel, and of
readiness timeout, interval and settle, for the next start of the workload), reopen its log, and pass reloadSignal on to the workload. What needs a restart, or
for a service "apexd install", is said in the log.`,
		Example: "  apexd reload\n  apexd reload --all",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all {
				return a.reloadAll(cmd)
			}
			return a.reload(cmd)
		},
	}
	defineAll(cmd, &all, "every daemon of the project that runs")
	return cmd
}

func (a *app) reload(cmd *cobra.Command) error {
	ctx, cancel := interruptible(cmd)
	defer cancel()
	t, err := a.find()
	if err != nil {
		return err
	}
	d, _, err := a.configured(t)
	if err != nil {
		return err
	}
	f := t.Ref.Look()
	asked(d, f, "reload")
	if err := backends.Owner(d, f).Reload(ctx); err != nil {
		return err
	}
	return a.answer(map[string]bool{"reloaded": true}, "reloaded %s", t.in.Name)
}
