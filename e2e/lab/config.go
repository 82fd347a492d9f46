package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// Exit statuses of lab itself; every other one is the command's, 128+n after signal n.
const (
	exitTimeout = 124 // as timeout(1)
	exitLab     = 125 // the world could not be made, or ended before the command did
	exitUsage   = 2
)

// initKind says who is PID 1 of a world.
type initKind string

const (
	initCommand initKind = "command" // the command itself: no default signal actions, inherits the orphans
	initPlain   initKind = "plain"   // a process that never waits: orphans stay zombies
	initReap    initKind = "reap"    // a process that only reaps
	initSystemd initKind = "systemd" // the host's systemd
	initOpenRC  initKind = "openrc"  // sysvinit, which goes through OpenRC's runlevels
	initSysV    initKind = "sysv"    // sysvinit
	initRunit   initKind = "runit"   // runit
	initS6      initKind = "s6"      // s6-svscan
	initBusyBox initKind = "busybox" // BusyBox's init, which runs /etc/init.d/rcS
)

// world is one kind of machine.
type world struct {
	Init initKind
	User bool // the command runs as the ordinary user "lab"
	Bus  bool // … with a lingering user manager and its bus
	Wine bool // … with a fresh Wine prefix whose SCM is up
	Help string
}

// worlds returns every kind of machine by name.
func worlds() map[string]world {
	return map[string]world{
		"noinit":       {Init: initCommand, Help: "no service manager; CMD is PID 1"},
		"noinit-plain": {Init: initPlain, Help: "no service manager; PID 1 never reaps"},
		"noinit-reap":  {Init: initReap, Help: "no service manager; PID 1 reaps"},
		"systemd":      {Init: initSystemd, Help: "the host's systemd is PID 1; CMD runs as root"},
		"systemd-user": {Init: initSystemd, User: true, Bus: true, Help: "the same; CMD runs as user lab with systemd --user and linger"},
		"openrc":       {Init: initOpenRC, Help: "OpenRC has booted; CMD runs as root"},
		"sysv":         {Init: initSysV, Help: "a System V init with /etc/init.d has booted; CMD runs as root"},
		"runit":        {Init: initRunit, Help: "runit is PID 1, its services are in /etc/service; CMD runs as root"},
		"busybox":      {Init: initBusyBox, Help: "BusyBox's init and shell; services are links /etc/init.d/S??*, as in Buildroot; CMD runs as root"},
		"s6":           {Init: initS6, Help: "s6-svscan is PID 1, its services are in /run/service; CMD runs as root"},
		"wine":         {Init: initReap, Wine: true, Help: "a fresh Wine prefix whose service control manager is up"},
	}
}

// config is everything the processes of one world know. It travels from the host to PID 1 and on as JSON.
type config struct {
	World   world
	Before  string        // shell script run as root before PID 1 becomes an init
	Binds   []string      // host directories, read-write: the only way to change the host
	Timeout time.Duration // of the command, after the world is up
	Verbose bool

	Dir  string   // working directory of the command
	Env  []string // its environment
	Args []string

	Shares  []string // directories the command needs wherever they are: work tree, Go, its caches
	Layer   string   // directory whose files lie over the host's, or ""
	GoCache string   // must be writable for user lab; "" without Go
}

// configEnv is the environment variable that carries a config to the next process. The command does not see it.
const configEnv = "APEXD_LAB_CONFIG"

// handDown returns the environment of the next process.
func (c config) handDown() ([]string, error) {
	encoded, err := json.Marshal(c)
	return append(slices.Clone(c.Env), configEnv+"="+string(encoded)), err
}

// handedDown is what handDown gave this process.
func handedDown() (config, error) {
	var c config
	err := json.Unmarshal([]byte(os.Getenv(configEnv)), &c)
	return c, err
}

// errHelp means that the usage was asked for and has been printed.
var errHelp = errors.New("help")

// parse reads the command line (without the program's name). Problems and help go to out.
func parse(args []string, out io.Writer) (config, error) {
	var c config
	fs := flag.NewFlagSet("lab", flag.ContinueOnError)
	fs.SetOutput(out)
	fs.Usage = func() { usage(fs) }
	user := fs.Bool("user", false, "run CMD as the ordinary user lab (uid 4711)")
	fs.DurationVar(&c.Timeout, "timeout", 10*time.Minute, "kill the world and exit 124 when CMD takes longer")
	fs.StringVar(&c.Before, "before", "", "shell `script` run as root before the init, as if on the disk it boots from")
	fs.BoolVar(&c.Verbose, "v", false, "say on stderr how long the world took to come up")
	fs.Func("bind", "host `directory` to bind read-write (repeatable); all else is copy-on-write", func(d string) error {
		c.Binds = append(c.Binds, d)
		return nil
	})
	fs.Func("env", "`KEY=value` added to CMD's environment (repeatable)", func(kv string) error {
		if k, _, ok := strings.Cut(kv, "="); !ok || k == "" {
			return errors.New("want KEY=value")
		}
		c.Env = append(c.Env, kv)
		return nil
	})
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return c, errHelp
		}
		return c, err
	}
	w, ok := worlds()[fs.Arg(0)]
	if !ok {
		return c, fmt.Errorf("unknown world %q, want one of %s", fs.Arg(0), strings.Join(slices.Sorted(maps.Keys(worlds())), " "))
	}
	w.User = w.User || *user
	c.World = w
	c.Args = fs.Args()[1:]
	if len(c.Args) > 0 && c.Args[0] == "--" {
		c.Args = c.Args[1:]
	}
	if len(c.Args) == 0 {
		return c, errors.New("no command: lab WORLD -- CMD [ARG...]")
	}
	return c, nil
}

func usage(fs *flag.FlagSet) {
	w := fs.Output()
	fmt.Fprint(w, "usage: lab [flags] WORLD [--] CMD [ARG...]\n\nworlds:\n")
	all := worlds()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(w, "  %-13s %s\n", name, all[name].Help)
	}
	fmt.Fprint(w, "\nflags:\n")
	fs.PrintDefaults()
}

// keptEnv reports whether the caller's variable reaches the command. The rest is the caller's session, which a test must not see:
// NOTIFY_SOCKET, XDG_RUNTIME_DIR, INVOCATION_ID, SUDO_USER …
func keptEnv(name string) bool {
	switch name {
	case "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TZ", "TMPDIR", "LANG", "CC", "CXX":
		return true
	}
	return strings.HasPrefix(name, "LC_") || strings.HasPrefix(name, "GO") || strings.HasPrefix(name, "CGO_") || strings.HasPrefix(name, "APEXD_") && name != configEnv
}

// inherited is what the command gets of the caller's environment.
func inherited(caller []string) []string {
	return slices.DeleteFunc(slices.Clone(caller), func(kv string) bool { return !keptEnv(variable(kv)) })
}

// merge joins environments; of a variable in several the last one wins.
func merge(envs ...[]string) []string {
	all := slices.Concat(envs...)
	last := map[string]int{}
	for i, kv := range all {
		last[variable(kv)] = i
	}
	var out []string
	for i, kv := range all {
		if last[variable(kv)] == i {
			out = append(out, kv)
		}
	}
	return out
}

// variable is the name in a KEY=value pair.
func variable(kv string) string {
	name, _, _ := strings.Cut(kv, "=")
	return name
}
