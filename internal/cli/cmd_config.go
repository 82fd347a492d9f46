package cli

import (
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/internal/config"
	"github.com/joshuaaferguson/apexd/internal/project"
	"github.com/joshuaaferguson/apexd/service"
)

func newConfigCmd(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "Show the effective configuration and where each value comes from",
		Long:    "Show every value that is in force, and the flag, environment variable, file and line, or default that it comes from. Values of environment variables are not shown.",
		Example: "  apexd config\n  apexd config check",
		Args:    none,
		RunE:    func(*cobra.Command, []string) error { return a.config() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:     "check",
		Short:   "Check the configuration; say nothing but what is wrong",
		Long:    "Check the configuration of every daemon that .apex/config.yaml configures, or with --name of that one, and that its working directory is there. Exit status: 0 good, 78 wrong.",
		Example: "  apexd config check",
		Args:    none,
		RunE:    func(*cobra.Command, []string) error { return a.checkConfig() },
	}, &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of .apex/config.yaml, for editors",
		Example: "  apexd config schema > apexd.schema.json",
		Args:    none,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(config.Schema())
			return err
		},
	})
	return cmd
}

func (a *app) load() (target, *config.Config, error) {
	t, err := a.find()
	if err != nil {
		return t, nil, err
	}
	c, err := config.Load(t.in)
	if err == nil {
		for _, w := range c.Warnings {
			a.warn(w)
		}
		if w := project.Elsewhere(t.Ref.Project); w != "" {
			a.warn(w)
		}
	}
	return t, c, err
}

func (a *app) config() error {
	_, c, err := a.load()
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(c.Values)
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	row(w, "KEY", "VALUE", "FROM")
	for _, v := range c.Values {
		row(w, v.Key, v.Value, v.Source)
	}
	return w.Flush()
}

func (a *app) checkConfig() error {
	t, err := a.find()
	if err != nil {
		return err
	}
	names := []string{t.in.Name}
	if t.in.Name == service.DefaultName && a.name == "" && a.pidFile == "" && a.logFile == "" { // nobody has chosen one
		if names, err = config.Configured(t.in); err != nil {
			return err
		}
	}
	t.in.Here = true
	warnings, err := config.Check(t.in, names)
	if w := project.Elsewhere(t.Ref.Project); w != "" {
		warnings = append(warnings, w)
	}
	for _, w := range warnings {
		a.warn(w)
	}
	if err != nil {
		return err
	}
	return a.answer(map[string]bool{"ok": true}, "%s is good", t.config)
}
