package cli

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/internal/apiserver"
	"github.com/joshuaaferguson/apexd/internal/config"
	"github.com/joshuaaferguson/apexd/internal/footprint"
	"github.com/joshuaaferguson/apexd/internal/logging"
	"github.com/joshuaaferguson/apexd/internal/openrc"
	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/service"
)

// runFlags are those that only apexd itself and the registrations that it makes use.
type runFlags struct {
	detached bool
	keeper   service.Registration
	readyFD  int                      // to which a newline is written when it is ready: s6's notification-fd; 0 is none
	change   func(*supervise.Options) // before the daemon begins; nil changes nothing
}

func newRunCmd(a *app) *cobra.Command {
	var o runFlags
	cmd := &cobra.Command{
		Use:   "run [flags] [-- command [args]]",
		Short: "Run the daemon in the foreground, as in a container",
		Long: `Run the daemon in the foreground: take the lock, run the workload, restart it by policy, and exit with its status. This is what every
service manager executes, and what a container runs as PID 1, where it reaps orphans.

The first SIGTERM or SIGINT stops gracefully, the second at once. SIGHUP reloads.

Exit status: the workload's own (128 + n after signal n), 0 after a stop, 78 the configuration is wrong, 79 it is already running.`,
		Example: "  apexd run\n  apexd run -- node server.js",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := afterDash(cmd, args); err != nil {
				return err
			}
			switch o.keeper.Backend {
			case service.KindWindows:
				return a.serve(cmd.Context(), args, o)
			case service.KindLaunchd:
				return a.runForLaunchd(cmd.Context(), args, o)
			}
			return a.run(cmd.Context(), args, o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.detached, "detached", false, "answer on standard output, as start wants it")
	f.IntVar(&o.readyFD, "ready-fd", 0, "write a newline to this descriptor when ready, as s6 wants it")
	for _, name := range []string{"detached", "ready-fd"} {
		_ = f.MarkHidden(name) // the flags were defined in the lines above
	}
	defineKeeper(cmd, &o.keeper)
	return cmd
}

// defineKeeper defines the flags by which a registration says that it is one. That is never guessed.
func defineKeeper(cmd *cobra.Command, k *service.Registration) {
	f := cmd.Flags()
	f.StringVar((*string)(&k.Backend), "keeper", "", "the manager that runs this process: systemd, launchd, openrc, windows, sysv …")
	f.StringVar((*string)(&k.Scope), "scope", "", "whose manager that is: user, system")
	f.StringVar(&k.Service, "service", "", "its name for the daemon")
	for _, name := range []string{"keeper", "scope", "service"} {
		_ = f.MarkHidden(name) // the flags were defined in the lines above
	}
}

// keeperArgs are the flags that say k.
func keeperArgs(k service.Registration) []string {
	return []string{"--keeper", string(k.Backend), "--scope", string(k.Scope), "--service", k.Service}
}

func (a *app) run(ctx context.Context, args []string, f runFlags) error {
	tell := readyOn(f.readyFD)
	var report func(*supervise.Daemonized, error)
	if f.detached {
		proc.CloseInherited() // a pipe or a lock of the caller, who does not wait for this daemon
		report = backends.Report(a.out)
	}
	o, err := a.hearing(args, f)
	if err != nil {
		a.noteRefusal(f.keeper, err)
		if report != nil {
			report(nil, err)
		}
		return err
	}
	if f.detached {
		o.Extend = backends.Extend(a.out)
	}
	o.Report = func(d *supervise.Daemonized, err error) {
		if report != nil {
			report(d, err)
		} else if d != nil && d.Address != "" {
			a.say("listening on http://%s", d.Address)
		}
		tell(d != nil)
	}
	if f.keeper.Backend == service.KindOpenRC {
		o.Again = openrc.System().Respawned(f.keeper.Service)
		known := openrc.System().Look(f.keeper.Service)
		o.Unwanted = known.Word == openrc.Stopping || known.Word == openrc.Stopped && known.Supervisor == 0
		if known.Never { // the registered policy holds, as under every manager, until the next "apexd install"
			o.Spec.Restart.When = service.RestartNever
		}
	}
	if f.change != nil {
		f.change(&o)
	}
	if err := os.Chdir(o.Ref.Project); err != nil {
		return err
	}
	o.Idle = footprint.Settle
	asked := false
	o.Stopped = func() { asked = true }
	err = supervise.Run(ctx, o)
	if k := f.keeper.Backend; err == nil && asked && (k == service.KindRunit || k == service.KindS6) {
		endBySignal()
	}
	var ended *supervise.ExitError
	if f.detached && err != nil || f.keeper.Backend != "" && errors.As(err, &ended) {
		return statusError(codeOf(err)) // the starter has the answer, and the log the reason
	}
	return err
}

// noteRefusal writes into the history why a process that k has started cannot become the daemon.
func (a *app) noteRefusal(k service.Registration, why error) {
	if t, err := a.find(); err == nil {
		_ = supervise.NoteRefusal(t.Ref, k, os.Getpid(), appVersion(), why) // what cannot be written there cannot be written anywhere
	}
}

// hearing is daemon, and what the process is asked, from when it returns until the process ends: a request that comes too late must not end it in another way. The one is
// begun while the other is read, since each takes a fifth of a millisecond and the starter waits.
func (a *app) hearing(args []string, f runFlags) (supervise.Options, error) {
	t, err := a.find()
	if err != nil {
		return supervise.Options{}, err
	}
	type watched struct {
		requests <-chan supervise.Request
		err      error
	}
	heard := make(chan watched, 1)
	go func() {
		requests, _, err := supervise.WatchRequests(t.Ref)
		heard <- watched{requests, err}
	}()
	o, err := a.daemon(t, args, f)
	w := <-heard
	if err == nil {
		err = w.err
	}
	o.Signals = w.requests
	return o, err
}

// daemon is what to run: everything that comes from flags, environment and configuration.
func (a *app) daemon(t target, args []string, f runFlags) (supervise.Options, error) {
	t.in.Command = args
	c, err := config.Load(t.in)
	if err != nil {
		return supervise.Options{}, err
	}
	o := supervise.Options{
		Spec: used(c.Spec), Ref: t.Ref, Version: appVersion(), Source: source(c.Spec),
		Func:    builtin(c.Spec.API),
		OpenLog: backends.OpenLog,
		NewLogger: func(l supervise.Log, p service.LogPolicy) supervise.Logger {
			return logging.New(l, p)
		},
		Reload: func() (service.Spec, error) {
			c, err := config.Load(t.in)
			if err != nil {
				return service.Spec{}, err
			}
			return used(c.Spec), nil
		},
		OwnProcess:     true,
		FirstMustStart: f.detached || awaited(f.keeper),
		Keeper:         f.keeper,
	}
	if f.detached || f.keeper.Backend != "" {
		o.Stderr = supervise.RedirectStderr
	} else {
		o.Tee = a.out
	}
	return o, nil
}

// used is s without what concerns a command where there is none: the built-in API server has an address of its own.
func used(s service.Spec) service.Spec {
	if len(s.Command) == 0 {
		s.Sockets = nil
	}
	return s
}

func source(s service.Spec) string {
	switch {
	case len(s.Command) == 0:
		return "builtin"
	case s.FromArgs:
		return "command-line"
	}
	return "config"
}

// builtin is the workload of a project that has configured none.
func builtin(p service.APIPolicy) supervise.Func {
	return func(ctx context.Context, d supervise.Daemon, ready func(address string)) error {
		s, err := apiserver.Listen(apiserver.Options{Address: p.Address, Status: d.Status, Version: appVersion()})
		if err != nil {
			return err
		}
		ready(s.Address())
		return s.Serve(ctx)
	}
}
