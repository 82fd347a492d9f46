package cli

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/install"
	"github.com/joshuaaferguson/apexd/internal/config"
	"github.com/joshuaaferguson/apexd/service"
)

func newCompletionCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the script that lets a shell complete apexd's words",
		Long: `Print the script that lets a shell complete verbs, flags, their values and the names of the project's daemons. Packages of apexd install it; without one:

  bash         apexd completion bash > ~/.local/share/bash-completion/completions/apexd
  zsh          apexd completion zsh > "${fpath[1]}/_apexd"
  fish         apexd completion fish > ~/.config/fish/completions/apexd.fish
  PowerShell   apexd completion powershell | Out-String | Invoke-Expression`,
		Example:   "  apexd completion bash",
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Args:      oneShell,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			}
			return root.GenPowerShellCompletionWithDesc(a.out)
		},
	}
}

func oneShell(cmd *cobra.Command, args []string) error {
	if len(args) != 1 || !slices.Contains(cmd.ValidArgs, args[0]) {
		return usageError("name one shell: "+strings.Join(cmd.ValidArgs, ", "), `see "apexd completion --help"`)
	}
	return nil
}

// completeFlags says which values the flags of root and its commands have. It is asked for by a shell only.
func (a *app) completeFlags(root *cobra.Command) {
	register := func(cmd *cobra.Command, flag string, fn cobra.CompletionFunc) {
		if cmd.Flag(flag) != nil {
			_ = cmd.RegisterFlagCompletionFunc(flag, fn) // it has the flag, and each only once
		}
	}
	words := func(all ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(all, cobra.ShellCompDirectiveNoFileComp)
	}
	register(root, "project", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveFilterDirs
	})
	register(root, "name", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return a.daemonNames(), cobra.ShellCompDirectiveNoFileComp
	})
	for _, cmd := range root.Commands() {
		if cmd.Name() == "init" { // of status it is a switch
			register(cmd, "ready", words("notify", "http://127.0.0.1:8080/"))
		}
		register(cmd, "level", words("debug", "info", "warn", "error"))
		register(cmd, "since", words("10m", "1h", "24h", "7d"))
		register(cmd, "hardening", words(string(install.HardeningOff), string(install.HardeningBaseline), string(install.HardeningStrict)))
		register(cmd, "start-type", words("auto", "delayed", "manual"))
		register(cmd, "for", words("systemd", "openrc", "sysv", "runit", "s6", "freebsd", "procd", "rcs"))
		for _, plain := range []string{"lines", "timeout", "interval", "count", "run-as", "depends", "image", "port"} {
			register(cmd, plain, words())
		}
		if cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 {
			cmd.ValidArgsFunction = arguments
		}
	}
}

// arguments completes none, and after "--" files: there a command stands.
func arguments(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if cmd.ArgsLenAtDash() >= 0 && len(args) >= 0 && strings.Contains(cmd.Use, "--") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// daemonNames are those of the project that the flags so far name: of its configuration, of its records, and of the index.
func (a *app) daemonNames() []string {
	t, err := a.find()
	if err != nil {
		return nil
	}
	names := []string{service.DefaultName}
	records, _ := filepath.Glob(filepath.Join(filepath.Dir(t.config), "*.pid")) // a project with a bracket in its path has the rest
	for _, r := range records {
		names = append(names, strings.TrimSuffix(filepath.Base(r), ".pid"))
	}
	configured, _ := config.Configured(t.in) // what cannot be read is not completed
	return usable(slices.Concat(names, configured, indexed(t)))
}
