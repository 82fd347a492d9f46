package cli

import (
	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/internal/openrc"
	"github.com/joshuaaferguson/apexd/service"
)

// newHookCmd is what the script of an OpenRC service calls: OpenRC itself takes a daemon for started when it has forked.
func newHookCmd(a *app) *cobra.Command {
	var reg service.Registration
	cmd := &cobra.Command{
		Use: "hook started|stopping|stopped", Short: "Finish what OpenRC has begun", Hidden: true, Args: exactlyOne, ValidArgs: []string{"started", "stopping", "stopped"},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			if args[0] == "stopping" { // as root, who reads nothing of the project for it
				return openrc.System().StopSupervisor(ctx, reg.Service)
			}
			t, err := a.find()
			if err != nil {
				return err
			}
			d, _, bad := a.configured(t) // a daemon can be stopped whatever its configuration says by now
			o := &backends.OpenRC{Direct: d, Registration: reg}
			switch {
			case args[0] == "stopped":
				return o.EndLeft(ctx)
			case args[0] != "started":
				return usageError("unknown hook "+quote(args[0]), "started, stopping or stopped")
			case bad != nil:
				return bad
			}
			return o.Await(ctx)
		},
	}
	reg.Backend, reg.Scope = service.KindOpenRC, service.ScopeSystem
	cmd.Flags().StringVar(&reg.Service, "service", "", "the manager's name for the daemon")
	return cmd
}
