package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/internal/fswatch"
	"github.com/joshuaaferguson/apexd/internal/history"
	"github.com/joshuaaferguson/apexd/internal/project"
	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/pidfile"
)

func newEventsCmd(a *app) *cobra.Command {
	var o eventOptions
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Print what happens to the daemon as JSON lines, for other programs",
		Long: `Print the events of the daemon's life, one JSON object a line, oldest first: those of "apexd history", with the project and the daemon's name. With --follow
go on with those that come, until Ctrl-C, whether or not the daemon runs: through its restarts, and though the history is trimmed or deleted.

The keys are in docs/metrics.md; readers ignore events and keys that they do not know. With --all those of every daemon that this user has, or will have, started.`,
		Example: "  apexd events -n 10\n  apexd events -f -n 1\n  apexd events --all -f -n 1",
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.events(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "go on with what happens from now on, until Ctrl-C")
	f.BoolVarP(&o.all, "all", "a", false, "of every daemon of this user")
	f.IntVarP(&o.n, "lines", "n", 20, "only the last `N` events of each daemon, -1 for all (with --follow, before following: default 0)")
	cmd.PreRun = func(cmd *cobra.Command, _ []string) {
		if o.follow && !cmd.Flags().Changed("lines") {
			o.n = 0
		}
	}
	return cmd
}

type eventOptions struct {
	follow, all bool
	n           int
}

// eventsSchema is the version of daemonEvent. It grows only by additions.
const eventsSchema = 1

// daemonEvent is an event and whose it is.
type daemonEvent struct {
	Schema  int    `json:"schema"`
	Project string `json:"project"`
	Name    string `json:"name"`
	history.Event
}

// feed is where a daemon's events are.
type feed struct{ project, name, path string }

func feedOf(ref pidfile.Ref, name string) feed {
	return feed{ref.Project, name, supervise.HistoryPath(ref)}
}

func (s feed) event(e history.Event) daemonEvent {
	return daemonEvent{eventsSchema, s.project, s.name, e}
}

func (a *app) events(ctx context.Context, o eventOptions) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	find := a.theDaemon
	if o.all {
		find = allDaemons
	}
	began := time.Now()
	feeds, err := find()
	if err != nil {
		return err
	}
	switch {
	case !o.follow:
		err = a.pastEvents(feeds, o.n)
	case o.all:
		err = a.followAll(ctx, feeds, o.n, began)
	default:
		err = history.Follow(ctx, feeds[0].path, o.n, func(e history.Event) error { return a.printJSON(feeds[0].event(e)) })
		err = refused("show the events", feeds[0].path, err)
	}
	if errors.Is(err, syscall.EPIPE) { // who read has gone
		return nil
	}
	return err
}

func (a *app) theDaemon() ([]feed, error) {
	t, err := a.find()
	return []feed{feedOf(t.Ref, t.in.Name)}, err
}

// allDaemons are those in this user's index.
func allDaemons() ([]feed, error) {
	entries, err := pidfile.Entries(ownStateDir())
	var found []feed
	for _, e := range entries {
		found = append(found, feedOf(pidfile.Ref{Path: e.PIDFile, Project: e.Project}, e.Name))
	}
	return found, err
}

func ownStateDir() string { return project.StateDir(runtime.GOOS, os.Getenv, backends.HomeDir()) }

// pastEvents prints the last n events of each of feeds, in the order of time.
func (a *app) pastEvents(feeds []feed, n int) error {
	var past []daemonEvent
	for _, s := range feeds {
		events, _, err := history.Read(s.path, n)
		if err != nil {
			return refused("show the events", s.path, err)
		}
		for _, e := range events {
			past = append(past, s.event(e))
		}
	}
	slices.SortStableFunc(past, func(x, y daemonEvent) int { return x.At.Compare(y.At) })
	for _, e := range past {
		if err := a.printJSON(e); err != nil {
			return err
		}
	}
	return nil
}

// followAll follows feeds, which are all that were there at began, and those that have come since. One daemon whose events cannot be followed is said, and does not end the
// others.
func (a *app) followAll(ctx context.Context, feeds []feed, n int, began time.Time) error {
	dir := filepath.Join(ownStateDir(), "daemons")
	if err := safefile.MkdirAll(dir, 0o700); err != nil { // as a daemon does; one that does not exist cannot be watched
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	changed, err := fswatch.Listing(ctx, dir)
	if err != nil {
		return err
	}
	f := fleet{a: a, ctx: ctx, cancel: cancel, known: map[string]bool{}}
	defer f.wait()
	f.add(feeds, n, time.Time{})
	for {
		feeds, err := allDaemons()
		if err != nil {
			a.warn(err.Error())
		}
		f.add(feeds, -1, began)
		select {
		case <-ctx.Done():
			if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
				return err
			}
			return nil
		case <-changed:
		}
	}
}

// fleet follows several daemons at once.
type fleet struct {
	a      *app
	ctx    context.Context
	cancel context.CancelCauseFunc // ends all with the error of whoever prints
	known  map[string]bool         // by path

	sync.WaitGroup
	mu sync.Mutex // one line at a time
}

// add follows those of feeds that are not followed yet: their last n events, of those that happened since.
func (f *fleet) add(feeds []feed, n int, since time.Time) {
	for _, s := range feeds {
		if f.known[s.path] {
			continue
		}
		f.known[s.path] = true
		f.Go(func() {
			err := history.Follow(f.ctx, s.path, n, func(e history.Event) error {
				if e.At.Before(since) {
					return nil
				}
				return f.print(s.event(e))
			})
			if err != nil && f.ctx.Err() == nil {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.a.warn("cannot follow " + s.project + ", " + s.name + ": " + err.Error())
			}
		})
	}
}

func (f *fleet) print(e daemonEvent) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.a.printJSON(e)
	if err != nil {
		f.cancel(err)
	}
	return err
}

// wait returns when nobody follows any more.
func (f *fleet) wait() {
	f.cancel(nil)
	f.Wait()
}
