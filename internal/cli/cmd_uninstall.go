package cli

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/install"
	"github.com/joshuaaferguson/apexd/internal/config"
	"github.com/joshuaaferguson/apexd/service"
)

func newUninstallCmd(a *app) *cobra.Command {
	var (
		scope scopeFlags
		dry   bool
	)
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Stop the daemon and take its registration back",
		Long: `Stop the daemon, disable it, and remove everything that install has made, also where half of it is gone already. The project's files, its log and
history among them, and your drop-ins stay.

Exit status: 0 gone, or it was not installed; 77 no permission; 1 something could not be removed, or no service manager runs here (PLATFORM_UNSUPPORTED).`,
		Example: "  apexd uninstall\n  sudo apexd uninstall --system",
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.uninstall(cmd, scope, dry) },
	}
	scope.define(cmd)
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would be done, and do nothing")
	return cmd
}

func (a *app) uninstall(cmd *cobra.Command, f scopeFlags, dry bool) error {
	ctx, stop := interruptible(cmd)
	defer stop()
	t, in, err := a.installer(cmd, f, a.findGone)
	if err != nil {
		return err
	}
	defer in.Close()
	p, err := in.Uninstall(ctx, t.in.Project, t.in.Name)
	if err != nil {
		return err
	}
	return a.apply(ctx, p, dry)
}

// findGone is find, also for a project that was deleted, of which --project has the whole path.
func (a *app) findGone() (target, error) {
	t, err := a.find()
	if _, gone := os.Lstat(a.project); err == nil || !filepath.IsAbs(a.project) || !errors.Is(gone, fs.ErrNotExist) {
		return t, err
	}
	return target{in: config.Input{Project: filepath.Clean(a.project), Name: cmp.Or(a.name, service.DefaultName)}}, nil
}

// installer is the target that find finds, and the manager that the flags name.
func (a *app) installer(cmd *cobra.Command, f scopeFlags, find func() (target, error)) (target, install.Installer, error) {
	c, err := f.manager()
	if err != nil {
		return target{}, nil, err
	}
	t, err := find()
	if err != nil {
		return t, nil, err
	}
	if c.Backend == service.KindDirect {
		return t, nil, noManager(c)
	}
	in, err := install.Open(cmd.Context(), c.Backend, c.Scope)
	return t, in, err
}
