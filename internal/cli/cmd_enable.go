package cli

import (
	"github.com/spf13/cobra"
)

func newEnableCmd(a *app) *cobra.Command {
	return enablement(a, true, "enable", "Have the registered daemon start at boot",
		"Have the registered daemon start at boot, or, with your own manager and without lingering, at login. It is not started now.")
}

func newDisableCmd(a *app) *cobra.Command {
	return enablement(a, false, "disable", "Keep the registered daemon from starting at boot",
		"Keep the registered daemon from starting at boot or login. It stays registered, and is not stopped.")
}

func enablement(a *app, on bool, use, short, long string) *cobra.Command {
	var scope scopeFlags
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long + "\n\nExit status: 0 done, 77 no permission, 1 failed, or it is not registered.",
		Example: "  apexd " + use,
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := interruptible(cmd)
			defer stop()
			t, in, err := a.installer(cmd, scope, a.find)
			if err != nil {
				return err
			}
			defer in.Close()
			reg, err := in.Enable(ctx, t.in.Project, t.in.Name, on)
			if err != nil {
				return err
			}
			return a.answer(enabled{reg.Service, string(reg.Scope), on}, "%sd %s", use, reg.Service)
		},
	}
	scope.define(cmd)
	return cmd
}

// enabled is the JSON answer of enable and disable.
type enabled struct {
	Service string `json:"service"`
	Scope   string `json:"scope"`
	Enabled bool   `json:"enabled"`
}
