package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/joshuaaferguson/apexd/internal/config"
)

const about = `apexd keeps one project's long-running process up, once, in the background, and tells truly whether it is.

What it runs is "daemon.command" in .apex/config.yaml; without one, a small built-in API server.`

const example = `  apexd init -- node server.js    write .apex/config.yaml
  apexd start                     returns when it is ready, or says why not
  apexd status
  apexd logs -f
  apexd stop`

// commands maps each verb to its constructor, in the order of help. Only the one that is called is made, since making them all costs more than
// `status` takes.
var commands = []struct {
	name string
	make func(*app) *cobra.Command

	of    string // its group
	ofAll bool   // it is about all of them, which are made then
}{
	{name: "start", make: newStartCmd, of: groupDaemon},
	{name: "stop", make: newStopCmd, of: groupDaemon},
	{name: "restart", make: newRestartCmd, of: groupDaemon},
	{name: "reload", make: newReloadCmd, of: groupDaemon},
	{name: "kill", make: newKillCmd, of: groupDaemon},
	{name: "run", make: newRunCmd, of: groupDaemon},
	{name: "status", make: newStatusCmd, of: groupLook},
	{name: "logs", make: newLogsCmd, of: groupLook},
	{name: "history", make: newHistoryCmd, of: groupLook},
	{name: "list", make: newListCmd, of: groupLook},
	{name: "top", make: newTopCmd, of: groupLook},
	{name: "doctor", make: newDoctorCmd, of: groupLook},
	{name: "explain", make: newExplainCmd, of: groupLook},
	{name: "init", make: newInitCmd, of: groupSetUp},
	{name: "config", make: newConfigCmd, of: groupSetUp},
	{name: "install", make: newInstallCmd, of: groupSetUp},
	{name: "uninstall", make: newUninstallCmd, of: groupSetUp},
	{name: "enable", make: newEnableCmd, of: groupSetUp},
	{name: "disable", make: newDisableCmd, of: groupSetUp},
	{name: "events", make: newEventsCmd, of: groupPrograms},
	{name: "metrics", make: newMetricsCmd, of: groupPrograms},
	{name: "export", make: newExportCmd, of: groupPrograms},
	{name: "completion", make: newCompletionCmd, of: groupPrograms, ofAll: true},
	{name: "hook", make: newHookCmd},
	{name: "man", make: newManCmd, ofAll: true},
}

// The groups of commands, by their titles in the order of help.
const (
	groupDaemon   = "The daemon:"
	groupLook     = "What is, what was, and why:"
	groupSetUp    = "Setting up:"
	groupPrograms = "For other programs:"
)

var groups = [...]string{groupDaemon, groupLook, groupSetUp, groupPrograms}

// newRoot returns the command tree, or as much of it as args can need.
func newRoot(a *app, args []string) *cobra.Command {
	root := &cobra.Command{
		Use:           "apexd",
		Short:         "Keep one project's daemon running and tell truly whether it is",
		Long:          about,
		Example:       example,
		Version:       appVersion(),
		SilenceUsage:  true,
		SilenceErrors: true,

		SuggestionsMinimumDistance: 2,

		Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("apexd {{.Version}}\n")
	f := root.PersistentFlags()
	f.SortFlags = false
	f.StringVarP(&a.project, "project", "p", "", "the project's `directory` (default: the nearest with an .apex/config.yaml, else this one)")
	f.StringVar(&a.name, "name", "", "which of the project's daemons (default \"daemon\")")
	f.StringVar(&a.pidFile, "pid-file", "", "put the record at `file`, relative to the current directory, and the lock beside it (default .apex/NAME.pid of the project)")
	f.StringVar(&a.logFile, "log-file", "", "put the log at `file`, relative to the current directory (default .apex/NAME.log of the project)")
	f.BoolVar(&a.json, "json", false, "print one JSON object")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "print nothing but errors")
	f.BoolVar(&a.plain, "no-color", false, "no colour, also on a terminal (NO_COLOR in the environment does the same)")
	root.SetFlagErrorFunc(flagError)
	only := verb(args)
	for _, c := range commands {
		if only == "" || only == c.name {
			cmd := c.make(a)
			if only == "" {
				cmd.GroupID = c.of
			}
			root.AddCommand(cmd)
		}
	}
	root.CompletionOptions.DisableDefaultCmd = true // there is newCompletionCmd
	if only == "" {
		cobra.EnableCommandSorting = false // the table is in order
		for _, title := range groups {
			root.AddGroup(&cobra.Group{ID: title, Title: title})
		}
		root.SetHelpCommandGroupID(groupLook)
		a.completeFlags(root)
	} else { // cobra would make it for every call
		root.SetHelpCommand(&cobra.Command{Use: "help", Hidden: true})
	}
	return root
}

// verb is the command that args call, if it is the first word, known, and not about all: then no other needs to be made.
func verb(args []string) string {
	if len(args) == 0 || slices.Contains(args, "--help") || slices.Contains(args, "-h") {
		return ""
	}
	for _, c := range commands {
		if c.name == args[0] && !c.ofAll {
			return c.name
		}
	}
	return ""
}

// flagError says what is wrong with a flag of cmd, and where one is not known, which is near.
func flagError(cmd *cobra.Command, err error) error {
	hint := `see "` + cmd.CommandPath() + ` --help"`
	if name, ok := strings.CutPrefix(err.Error(), "unknown flag: --"); ok {
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				known = append(known, f.Name)
			}
		})
		if near := config.Nearest(name, known); near != "" {
			hint = `did you mean "--` + near + `"? ` + hint
		}
	}
	return usageError(err.Error(), hint)
}

// noCommand refuses words that are no command, with the nearest that is one.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint, meant := `see "apexd --help"`, calledElsewhere(args[0])
	if s := cmd.SuggestionsFor(args[0]); meant == "" && len(s) > 0 {
		meant = s[0]
	}
	if meant != "" {
		hint = `did you mean "apexd ` + meant + `"?`
	}
	return usageError("unknown command "+quote(args[0]), hint)
}

// calledElsewhere is what other tools' word is here, or "".
func calledElsewhere(word string) string {
	switch word {
	case "version":
		return "--version"
	case "up":
		return "start"
	case "down":
		return "stop"
	case "ps", "ls":
		return "list"
	case "monit", "monitor":
		return "top"
	case "info", "show", "describe":
		return "status"
	case "log", "tail", "journal":
		return "logs"
	case "fg", "foreground":
		return "run"
	case "register", "startup":
		return "install"
	case "remove", "rm", "unregister", "unstartup":
		return "uninstall"
	case "diagnose":
		return "doctor"
	}
	return ""
}
