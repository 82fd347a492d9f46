package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/internal/config"
)

func newInitCmd(a *app) *cobra.Command {
	var ready string
	cmd := &cobra.Command{
		Use:   "init [-- command [args]]",
		Short: "Write a first .apex/config.yaml",
		Long: `Write .apex/config.yaml with a section for the daemon and comments on what else can be said there. A file that is there already keeps every
byte; one that has such a section already is left alone. With --name the section is one of daemons.`,
		Example: `  apexd init -- node server.js
  apexd init --ready http://127.0.0.1:8080/health -- node server.js
  apexd init --ready '/listening on/' -- node server.js
  apexd init --name worker -- node worker.js`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := afterDash(cmd, args); err != nil {
				return err
			}
			st := config.Starter{Command: args}
			if cmd.Flags().Changed("ready") {
				var err error
				if st.Ready, err = config.ParseReadiness(ready); err != nil {
					return usageError("--ready: "+err.Error(), "write notify, a port as 8080, an address as 127.0.0.1:8080, a URL as http://127.0.0.1:8080/health, or what a line of output has in it as /listening on/")
				}
			}
			t, err := a.find()
			if err != nil {
				return err
			}
			_, missing := os.Lstat(t.config)
			if err := config.Init(t.in.Project, t.in.Name, st); err != nil {
				return err
			}
			done := "wrote " + t.config
			if missing == nil {
				done = "added " + t.in.Name + " to " + t.config
			}
			return a.answer(map[string]string{"path": t.config}, "%s", done)
		},
	}
	cmd.Flags().StringVar(&ready, "ready", "", "`what` makes the command ready, instead of that it runs: notify, 8080 or 127.0.0.1:8080, http://127.0.0.1:8080/health, or /regexp/ of a line of output")
	return cmd
}
