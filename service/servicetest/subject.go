package servicetest

import (
	"context"
	"time"

	"github.com/joshuaaferguson/apexd/service"
)

// T is what a driver needs of a running case. *testing.T has it too.
type T interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Cleanup(f func())
	Context() context.Context
}

// Driver is one way of keeping a daemon.
type Driver interface {
	// Name heads the column of the matrix.
	Name() string
	// New makes a subject in a fresh project whose directory is called base. What it makes it removes in t.Cleanup, where it also ends what still runs
	// and reports, by t.Errorf, what cannot be ended or is left behind.
	New(t T, base string) Subject
	// Missing says why a is missing. The zero Absence means that it is there.
	Missing(a Ability) Absence
}

// Slow is a Driver on a system where processes take much longer to start and to end than on those that the bounds of the cases were made for.
type Slow interface {
	// Slowness multiplies every bound: 1 changes nothing.
	Slowness() int
}

// Absence is why a driver lacks an ability.
type Absence struct {
	Reason  string // "" is no absence
	Machine bool   // only this machine is in the way: no root, no Wine
}

// Subject is one project's daemon, operated as a user or a program would. Its methods are safe for concurrent use and return when ctx is done.
type Subject interface {
	// Project is the real path of the project.
	Project() string
	// Configure makes w the configured workload, for the next start or reload.
	Configure(t T, w Workload)
	// Start returns when the daemon is ready or has failed.
	Start(ctx context.Context) Outcome
	// Stop returns when it is gone.
	Stop(ctx context.Context, o service.StopOptions) Outcome
	Reload(ctx context.Context) Outcome
	// Status observes. The status is zero when the outcome has an error.
	Status(ctx context.Context) (service.Status, Outcome)
	// Await returns the first status that satisfies ok. It waits for changes, not for time.
	Await(ctx context.Context, ok func(service.Status) bool) (service.Status, error)
	// Logs is everything in the log.
	Logs(ctx context.Context) (string, Outcome)
	// History is every event, oldest first.
	History(ctx context.Context) ([]Event, Outcome)
	// Process looks for a process where the daemon's PIDs are valid.
	Process(pid int) Existence
}

// Outcome is what a verb left its caller with.
type Outcome struct {
	Exit int            // exit status of the command; NoExit from a library
	Err  *service.Error // nil on success, and where the caller gets no more than an exit status
	PID  int            // in a start's or stop's answer
	Text string         // what it printed, for the message of a failed case
}

// NoExit is the Outcome.Exit of a driver that calls a library and not a command.
const NoExit = -1

// Event is one line of the history, as far as cases look.
type Event struct {
	At          time.Time     `json:"at"`
	Event       string        `json:"event"`
	PID         int           `json:"pid"`
	WorkloadPID int           `json:"workloadPid"`
	By          string        `json:"by"`
	Reason      string        `json:"reason"`
	Exit        *service.Exit `json:"exit"`
}

// Existence is whether a process is there.
type Existence string

// The ways to be there. A zombie has ended and its parent has not looked yet.
const (
	Gone   Existence = "gone"
	Zombie Existence = "a zombie"
	Alive  Existence = "alive"
)

// Workload says what the daemon runs and how it is kept. Zero values are left to the configuration's defaults.
type Workload struct {
	Script  Script            // what the test program does
	Args    []string          // further arguments for it, which it only reports
	Command []string          // run in place of the test program
	Env     map[string]string // added to its environment
	Raw     string            // in place of everything else: the text of the configuration file

	StopTimeout  time.Duration
	ReloadSignal string
	Watchdog     time.Duration
	Readiness    service.Readiness // Pattern as in the Spec; zero is ReadyStarted
	Restart      service.RestartPolicy
}

// Ability is something beyond Subject that a case needs.
type Ability string

// The abilities. Those with an interface beside them are methods of the Subject; the others are facts about the driver.
const (
	CanRun          Ability = "run"             // a daemon at all
	CanRestart      Ability = "restart"         // Restarter
	CanCrash        Ability = "crash"           // Crasher
	CanSuspend      Ability = "suspend"         // Suspender
	CanForeground   Ability = "foreground"      // Foreground
	CanCommandLine  Ability = "command line"    // CommandLine
	CanBystander    Ability = "bystander"       // Bystanders
	CanOwnPID       Ability = "own PID"         // OwnPID
	CanOtherUser    Ability = "other user"      // OtherUser
	CanReadOnly     Ability = "read-only"       // ReadOnly
	CanCopy         Ability = "copy"            // Copier
	CanNative       Ability = "native tools"    // Native
	CanInstall      Ability = "install"         // Installer
	HasStartWait    Ability = "start waits"     // Start answers with an error when the workload fails; else it ends as the workload does
	HasManyStarts   Ability = "many starts"     // Start may be called many times at once
	HasRequest      Ability = "request"         // a stop asks the workload first, which the test program reports as SIGTERM
	HasSignals      Ability = "signals"         // a workload can be sent signals and be ended by them
	HasTree         Ability = "process tree"    // a workload has processes of its own
	HasRestarts     Ability = "own restarts"    // the daemon restarts its workload itself; else it ends with it, and its manager starts it again
	HasRecovery     Ability = "recovery"        // a workload that fails is started again, by the daemon or by its manager
	HasRevival      Ability = "revival"         // a daemon whose process is killed is started again by its manager
	HasManagerSight Ability = "manager's sight" // the manager, if there is one, sees when the daemon's process is gone
	HasFiles        Ability = "files"           // the record and its lock are where CONTRACT.md section 2 says
	HasOpenDelete   Ability = "open delete"     // files that a process has open can be deleted
	HasHeal         Ability = "heal"            // the daemon makes its files again when somebody deletes them
	HasConfigFile   Ability = "configuration"   // .apex/config.yaml is read
	HasNotify       Ability = "sd_notify"       // the workload may speak sd_notify(3)
	HasProbes       Ability = "probes"          // readiness by HTTP, TCP and log
	HasExecutable   Ability = "mode bits"       // a file may be there and not executable
)

// Restarter restarts.
type Restarter interface {
	Restart(ctx context.Context) Outcome
}

// Crasher ends the daemon process, and nothing else, as SIGKILL or the OOM killer does. It returns when the process is gone.
type Crasher interface {
	Crash(ctx context.Context) error
}

// Suspender suspends the daemon process, as SIGSTOP does.
type Suspender interface {
	Suspend(ctx context.Context) error
}

// Foreground runs a further daemon process of the same project in the foreground, as a user, a container or a manager would.
type Foreground interface {
	// Run returns at once.
	Run(ctx context.Context) ForegroundRun
}

// ForegroundRun is one daemon in the foreground.
type ForegroundRun interface {
	// Ready returns nil when it is ready and an error when it has ended before.
	Ready(ctx context.Context) error
	// Interrupt sends what Ctrl-C sends.
	Interrupt() error
	// Wait returns when the process has ended.
	Wait(ctx context.Context) Outcome
}

// CommandLine starts the daemon with a command on the command line in place of the configured one.
type CommandLine interface {
	// StartScript starts the test program with s and args, byte for byte.
	StartScript(ctx context.Context, s Script, args []string) Outcome
}

// Bystanders starts processes that are not the daemon's, where the daemon's PIDs are valid.
type Bystanders interface {
	// Bystander starts the test program with s, which ends with the case at the latest.
	Bystander(t T, s Script)
}

// OwnPID runs a verb in a process whose own PID is in the record.
type OwnPID interface {
	// WithOwnPID writes record, with every "@PID@" in it replaced, and runs verb (status, stop, kill) in that same process.
	WithOwnPID(ctx context.Context, verb, record string) Outcome
}

// OtherUser returns the same subject, operated by an unprivileged user who owns none of it.
type OtherUser interface {
	AsOther(t T) Subject
}

// ReadOnly returns the same subject, operated where its project is on a read-only file system.
type ReadOnly interface {
	OnReadOnly(t T) Subject
}

// Copier copies the project with everything in it (cp -r) and returns the copy's subject.
type Copier interface {
	Copy(t T, base string) Subject
}

// Native uses the manager's own tools: systemctl stop, sc stop, docker stop.
type Native interface {
	NativeStop(ctx context.Context) error
}

// Disturbed is a subject whose manager's counts and limits are disturbed by what other cases do.
type Disturbed interface {
	// Undisturbed keeps other cases from that until done is called.
	Undisturbed(t T) (done func())
}

// Fixed is a subject that is registered by its driver: no verb of apexd's takes that back.
type Fixed interface{ Fixed() }

// Installer registers the daemon with its manager.
type Installer interface {
	Install(ctx context.Context) Outcome
	Uninstall(ctx context.Context) Outcome
	// Damage removes a part of what Install made, as a user who tidies up by hand.
	Damage(t T)
	// Installed lists what there is of a registration: files, units, keys.
	Installed(t T) []string
}
