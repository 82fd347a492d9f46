package cli

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/service"
)

func newRestartCmd(a *app) *cobra.Command {
	var keeper service.Registration
	var all bool
	cmd := &cobra.Command{
		Use:   "restart [flags] [-- command [args]]",
		Short: "Check the configuration, stop the daemon, start it again",
		Long: `Check the configuration and that the command and its working directory can be found, then stop the daemon and start it again. A configuration with
an error leaves the running daemon alone. One that is not running is started.

With --all every daemon that .apex/config.yaml configures, one after the other in its order.`,
		Example: "  apexd restart\n  apexd restart --all",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := afterDash(cmd, args); err != nil {
				return err
			}
			if all {
				return a.restartAll(cmd, args)
			}
			return a.restart(cmd, args, keeper)
		},
	}
	defineKeeper(cmd, &keeper)
	defineAll(cmd, &all, "every daemon that is configured")
	return cmd
}

func (a *app) restart(cmd *cobra.Command, args []string, keeper service.Registration) error {
	ctx, cancel := interruptible(cmd)
	defer cancel()
	t, err := a.find()
	if err != nil {
		return err
	}
	t.in.Here = true
	d, _, err := a.direct(t, args)
	if err != nil {
		return err
	}
	if err := d.Check(); err != nil {
		return err
	}
	f := t.Ref.Look()
	if len(args) == 0 && f.Running && f.Record != nil && f.Record.Workload != nil && f.Record.Workload.Source == "command-line" {
		return &service.Error{
			Op: "restart daemon", Code: service.CodeConfigInvalid, PID: f.PID,
			Err:  errors.New("it was started with a command on the command line, which is not recorded"),
			Hint: "give the command again: apexd restart -- COMMAND, or put it into .apex/config.yaml",
		}
	}
	b := backends.Owner(d, f)
	asked(d, f, "restart")
	if r, ok := b.(backends.Restarter); ok && len(args) == 0 && keeper.Backend == "" {
		began := time.Now()
		shown := a.waiting(t.Ref, startText(d.Spec, t.Ref))
		s, err := r.Restart(ctx)
		shown.done()
		if err != nil {
			return err
		}
		return a.started(t, b, s, time.Since(began))
	}
	shown := a.waiting(t.Ref, stopText(d.Spec, service.StopOptions{}, f.PID))
	_, err = b.Stop(ctx, service.StopOptions{})
	shown.done()
	if err != nil {
		return err
	}
	return a.start(cmd, t, args, keeper)
}
