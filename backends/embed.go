package backends

import (
	"context"
	"errors"
	"flag"
	"os"

	"github.com/joshuaaferguson/apexd/internal/config"
	"github.com/joshuaaferguson/apexd/internal/logging"
	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/internal/version"
	"github.com/joshuaaferguson/apexd/service"
)

// Workload is a function of a Go program that is kept as a daemon: it calls ready when it can serve, telling where (or ""), and returns when ctx is done.
type Workload func(ctx context.Context, ready func(address string)) error

// selfArg is the first argument of a program that Options.Self has started as the daemon.
const selfArg = "apexd-daemon"

// Main is for a program that is its own daemon. In the process that Start has started because of Options.Self it runs w as Run does, until the daemon is
// stopped, and returns true and the exit status; what w prints goes to the daemon's log. In every other process it returns false at once. Call it first in main:
//
//	func main() {
//		if status, daemon := backends.Main(serve); daemon {
//			os.Exit(status)
//		}
//		m, err := backends.Open(backends.Options{Self: true})
//		// m.Start, m.Stop, m.Status …
//	}
func Main(w Workload) (status int, daemon bool) {
	if len(os.Args) < 2 || os.Args[1] != selfArg {
		return 0, false
	}
	return runSelf(os.Args[2:], w), true
}

// runSelf is the daemon process of a program that called Main. args are those of RunArgs.
func runSelf(args []string, w Workload) int {
	report := Report(os.Stdout) // which is the starter's, and ends with the answer
	os.Stdout = os.Stderr
	err := serveSelf(args, w, report)
	if err != nil {
		report(nil, err) // where there was an answer already, it is not sent
		return 1
	}
	return 0
}

func serveSelf(args []string, w Workload, report func(*supervise.Daemonized, error)) error {
	o, err := selfOptions(args)
	if err != nil {
		return err
	}
	s, err := o.embedded(w)
	if err != nil {
		return err
	}
	requests, stop, err := supervise.WatchRequests(s.Ref)
	if err != nil {
		return err
	}
	defer stop()
	if err := os.Chdir(s.Ref.Project); err != nil {
		return err
	}
	s.Signals, s.Report, s.Stderr = requests, report, supervise.RedirectStderr
	s.OwnProcess, s.FirstMustStart = true, true
	return supervise.Run(context.Background(), s)
}

// selfOptions reads what RunArgs has written.
func selfOptions(args []string) (Options, error) {
	var o Options
	f := flag.NewFlagSet(selfArg, flag.ContinueOnError)
	f.Bool("detached", true, "")
	f.StringVar(&o.ProjectPath, "project", "", "")
	f.StringVar(&o.Name, "name", "", "")
	f.StringVar(&o.PIDFile, "pid-file", "", "")
	f.StringVar(&o.LogFile, "log-file", "", "")
	if len(args) == 0 {
		return o, errors.New("no arguments: only Manager.Start executes this")
	}
	return o, f.Parse(args[1:])
}

// Run makes this process the daemon, with w as its workload: it takes the lock, keeps record, log and history, and starts w again by policy. It returns
// when ctx is done and w has returned, or when the policy gives up. Errors: ALREADY_RUNNING, CONFIG_INVALID, what w returned last. The configuration's
// command is not used. Signals are the program's own business: see signal.NotifyContext. On Windows "apexd stop" needs nothing of the program.
func Run(ctx context.Context, o Options, w Workload) error {
	s, err := o.embedded(w)
	if err != nil {
		return err
	}
	requests, stop, err := listenRequests(s.Ref)
	if err != nil {
		return err
	}
	defer stop()
	s.Signals = requests
	err = supervise.Run(ctx, s)
	if err != nil && errors.Is(ctx.Err(), context.Canceled) && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// embedded is the daemon that has w as its workload.
func (o Options) embedded(w Workload) (supervise.Options, error) {
	in, ref, err := o.locate()
	if err != nil {
		return supervise.Options{}, err
	}
	load := func() (service.Spec, error) {
		c, err := config.Load(in)
		if err != nil {
			return service.Spec{}, err
		}
		c.Spec.Command = nil
		return c.Spec, nil
	}
	spec, err := load()
	return supervise.Options{
		Spec: spec, Ref: ref, Version: version.String(), Source: "embedded", Reload: load,
		Func: func(ctx context.Context, d supervise.Daemon, ready func(string)) error {
			return w(context.WithValue(ctx, daemonKey{}, d), ready)
		},
		OpenLog:   OpenLog,
		NewLogger: func(l supervise.Log, p service.LogPolicy) supervise.Logger { return logging.New(l, p) },
	}, err
}
