package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/internal/term"
)

func newHistoryCmd(a *app) *cobra.Command {
	var n int
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show who started, stopped, crashed or restarted it, and when",
		Long: `Show what has happened to the daemon, oldest first, and for how much of the time it was up. It is kept in .apex/NAME.history, at most 256 KiB of it, over restarts and
rotation of the log.

CONFIG names what was configured when it was started: two that are the same were configured alike, values of environment variables aside.`,
		Example: "  apexd history -n 10\n  apexd history --json",
		Args:    none,
		RunE:    func(*cobra.Command, []string) error { return a.history(n) },
	}
	cmd.Flags().IntVarP(&n, "lines", "n", 20, "only the last `N` events, -1 for all")
	return cmd
}

func (a *app) history(n int) error {
	t, err := a.find()
	if err != nil {
		return err
	}
	path := supervise.HistoryPath(t.Ref)
	all, _, err := history.Read(path, -1)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return refused("show the history", path, err)
	}
	events := all
	if n >= 0 && n < len(all) {
		events = all[len(all)-n:]
	}
	if a.json {
		return a.printJSON(append([]history.Event{}, events...))
	}
	width, _ := term.Size(a.out)
	text := strings.Join(historyTable(events).Lines(width, a.style()), "\n") + "\n"
	if line := uptimeLine(all, time.Now(), t.Ref.Look().Running, term.Unicode(runtime.GOOS, os.Getenv)); line != "" {
		text += "\n" + line + "\n"
	}
	_, err = io.WriteString(a.out, text)
	return err
}

func historyTable(events []history.Event) term.Table {
	t := term.Table{Columns: []term.Column{
		{Title: "TIME"}, {Title: "EVENT"}, {Title: "PID", Right: true, Spare: 1}, {Title: "VERSION", Spare: 3}, {Title: "CONFIG", Spare: 2}, {Title: "DETAILS", Keep: term.KeepStart},
	}}
	version := ""
	for _, e := range events {
		pid := e.WorkloadPID
		if pid == 0 {
			pid = e.PID
		}
		shown := "" // once for each that is another
		if e.Version != version {
			version, shown = e.Version, e.Version
		}
		t.Rows = append(t.Rows, []term.Cell{
			cell(clock(e.At)), {Text: cell(e.Event).Text, Colour: eventColour(e)}, cell(fmt.Sprint(pid)), cell(shown), cell(e.ConfigHash), cell(details(e)),
		})
	}
	return t
}

// eventColour is how an event looks; its word and its details stand there too.
func eventColour(e history.Event) term.Colour {
	switch {
	case e.Event == history.Failed, e.Exit != nil && e.Event == history.Exited && e.Exit.Failed():
		return term.Bad
	case e.Event == history.Ready:
		return term.Good
	case e.Event == history.Restarting:
		return term.Busy
	}
	return term.Plain
}

// details is what there is to say of e beyond its name.
func details(e history.Event) string {
	var parts []string
	if e.By != "" {
		parts = append(parts, "by "+e.By)
	}
	if e.Exit != nil && !strings.Contains(e.Reason, supervise.Describe(*e.Exit)) {
		parts = append(parts, supervise.Describe(*e.Exit))
	}
	if e.Reason != "" {
		parts = append(parts, e.Reason)
	}
	return strings.Join(parts, ", ")
}
