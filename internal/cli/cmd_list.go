package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/internal/logfile"
	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/term"
	"github.com/joshuaaferguson/apexd/service"
)

func newListCmd(a *app) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "Show every daemon of this user, or of all",
		Long: `Show the daemons of this user, in every project: those that run or have failed, with --all also those that are stopped. They are found in the user's state directory
and in what service managers have of apexd's; each one's own files and process, and the manager that keeps it, say how it is.

CPU is the share of one processor that the daemon and everything it started have used since it was started, MEMORY what they have in memory now (pages that
they share are counted for each). "apexd top" shows what they use at the moment. ADDRESS is where it listens, as far as its configuration says so. Where a
terminal is too narrow, columns are left out; a pipe, and --json, have all of them.

With --all-users those of every user of this machine are looked for, which only root can read. What could not be read is said; with --json the
object has then "daemons", each with its "user", and "unreadable". Of other users the state directory is taken to be where it is by default.

Exit status: 0 everything was read, 1 something could not be.`,
		Example: "  apexd list\n  apexd list --all --json\n  sudo apexd list --all-users",
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.list(cmd.Context(), o) },
	}
	o.define(cmd)
	return cmd
}

type listOptions struct{ stopped, allUsers bool }

func (o *listOptions) define(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&o.stopped, "all", "a", false, "also those that are stopped")
	cmd.Flags().BoolVar(&o.allUsers, "all-users", false, "those of all users of this machine")
}

// userDaemon is a daemon, whose it is, and what it uses.
type userDaemon struct {
	User string `json:"user,omitempty"` // "" where only one user's are shown
	service.Status
	CPU       *int64 `json:"cpu"`       // milliseconds of processor time since it was started, with everything that it started
	Memory    *int64 `json:"memory"`    // bytes
	Processes *int   `json:"processes"` // how many there are; null where the system does not tell
}

func (d *userDaemon) use(u proc.Usage) {
	ms := u.CPU.Milliseconds()
	d.CPU, d.Memory, d.Processes = &ms, &u.Memory, &u.Processes
}

// unread is what could not be looked at.
type unread struct {
	User  string `json:"user"`
	Path  string `json:"path"`
	Error string `json:"error"`
}

func (u unread) String() string {
	whose := "all daemons"
	if u.User != "" {
		whose = "the daemons of " + u.User
	}
	return "cannot read " + whose + ": " + u.Error
}

func (a *app) list(ctx context.Context, o listOptions) error {
	found, missed := newRoster(o.allUsers).look(ctx, o.stopped, true)
	return a.printList(found, missed, o.allUsers)
}

// printList prints the answer, and what is missing of it.
func (a *app) printList(found []userDaemon, missed []unread, users bool) (err error) {
	switch {
	case a.json && users:
		err = a.printJSON(map[string]any{"daemons": found, "unreadable": append([]unread{}, missed...)})
	case a.json:
		a.warnMissed(missed)
		err = a.printJSON(found)
	default:
		a.warnMissed(missed)
		width, _ := term.Size(a.out)
		_, err = io.WriteString(a.out, strings.Join(listTable(found, users, lifelong).Lines(width, a.style()), "\n")+"\n")
		for _, d := range found {
			if d.Running && isMissing(d.Project) {
				a.warn(outlived(d.Status))
			}
		}
	}
	if err == nil && len(missed) > 0 {
		err = statusError(exitFailed)
	}
	return err
}

func (a *app) warnMissed(missed []unread) {
	for _, m := range missed {
		a.warn(m.String())
	}
}

// style is that of standard output.
func (a *app) style() term.Style {
	if a.plain {
		return term.Style{}
	}
	return term.NewStyle(a.out, os.Getenv)
}

// listTable is a table of found. cpu is the share of a processor that one uses, "-" where it is not known.
func listTable(found []userDaemon, users bool, cpu func(userDaemon) string) term.Table {
	t := term.Table{Columns: []term.Column{
		{Title: "USER"},
		{Title: "NAME"},
		{Title: "STATE"},
		{Title: "READY", Spare: 3},
		{Title: "BACKEND", Spare: 8},
		{Title: "PID", Right: true},
		{Title: "UP", Right: true, Spare: 1},
		{Title: "RESTARTS", Right: true, Spare: 7},
		{Title: "CPU", Right: true, Spare: 4},
		{Title: "MEMORY", Right: true, Spare: 5},
		{Title: "ADDRESS", Spare: 6},
		{Title: "PROJECT", Keep: term.KeepEnd},
	}}
	for _, d := range found {
		t.Rows = append(t.Rows, []term.Cell{
			cell(d.User), cell(d.Name),
			{Text: string(d.State), Colour: stateColour(d.State)},
			cell(yesNo(d.Ready)), cell(keeper(d.Status)), cell(number(d.PID)), cell(uptime(d.Uptime)),
			cell(fmt.Sprint(d.Restarts)), cell(cpu(d)), cell(memory(d.Memory)), cell(address(d.Workload)), cell(d.Project),
		})
	}
	if !users {
		t.Columns = t.Columns[1:]
		for i := range t.Rows {
			t.Rows[i] = t.Rows[i][1:]
		}
	}
	return t
}

// cell is a cell of what may be a stranger's text.
func cell(s string) term.Cell { return term.Cell{Text: logfile.SanitizeLine(s)} }

// stateColour is how a state looks; the word stands there too.
func stateColour(s service.State) term.Colour {
	switch s {
	case service.StateRunning:
		return term.Good
	case service.StateFailed, service.StateUnknown:
		return term.Bad
	case service.StateStopped:
		return term.Faint
	}
	return term.Busy
}

// keeper is who keeps the daemon of s: "direct", "systemd", "systemd/user".
func keeper(s service.Status) string {
	if s.Scope != nil && *s.Scope == string(service.ScopeUser) {
		return s.Backend + "/user"
	}
	return s.Backend
}

// lifelong is the share of a processor that d has used since it was started, as ps(1) tells it.
func lifelong(d userDaemon) string {
	if d.CPU == nil || d.Uptime == nil || *d.Uptime <= 0 {
		return "-"
	}
	return percent(float64(*d.CPU) / float64(*d.Uptime))
}

func percent(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }

func memory(n *int64) string {
	switch {
	case n == nil:
		return "-"
	case *n >= 10<<30:
		return fmt.Sprintf("%d GB", *n>>30)
	case *n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(*n)/(1<<30))
	case *n >= 10<<20:
		return fmt.Sprintf("%d MB", *n>>20)
	}
	return fmt.Sprintf("%.1f MB", float64(*n)/(1<<20))
}

// address is where a workload listens, as far as somebody has said so.
func address(w *service.Workload) string {
	switch {
	case w == nil:
		return "-"
	case w.Address != "":
		return w.Address
	case len(w.Listen) > 0:
		return strings.Join(w.Listen, " ")
	}
	return "-"
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
