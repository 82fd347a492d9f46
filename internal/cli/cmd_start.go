package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/service"
)

func newStartCmd(a *app) *cobra.Command {
	var keeper service.Registration
	var all bool
	cmd := &cobra.Command{
		Use:   "start [flags] [-- command [args]]",
		Short: "Start the daemon in the background; return when it is ready",
		Long: `Start the daemon in the background and return when its workload is ready, or has failed and nothing of it is left.

A command after -- is run in place of the configured one.

With --all every daemon that .apex/config.yaml configures, one after the other in its order, so that what others need stands first; one that runs already is left
alone. With --json the answer is then an object whose "daemons" are the answers for each, with "alreadyRunning" where nothing was started. The exit status is the
highest of theirs.

Exit status: 0 started, 78 the configuration is wrong, 79 it is already running, 77 no permission, 1 it could not be started.`,
		Example: "  apexd start\n  apexd start --all\n  apexd start --name web -- python3 -m http.server 8000",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := afterDash(cmd, args); err != nil {
				return err
			}
			if all {
				return a.startAll(cmd, args)
			}
			t, err := a.find()
			if err != nil {
				return err
			}
			return a.start(cmd, t, args, keeper)
		},
	}
	defineKeeper(cmd, &keeper)
	defineAll(cmd, &all, "every daemon that is configured and does not run")
	return cmd
}

// afterDash refuses words before "--": they are no command's arguments but a mistake.
func afterDash(cmd *cobra.Command, args []string) error {
	if n := cmd.ArgsLenAtDash(); len(args) > 0 && n != 0 {
		return usageError("unexpected argument "+quote(args[0]), "a command to run goes after --: apexd "+cmd.Name()+" -- "+args[0])
	}
	return nil
}

// start starts the daemon. keeper is the manager whose script calls this; the zero value is a person, who has the daemon's manager start it if it has one.
func (a *app) start(cmd *cobra.Command, t target, args []string, keeper service.Registration) error {
	ctx, armed := interruptibleSoon(cmd)
	d, c, err := a.direct(t, args)
	if err != nil {
		return err
	}
	for _, w := range c.Warnings {
		a.warn(w)
	}
	b, err := a.starter(d, args, keeper)
	if err != nil {
		return err
	}
	if !t.Ref.Known() { // the path of its PID file is new
		for _, w := range besides(t.Ref) {
			a.warn(w)
		}
	}
	began := time.Now()
	shown := a.waiting(t.Ref, startText(d.Spec, t.Ref))
	<-armed
	s, err := b.Start(ctx)
	shown.done()
	if errors.Is(err, service.ErrAlreadyRunning) {
		var e *service.Error
		if errors.As(err, &e) && len(args) > 0 {
			e.Hint = `"apexd restart -- ` + args[0] + ` …" replaces it`
		}
	}
	if err != nil {
		return err
	}
	return a.started(t, b, s, time.Since(began))
}

// starter is who is to start the daemon. A command of this call's own is no registered service's business.
func (a *app) starter(d *backends.Direct, args []string, keeper service.Registration) (service.Backend, error) {
	if keeper.Backend != "" {
		d.Exec = append(d.Exec, keeperArgs(keeper)...)
		return d, nil
	}
	b := backends.Owner(d, d.Ref.Look())
	s, ok := b.(backends.Managed)
	if !ok || len(args) == 0 {
		return b, nil
	}
	return nil, &service.Error{
		Op: "start daemon", Code: service.CodeServiceExists, Path: s.Definition(), Err: fmt.Errorf("it is registered as %s, which runs the configured command", s.Registered().Service),
		Hint: "put the command into .apex/config.yaml, or start it under another name: apexd start --name NAME -- " + args[0] + " …",
	}
}

// started answers a start or restart.
func (a *app) started(t target, b service.Backend, s service.Started, took time.Duration) error {
	at := ""
	if s.Address != "" {
		at = " at http://" + s.Address
	}
	if b, ok := b.(backends.Managed); ok {
		at += " as " + b.Registered().Service
	}
	if s.Warning != "" {
		a.warn(s.Warning)
	}
	return a.answer(s, "started %s (PID %d)%s in %s", t.in.Name, s.PID, at, ago(took))
}
