package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/user"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/internal/homes"
	"github.com/joshuaaferguson/apexd/internal/project"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

func newListCmd(a *app) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "Show every daemon of this user, or of all",
		Long: `Show the daemons that this user has started, in every project: those that run or have failed, with --all also those that are stopped.
They are found in the user's state directory, and each one's own files and process, and the manager that keeps it, say how it is.

With --all-users those of every user of this machine are looked for, which only root can read. What could not be read is said; with --json the
object has then "daemons", each with its "user", and "unreadable". Of other users the state directory is taken to be where it is by default.

Exit status: 0 everything was read, 1 something could not be.`,
		Example: "  apexd list\n  apexd list --all --json\n  sudo apexd list --all-users",
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.list(cmd.Context(), o) },
	}
	cmd.Flags().BoolVarP(&o.stopped, "all", "a", false, "also those that are stopped")
	cmd.Flags().BoolVar(&o.allUsers, "all-users", false, "those of all users of this machine")
	return cmd
}

type listOptions struct{ stopped, allUsers bool }

// userDaemon is a daemon and whose it is.
type userDaemon struct {
	User string `json:"user"`
	service.Status
}

// unread is what could not be looked at.
type unread struct {
	User  string `json:"user"`
	Path  string `json:"path"`
	Error string `json:"error"`
}

// place is a state directory and whose it is.
type place struct{ user, dir string }

func (a *app) list(ctx context.Context, o listOptions) error {
	places, missed := statePlaces(o.allUsers)
	return a.listIn(ctx, places, missed, o)
}

// listIn prints what is in places; missed is what could not be found out before.
func (a *app) listIn(ctx context.Context, places []place, missed []unread, o listOptions) error {
	found := []userDaemon{}
	for _, p := range places {
		entries, err := pidfile.Entries(p.dir)
		if err != nil {
			missed = append(missed, unread{p.user, p.dir, err.Error()})
		}
		found = append(found, looked(ctx, p, entries, o.stopped)...)
	}
	slices.SortFunc(found, func(x, y userDaemon) int {
		return cmp.Or(cmp.Compare(x.User, y.User), cmp.Compare(x.Project, y.Project), cmp.Compare(x.Name, y.Name))
	})
	if err := a.printList(found, missed, o.allUsers); err != nil {
		return err
	}
	if len(missed) > 0 {
		return statusError(exitFailed)
	}
	return nil
}

// statePlaces are the state directories to look into: this user's own, which the environment may have moved, and those of others where they are by default.
func statePlaces(allUsers bool) (found []place, missed []unread) {
	own := backends.HomeDir() // without one there is no index, and so no daemon in it
	mine := project.StateDir(runtime.GOOS, os.Getenv, own)
	if !allUsers {
		return []place{{"", mine}}, nil
	}
	all, err := homes.All(runtime.GOOS, own)
	if err != nil {
		missed = append(missed, unread{Error: err.Error()})
	}
	unset := func(string) string { return "" }
	for _, h := range all {
		if h.Dir != own {
			found = append(found, place{h.User, project.StateDir(runtime.GOOS, unset, h.Dir)})
		}
	}
	return append(found, place{callerName(), mine}), missed
}

func callerName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// looked is how the daemons of entries are.
func looked(ctx context.Context, p place, entries []pidfile.Entry, stopped bool) []userDaemon {
	var found []userDaemon
	for _, e := range entries {
		ref := pidfile.Ref{Path: e.PIDFile, Project: e.Project, StateDir: p.dir}
		s := backends.Status(ctx, ref, e.Name)
		if stopped && dirExists(e.Project) || s.State != service.StateStopped {
			found = append(found, userDaemon{p.user, s})
		}
	}
	return found
}

// printList prints the answer, and what is missing of it.
func (a *app) printList(found []userDaemon, missed []unread, users bool) error {
	if a.json && users {
		return a.printJSON(map[string]any{"daemons": found, "unreadable": append([]unread{}, missed...)})
	}
	for _, m := range missed {
		whose := ""
		if m.User != "" {
			whose = "the daemons of " + m.User + ": "
		}
		a.warn("cannot read " + whose + m.Error)
	}
	if a.json {
		list := []service.Status{}
		for _, d := range found {
			list = append(list, d.Status)
		}
		return a.printJSON(list)
	}
	return a.table(found, users)
}

func (a *app) table(found []userDaemon, users bool) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	skip := 1 // the column of users
	if users {
		skip = 0
	}
	row(w, []any{"USER", "NAME", "STATE", "READY", "PID", "UP", "RESTARTS", "PROJECT"}[skip:]...)
	for _, d := range found {
		row(w, []any{d.User, d.Name, d.State, yesNo(d.Ready), number(d.PID), uptime(d.Uptime), d.Restarts, d.Project}[skip:]...)
	}
	return w.Flush()
}

func dirExists(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}

func yesNo(b *bool) string {
	switch {
	case b == nil:
		return "-"
	case *b:
		return "yes"
	}
	return "no"
}

func number(n *int) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

func uptime(ms *int64) string {
	if ms == nil {
		return "-"
	}
	return ago(time.Duration(*ms) * time.Millisecond)
}
