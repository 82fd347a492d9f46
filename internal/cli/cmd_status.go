package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/internal/config"
	"github.com/joshuaaferguson/apexd/internal/doctor"
	"github.com/joshuaaferguson/apexd/internal/logfile"
	"github.com/joshuaaferguson/apexd/internal/project"
	"github.com/joshuaaferguson/apexd/internal/shellword"
	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/internal/term"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

func newStatusCmd(a *app) *cobra.Command {
	var watch, ready, all bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say whether the daemon runs",
		Long: `Say whether the daemon runs, is ready, since when, and if not, why. It changes nothing and works for every user.

With --watch it goes on until q or Ctrl-C: on a terminal the page is drawn anew in place, elsewhere it is printed again, with --json as a line, when something has changed.

Exit status: 0 running, also while it starts, stops or waits for its next try, 1 dead and a record is left (failed), 3 stopped, 4 cannot tell, also where there is no such
project, or one may not look. Of a daemon that has outlived its project directory it is told that it runs.
With --ready also 5: it runs and is not ready. With --watch always 0. With --all, for every daemon of the project, the highest of theirs.`,
		Example: "  apexd status\n  apexd status --all\n  apexd status --json\n  apexd status --quiet && echo up\n  apexd status --watch",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case watch && ready:
				return usageError("--watch and --ready exclude each other", "--ready is an exit status, and --watch goes on")
			case watch && all:
				return usageError("--watch and --all exclude each other", `"apexd top" goes on showing several`)
			case all:
				return a.cannotTell(a.statusAll(cmd, ready))
			}
			return a.cannotTell(a.status(cmd.Context(), watch, ready))
		},
	}
	cmd.Flags().BoolVar(&ready, "ready", false, "exit with 5 when it runs and is not ready, as health checks of containers want it")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "go on showing it until q or Ctrl-C")
	defineAll(cmd, &all, "every daemon of the project")
	return cmd
}

// cannotTell is err of a command whose exit statuses are answers: that it could not give one, whatever the reason, is one of them, and wrong usage none.
func (a *app) cannotTell(err error) error {
	var answered statusError
	if err == nil || errors.As(err, &answered) {
		return err
	}
	if code := a.exit(err); code == exitUsage {
		return statusError(code)
	}
	return statusError(service.StatusExitUnknown)
}

func (a *app) status(ctx context.Context, watch, ready bool) error {
	t, err := a.findLeft()
	if err != nil {
		return err
	}
	if watch {
		return a.watchStatus(ctx, t)
	}
	s := a.statusOf(ctx, t)
	if t.gone != nil && s.State == service.StateStopped {
		return t.gone
	}
	if err := a.printStatus(s); err != nil {
		return err
	}
	if code := statusCode(s, ready); code != exitDone {
		return statusError(code)
	}
	return nil
}

// statusCode is the exit status for s; ready asks for more than that it runs.
func statusCode(s service.Status, ready bool) int {
	code := s.ExitCode()
	if ready && code == service.StatusExitRunning && (!s.Running || s.Ready == nil || !*s.Ready) {
		return exitNotReady
	}
	return code
}

// statusOf is how t is.
func (a *app) statusOf(ctx context.Context, t target) service.Status {
	s := backends.Status(ctx, t.Ref, t.in.Name)
	if t.gone != nil && s.Running {
		s.Warnings = append(s.Warnings, outlived(s))
	}
	if t.Warning != nil {
		s.Warnings = append(s.Warnings, t.Warning.Error())
	}
	if w := project.Elsewhere(t.Ref.Project); w != "" {
		s.Warnings = append(s.Warnings, w)
	}
	if !s.Running {
		s.Warnings = append(s.Warnings, besides(t.Ref)...)
	}
	if s.State == service.StateStopped && t.in.Name == service.DefaultName {
		s.Warnings = append(s.Warnings, onlyOthers(t)...)
	}
	if s.Log == nil {
		s.Log = lastLog(t.Place)
	}
	if s.Running && s.Log.Kind == service.LogFile {
		dir := filepath.Dir(s.Log.Path)
		s.Warnings = append(s.Warnings, noRoom(dir, doctor.DiskOf(dir))...)
	}
	return s
}

// noRoom is what to know of a log in dir, on the file system d, that cannot be written. The daemon itself has nowhere to say so.
func noRoom(dir string, d doctor.Disk) []string {
	switch {
	case !d.Known:
	case d.ReadOnly:
		return []string{"nothing is written into the log: " + dir + " is on a read-only file system"}
	case d.Free == 0:
		return []string{"no space is left in " + dir + ": lines that cannot be written into the log are lost, and counted, and the state may be an older one"}
	}
	return nil
}

// onlyOthers is what to know where the configuration has other daemons than the one without a name, which does not run.
func onlyOthers(t target) []string {
	names, err := config.Configured(t.in)
	if err != nil || slices.Contains(names, service.DefaultName) {
		return nil
	}
	return []string{"this project's daemons are " + strings.Join(names, ", ") + seeAll}
}

// besides says of daemons with the name of ref's that they run with other PID files: whoever has changed the path while one ran would miss it.
func besides(ref pidfile.Ref) []string {
	var all []string
	for _, other := range ref.Others() {
		all = append(all, "a daemon of this name runs with the PID file "+other.Path+`: "apexd stop --pid-file `+shellword.Show(other.Path)+`" stops it`)
	}
	return all
}

const seeAll = `: see "apexd status --all"`

// toStart is what to type where a daemon is stopped: it may be one that nobody has configured, beside others.
func toStart(warnings []string) string {
	if slices.ContainsFunc(warnings, func(w string) bool { return strings.HasSuffix(w, seeAll) }) {
		return "apexd start --all"
	}
	return "apexd start"
}

func (a *app) printStatus(s service.Status) error {
	switch {
	case a.json:
		return a.printJSON(s)
	case a.quiet:
		return nil
	}
	page := a.statusText(s, time.Now())
	if style := a.style(); style != (term.Style{}) {
		page = strings.Join(paint(lines(page), s, style), "\n") + "\n"
	}
	_, err := io.WriteString(a.out, page)
	return err
}

// lastLog is where the log of a daemon without a record is. The history is asked only when there is no file: it is the longer read.
func lastLog(p backends.Place) *service.LogRef {
	ref := service.LogRef{Kind: service.LogFile, Path: p.Log}
	if _, err := os.Lstat(p.Log); errors.Is(err, fs.ErrNotExist) {
		ref = backends.LogOf(p)
	}
	return &ref
}

// statusText is the page for people: one line that answers, then what there is to know, then what to type next.
func (a *app) statusText(s service.Status, now time.Time) string {
	var b strings.Builder
	fmt.Fprintln(&b, logfile.SanitizeLine(s.Name+": "+headline(s)))
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-9s %s\n", name, logfile.SanitizeLine(fmt.Sprintf(format, args...)))
	}
	row("project", "%s", s.Project)
	if s.Service != nil {
		row("service", "%s", serviceText(s))
	}
	if s.StartedAt != nil && s.Uptime != nil {
		row("up", "%s, since %s", ago(time.Duration(*s.Uptime)*time.Millisecond), clock(*s.StartedAt))
	}
	if w := s.Workload; w != nil && s.Running {
		if w.Address != "" {
			row("address", "http://%s", w.Address)
		} else if w.PID != 0 {
			row("workload", "PID %d%s", w.PID, restarts(s.Restarts))
		}
		if len(w.Listen) > 0 {
			row("address", "%s", strings.Join(w.Listen, " "))
		}
	}
	if s.StatusText != nil && s.Running {
		row("says", "%s", *s.StatusText)
	}
	if e := s.LastExit; e != nil {
		row("last exit", "%s, %s ago", exitText(*e), ago(now.Sub(e.At)))
	}
	if s.Log != nil {
		row("log", "%s%s", map[string]string{service.LogJournal: "journal, "}[s.Log.Kind], s.Log.Path)
	}
	for _, w := range s.Warnings {
		row("warning", "%s", a.addressed(w))
	}
	switch s.State {
	case service.StateFailed:
		row("next", "%s", a.addressed("apexd logs -n 20   then   apexd start"))
	case service.StateStopped:
		row("next", "%s", a.addressed(toStart(s.Warnings)))
	}
	return b.String()
}

func headline(s service.Status) string {
	text := string(s.State)
	switch {
	case s.Running && s.PID != nil:
		text += fmt.Sprintf(" (PID %d)", *s.PID)
	case s.Running:
		text += " (PID unknown)"
	case s.State == service.StateFailed && s.StatusText != nil, s.State == service.StateUnknown && s.StatusText != nil:
		text += ": " + *s.StatusText
	}
	if s.Running && s.Ready != nil {
		text += map[bool]string{true: ", ready", false: ", not ready"}[*s.Ready]
	}
	return text
}

// serviceText says who keeps the daemon, in which state, and whether it comes back after a boot.
func serviceText(s service.Status) string {
	text := *s.Service
	if s.Scope != nil {
		text += " (" + *s.Scope + ")"
	}
	if s.Native != nil {
		text += ": " + *s.Native
	}
	if s.Enabled != nil {
		text += map[bool]string{true: ", enabled", false: ", not enabled"}[*s.Enabled]
	}
	return text
}

func exitText(e service.Exit) string {
	if e.Signal != "" {
		return e.Signal
	}
	return "status " + supervise.StatusText(e.Code)
}

func restarts(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return ", restarted once"
	}
	return fmt.Sprintf(", restarted %d times", n)
}
