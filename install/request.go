package install

import (
	"context"

	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// Hardening says how much of the machine the manager keeps from the daemon.
type Hardening string

// The levels; docs/systemd.md says what each one takes away.
const (
	HardeningOff      Hardening = "off"
	HardeningBaseline Hardening = "baseline" // what costs a development tool nothing that it needs
	HardeningStrict   Hardening = "strict"   // at most 2.0 in systemd-analyze security, as a system unit that does not run as root
)

// Request says what to register. It is a value: planning does not change it.
type Request struct {
	Spec    service.Spec
	Ref     pidfile.Ref // where the record is: a daemon that runs already is seen there
	PIDFile string      // as --pid-file; "" is the place in .apex
	LogFile string      // as --log-file; "" is the place in .apex
	Exec    string      // absolute path of the apexd that the manager will run
	Version string      // of apexd, for the head of the unit

	Programs []string // what the workload executes, where that is known

	Configured []string // keys that the configuration itself sets, such as "restart.jitter": what a manager cannot say of them is warned of

	User      string   // whom a ScopeSystem daemon runs as; "" for ScopeUser, and on Windows for an account of the service's own
	Path      string   // PATH of the daemon and its workload
	Env       []string // further KEY=value pairs for the daemon; nothing secret, anybody can read a unit
	Hardening Hardening

	Service ServiceOptions // of a Windows service

	Linger bool // ScopeUser: have the user's manager run from boot on, without a login
	Now    bool // start it when it is registered, and wait until it is ready

	// Takeover ends a daemon that runs outside of the manager; nil refuses when there is one.
	Takeover *Hook
	// Start starts the registered daemon and returns when it is ready; nil asks the manager alone.
	Start func(context.Context) error
}

// Hook is something that a plan has its caller do.
type Hook struct {
	Do   func(context.Context) error
	Undo func(context.Context) error // after Do, when a later step failed
}

// name is what managers call the daemon of r.
func (r Request) name() string { return service.RegistrationName(r.Spec.Project, r.Spec.Name) }

// registration is how the manager k will know the daemon of r.
func (r Request) registration(k service.Kind, s service.Scope) service.Registration {
	return service.NewRegistration(k, s, r.Spec.Project, r.Spec.Name)
}

// argv is the command line of the daemon under a manager. That it was started by one is said by an argument, and not guessed from parents, terminals or
// files.
func (r Request) argv(reg service.Registration) []string {
	args := []string{
		r.Exec, "run", "--keeper", string(reg.Backend), "--scope", string(reg.Scope), "--service", reg.Service,
		"--project", r.Spec.Project, "--name", r.Spec.Name,
	}
	if r.PIDFile != "" {
		args = append(args, "--pid-file", r.PIDFile)
	}
	if r.LogFile != "" {
		args = append(args, "--log-file", r.LogFile)
	}
	return args
}
