package cli

import (
	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/internal/config"
)

func newInitCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "init [-- command [args]]",
		Short: "Write a first .apex/config.yaml",
		Long: `Write .apex/config.yaml with a section for the daemon and comments on what else can be said there. A file that is there already keeps every
byte; one that has such a section already is left alone.`,
		Example: "  apexd init -- node server.js",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := afterDash(cmd, args); err != nil {
				return err
			}
			t, err := a.find()
			if err != nil {
				return err
			}
			if err := config.Init(t.in.Project, args); err != nil {
				return err
			}
			return a.answer(map[string]string{"path": t.config}, "wrote %s", t.config)
		},
	}
}
