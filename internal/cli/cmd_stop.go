package cli

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

func newStopCmd(a *app) *cobra.Command {
	var o service.StopOptions
	var all bool
	cmd := &cobra.Command{
		Use:   "stop",
		Short: "Stop the daemon and everything it started",
		Long: `Ask the daemon to stop, give its workload stopTimeout (10 s unless configured), then kill what is left. Return when all of it is gone.

It is no error when nothing runs. Of a daemon that crashed, its record and what it left running are cleared away.

With --all every daemon of the project, also those that are not configured, one after the other in the reverse order of the configuration.`,
		Example: "  apexd stop\n  apexd stop --timeout 3s\n  apexd stop --all",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Timeout < 0 {
				return usageError("--timeout must not be negative", "")
			}
			if all {
				return a.stopAll(cmd, o)
			}
			return a.stop(cmd, o)
		},
	}
	defineAll(cmd, &all, "every daemon of the project")
	cmd.Flags().DurationVarP(&o.Timeout, "timeout", "t", 0, "kill all of it when the graceful stop takes longer; the workload itself has no more than stopTimeout (default: stopTimeout and 5 s)")
	cmd.Flags().BoolVarP(&o.Force, "force", "f", false, "kill at once")
	return cmd
}

func newKillCmd(a *app) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:     "kill",
		Short:   "Kill the daemon and everything it started, at once",
		Example: "  apexd kill\n  apexd kill --all",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if all {
				return a.stopAll(cmd, service.StopOptions{Force: true})
			}
			return a.stop(cmd, service.StopOptions{Force: true})
		},
	}
	defineAll(cmd, &all, "every daemon of the project")
	return cmd
}

// none refuses arguments.
func none(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError("unexpected argument "+quote(args[0]), `see "apexd `+cmd.Name()+` --help"`)
	}
	return nil
}

// asked notes in the history who has asked for what. That there is none, or that it cannot be written, keeps nobody from asking.
func asked(d *backends.Direct, f pidfile.Finding, verb string) {
	if !f.Running {
		return
	}
	path := supervise.HistoryPath(d.Ref)
	if _, err := os.Lstat(path); err != nil {
		return
	}
	if h, err := history.Open(path); err == nil {
		_ = h.Append(history.Event{At: time.Now(), Event: history.Asked, PID: f.PID, By: history.Caller(os.Getenv), Reason: "apexd " + verb, Version: appVersion()})
		_ = h.Close()
	}
}

// atMostOne refuses a second argument.
func atMostOne(cmd *cobra.Command, args []string) error { return none(cmd, args[min(1, len(args)):]) }

// exactlyOne refuses any other number of arguments.
func exactlyOne(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return usageError("an argument is missing", `see "apexd `+cmd.Name()+` --help"`)
	}
	return atMostOne(cmd, args)
}

// stopShown stops d's daemon by whoever keeps it, for verb, and shows what that waits for.
func (a *app) stopShown(ctx context.Context, d *backends.Direct, verb string, o service.StopOptions) (service.Stopped, error) {
	f := d.Ref.Look()
	asked(d, f, verb)
	if own := d.Spec.StopTimeout; f.Running && o.Timeout > own && own > 0 {
		a.warn("the daemon kills its workload after its own stopTimeout, " + own.String() + ": configure a longer one, and reload")
	}
	shown := a.waiting(d.Ref, stopText(d.Spec, o, f.PID))
	defer shown.done()
	return backends.Owner(d, f).Stop(ctx, o)
}

func (a *app) stop(cmd *cobra.Command, o service.StopOptions) error {
	ctx, _ := interruptibleSoon(cmd)
	t, err := a.findLeft()
	if err != nil {
		return err
	}
	d, _, err := a.configured(t)
	if err != nil { // a broken configuration must not keep anybody from stopping
		a.warn(err.Error() + ", using defaults")
	}
	s, err := a.stopShown(ctx, d, cmd.Name(), o)
	if err != nil {
		return err
	}
	how := "stopped"
	if s.Killed {
		how = "killed"
	}
	if s.PID == 0 {
		return a.answer(s, "%s was not running", t.in.Name)
	}
	more := ""
	if !s.Killed && s.WorkloadKilled != nil && *s.WorkloadKilled {
		more = "; its workload had to be killed"
	}
	return a.answer(s, "%s %s (PID %d) in %s%s", how, t.in.Name, s.PID, ago(s.Took.Round(time.Millisecond)), more)
}
