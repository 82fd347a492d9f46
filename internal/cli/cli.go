// Package cli is the command line: one command a file, which reads flags, asks one of the packages below for the answer, and prints it.
// Standard output has the answer, standard error the conversation.
package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/internal/config"
	"github.com/joshuaaferguson/apexd/internal/project"
	"github.com/joshuaaferguson/apexd/internal/sockets"
	"github.com/joshuaaferguson/apexd/internal/version"
	"github.com/joshuaaferguson/apexd/service"
)

// app is one invocation: the streams and what the global flags say.
type app struct {
	in, out, err *os.File

	project string
	name    string
	pidFile string
	logFile string
	json    bool
	quiet   bool
	plain   bool // no colour

	answers *[]map[string]any // of all of whom this is about one; nil when it is about one only
}

// Main runs the command line args and returns the exit status.
func Main(args []string, in, out, err *os.File) int {
	if len(args) > 0 && args[0] == sockets.Verb {
		return sockets.Exec(args[1:])
	}
	a := &app{in: in, out: out, err: err}
	if len(args) > 2 && args[0] == asVerb {
		a.json = slices.Contains(args, "--json") // for an error before the flags are read
		if err := become(args[1], args[2]); err != nil {
			return a.exit(err)
		}
		args = args[2:]
	}
	root := newRoot(a, args)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(err)
	return a.exit(root.Execute())
}

// interruptibleSoon is interruptible until the program ends, from when armed is closed: what happens before need not wait for it, and is just ended.
func interruptibleSoon(cmd *cobra.Command) (ctx context.Context, armed <-chan struct{}) {
	ctx, cancel := context.WithCancelCause(cmd.Context())
	ready := make(chan struct{})
	go func() {
		until, stop := interruptible(cmd)
		close(ready)
		<-until.Done()
		stop()
		cancel(context.Cause(until))
	}()
	return ctx, ready
}

// interruptible is done at the first Ctrl-C or SIGTERM; the second ends the program as usual.
func interruptible(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

// target is the daemon that the flags name.
type target struct {
	backends.Place
	in     config.Input
	config string // the project's configuration file, whether or not it exists
	gone   error  // why there is no project directory, of a daemon that has outlived it
}

// find resolves project and name, and the place of the record, without reading more of the configuration than that takes.
func (a *app) find() (target, error) {
	var t target
	cwd, err := os.Getwd()
	if err != nil {
		cwd = "" // it was deleted, or is outside of a container's root; Locate says where that matters
	}
	t.in = config.Input{Name: a.name, Flags: a.flags(), Env: os.LookupEnv}
	t.Place, err = backends.Locate(&t.in, a.project, cwd)
	t.config = project.PathsOf(t.in.Project, t.in.Name).Config
	return t, err
}

// findLeft is find for what is asked of a daemon that is there: where the project directory is missing, also one that has outlived it, if this user's index knows it.
func (a *app) findLeft() (target, error) {
	t, err := a.find()
	if !errors.Is(err, fs.ErrNotExist) {
		return t, err
	}
	for _, ref := range t.Ref.Survivors() {
		if a.pidFile == "" || ref.Path == t.Ref.Path {
			t.Ref, t.gone = ref, err
			return t, nil
		}
	}
	return t, err
}

func (a *app) flags() map[string]string {
	f := map[string]string{}
	if a.pidFile != "" {
		f["pidFile"] = a.pidFile
	}
	if a.logFile != "" {
		f["logFile"] = a.logFile
	}
	return f
}

// direct is the backend of t, for who may start its daemon; see configured.
func (a *app) direct(t target, command []string) (*backends.Direct, *config.Config, error) {
	t.in.Command = command
	d, c, err := a.configured(t)
	if err != nil {
		return d, nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		err = &service.Error{Op: "find the program of apexd itself", Code: service.CodeUnsupported, Err: err, Hint: "on Linux it takes a mounted /proc: mount -t proc proc /proc"}
	}
	d.Exec = append([]string{exe}, backends.RunArgs(t.in, t.Ref, t.Log)...)
	return d, c, err
}

// configured is the backend of t for who does not start its daemon, with as much of the configuration as can be read; err is what is wrong with the rest.
func (a *app) configured(t target) (*backends.Direct, *config.Config, error) {
	c, err := config.Load(t.in)
	d := &backends.Direct{Ref: t.Ref}
	if err != nil {
		d.Spec = config.Fallback(t.in)
		return d, nil, err
	}
	d.Spec = c.Spec
	return d, c, nil
}

// appVersion is what --version and the record say.
func appVersion() string { return version.String() }
