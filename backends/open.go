package backends

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/config"
	"github.com/joshuaaferguson/apexd/internal/logfile"
	"github.com/joshuaaferguson/apexd/internal/project"
	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/internal/supervise"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// Options says whose daemon. The zero value is the daemon called "daemon" of the project around the working directory.
type Options struct {
	ProjectPath string   // as --project; "" looks as the command line does
	Name        string   // as --name; "" is "daemon"
	PIDFile     string   // as --pid-file: relative to the current directory
	LogFile     string   // as --log-file
	Command     []string // run in place of the configured command

	// OnOutput is called with each line of the daemon's log, workload output included, from the first Start or Restart until Close, in order, from
	// one goroutine. It must not call Close.
	OnOutput func(line string)
	// OnError is called when following the log fails.
	OnError func(error)

	// Exec is the command line that runs the daemon process, to which "run --detached …" is added; nil is this program if it is called apexd, else the
	// apexd in PATH.
	Exec []string
	// Self: the daemon process is this program, which calls Main. Command and Exec are not used.
	Self bool
}

// Open returns the manager of a project's daemon. It reads the configuration and touches nothing. Errors: CONFIG_INVALID, START_FAILED when there is
// no apexd to run.
func Open(o Options) (*service.Manager, error) {
	in, ref, err := o.locate()
	if err != nil {
		return nil, err
	}
	c, err := config.Load(in)
	if err != nil {
		return nil, err
	}
	exe, err := o.exec()
	if err != nil {
		return nil, err
	}
	if o.Self {
		c.Spec.Command = nil
	}
	d := &Direct{Ref: ref, Spec: c.Spec, Exec: append(exe[:len(exe):len(exe)], RunArgs(in, ref, c.Spec.Log.Path)...)}
	check := func() error {
		if _, err := config.Load(in); err != nil {
			return err
		}
		return d.Check()
	}
	return service.NewManager(d, check, o.follower(in, ref, c.Spec.Log.Path)), nil
}

// RunArgs are the arguments that make apexd the daemon of in, answering on its standard output.
func RunArgs(in config.Input, ref pidfile.Ref, log string) []string {
	args := []string{"run", "--detached", "--project", in.Project, "--name", in.Name}
	if in.Flags["pidFile"] != "" {
		args = append(args, "--pid-file", ref.Path)
	}
	if in.Flags["logFile"] != "" {
		args = append(args, "--log-file", log)
	}
	if len(in.Command) > 0 {
		args = append(append(args, "--"), in.Command...)
	}
	return args
}

func (o Options) locate() (config.Input, pidfile.Ref, error) {
	var in config.Input
	cwd, err := os.Getwd()
	if err != nil {
		cwd = "" // Locate says where that matters
	}
	in = config.Input{Name: o.Name, Flags: map[string]string{}, Command: o.Command, Env: os.LookupEnv}
	if o.Self {
		in.Command = nil
	}
	if o.PIDFile != "" {
		in.Flags["pidFile"] = o.PIDFile
	}
	if o.LogFile != "" {
		in.Flags["logFile"] = o.LogFile
	}
	p, err := Locate(&in, o.ProjectPath, cwd)
	return in, p.Ref, err
}

// Place is where a daemon's files are.
type Place struct {
	Ref     pidfile.Ref
	Log     string
	FoundBy string // how the project was found: "--project", "APEX_PROJECT_PATH", "ancestor", "cwd"
	Warning error  // what is wrong with the part of the configuration that says where the files are
}

// Locate completes in, whose project flag, the environment or cwd names, and says where its files are. Paths that are given as flags become absolute:
// they are relative to cwd, as a person expects, and those of the configuration to the project. It reads no more of the configuration than that takes and does not
// fail on a bad one. Where the project directory is missing the error matches fs.ErrNotExist, and the place is that which its files would have.
func Locate(in *config.Input, flag, cwd string) (Place, error) {
	var p Place
	home := HomeDir()
	err := absolute(in.Flags, cwd)
	if err != nil {
		return p, err
	}
	in.Project, p.FoundBy, err = project.Find(flag, os.Getenv, cwd, home)
	if in.Project == "" {
		return p, err
	}
	missing := err
	in.Name = config.DaemonName(in.Name, in.Project, os.LookupEnv)
	if err := service.CheckName(in.Name); err != nil {
		return p, err
	}
	if dir, err := os.UserConfigDir(); err == nil {
		in.UserConfig = filepath.Join(dir, "apexd", "config.yaml")
	}
	p.Ref = pidfile.Ref{Project: in.Project, StateDir: project.StateDir(runtime.GOOS, os.Getenv, home), Name: in.Name}
	p.Ref.Path, p.Log, p.Warning = config.Locate(*in)
	return p, missing
}

// HomeDir is this user's home, "" when there is none. A system service of root's has no $HOME (systemd.exec(5), "Environment Variables Set or Propagated").
func HomeDir() string {
	if home, err := os.UserHomeDir(); err == nil {
		return home
	}
	if u, err := user.Current(); err == nil {
		return u.HomeDir
	}
	return ""
}

// absolute makes the paths among flags relative to cwd. One that begins with "~", which the shell has left as it is, stays for the configuration to refuse.
func absolute(flags map[string]string, cwd string) error {
	for _, name := range [...]string{"pidFile", "logFile"} {
		path := flags[name]
		if path == "" || path[0] == '~' || filepath.IsAbs(path) {
			continue
		}
		if cwd == "" {
			return &service.Error{
				Op: "find " + path, Code: service.CodeConfigInvalid, Err: errors.New("the current directory does not exist"),
				Hint: "cd to a directory that does, or give an absolute path",
			}
		}
		abs, err := filepath.Abs(path) // on Windows a path may be relative to the current directory of a volume
		if err != nil {
			return err
		}
		flags[name] = abs
	}
	return nil
}

// exec is the command line of the daemon process, without its arguments.
func (o Options) exec() ([]string, error) {
	switch {
	case o.Self:
		self, err := os.Executable()
		if err != nil {
			return nil, startError(err)
		}
		return []string{self, selfArg}, nil
	case len(o.Exec) > 0:
		return o.Exec, nil
	}
	return findExec()
}

// findExec is the apexd that runs a daemon for a program that is not apexd.
func findExec() ([]string, error) {
	self, err := os.Executable()
	if err == nil && strings.TrimSuffix(filepath.Base(self), ".exe") == "apexd" {
		return []string{self}, nil
	}
	path, err := exec.LookPath("apexd")
	if err != nil {
		return nil, &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Err: err, Hint: "install apexd, or say in Options.Exec how to run it"}
	}
	return []string{path}, nil
}

// follower hands the log's new lines to OnOutput.
func (o Options) follower(in config.Input, ref pidfile.Ref, path string) func(context.Context, func()) {
	if o.OnOutput == nil {
		return nil
	}
	return func(ctx context.Context, began func()) {
		_ = safefile.MkdirAll(filepath.Dir(path), 0o755) // the daemon makes it too late for the first line; where it cannot be made ShowLog says so
		err := ShowLog(ctx, lineFunc(o.OnOutput), Place{Ref: ref, Log: path}, in.Name, logfile.View{Lines: 0, Follow: true, Began: began})
		if err != nil && ctx.Err() == nil && o.OnError != nil {
			o.OnError(err)
		}
	}
}

// lineFunc calls itself with each line written to it. Show writes whole lines.
type lineFunc func(string)

func (f lineFunc) Write(b []byte) (int, error) {
	for _, l := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
		f(l)
	}
	return len(b), nil
}

var _ io.Writer = lineFunc(nil)

// Check reports why the configured command cannot be executed, or nil.
func (d *Direct) Check() error {
	if err := supervise.CheckCommand(d.Spec); err != nil {
		return &service.Error{Op: "start daemon", Code: service.CodeStartFailed, Err: err, Hint: supervise.Hint(err)}
	}
	return nil
}
