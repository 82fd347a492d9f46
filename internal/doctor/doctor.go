// Package doctor knows what bites later: a manager that ends with the session, a program that the next upgrade moves away, a file system on which a lock does not
// hold. Facts are gathered by the caller; Examine makes findings of them, and looks at nothing itself.
package doctor

import (
	"cmp"
	"fmt"

	"github.com/joshuaaferguson/apexd/internal/shellword"
	"github.com/joshuaaferguson/apexd/service"
)

// Severity says how much a finding matters.
type Severity string

// The severities. Note is worth knowing, Warning will go wrong one day, Problem is wrong now.
const (
	Note    Severity = "note"
	Warning Severity = "warning"
	Problem Severity = "problem"
)

// Finding is one thing that was found. The JSON form is stable, IDs included.
type Finding struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	Message  string   `json:"message"`       // what is so
	Reason   string   `json:"reason"`        // what comes of it
	Fix      string   `json:"fix,omitempty"` // the command that mends it, as one would type it; "" where a person must decide
	Safe     bool     `json:"safe"`          // --fix does it: it loses nothing, and can be taken back
}

// Facts is what is known of this machine and of one daemon. A zero value says of its field that nothing speaks against it.
type Facts struct {
	// Who would keep the daemon, see backends.Choice.
	Backend      service.Kind
	Scope        service.Scope
	Reason, Hint string

	UserManager bool   // this user's own systemd runs
	Linger      bool   // and from boot on
	Container   string // "docker", …, or ""
	WSL         bool   // the Windows Subsystem for Linux
	User        string // the caller's name
	Version     string // of this program

	Program  string // path of this program, by which a manager would run it
	Fleeting string // why that path will not last (install.ProgramWarning)
	Replace  string // why somebody else could replace the program that root runs

	Disk    Disk  // where the project is
	Locked  error // why this user cannot write where record, lock and log are to be, or nil
	LogRoom int64 // bytes that the log may grow to, rotated files included

	ConfigErr error
	Warnings  []string // of the configuration
	Status    service.Status

	Definition string // where the registration is written, "" where there is none
	Runs       string // the program that it runs; "" where it cannot be told
	RunsGone   bool   // and that is not there
	Foreign    bool   // apexd has not made it for this daemon
	Drift      string // how what would be written today differs, a diff
	Refused    string // why "apexd install" would not write it anew
	DriftFix   string // what writes it anew; "" is "apexd install", which --fix does
	Orphans    []service.Orphan
	Job        Job   // that launchd has of it
	ManagerErr error // why the manager cannot be asked
}

// Job is what is known of a registration with launchd.
type Job struct {
	Session     string // that a launch agent is for: "Aqua" at the screen, "Background"; "" of anything else
	NoScreen    bool   // and its user is not logged in at the screen
	SwitchedOff bool   // somebody has switched it off under Login Items
}

// Disk is a file system.
type Disk struct {
	Type     string // as mount(8) calls it: "ext4", "nfs"; "" where it is not known
	Network  bool   // other machines, or another kernel, use it too
	ReadOnly bool
	Memory   bool   // it is empty after a boot
	Free     uint64 // bytes for this user
	Known    bool   // the fields above are
}

// Examine returns what follows from f, the worst first, and otherwise in a fixed order.
func Examine(f Facts) []Finding {
	var all []Finding
	for _, rule := range []func(Facts) []Finding{configuration, state, registration, manager, launchd, program, disk, surroundings} {
		all = append(all, rule(f)...)
	}
	var sorted []Finding
	for _, s := range []Severity{Problem, Warning, Note} {
		for _, x := range all {
			if x.Severity == s {
				sorted = append(sorted, x)
			}
		}
	}
	return sorted
}

// Healthy reports whether nothing of all needs to be mended.
func Healthy(all []Finding) bool {
	for _, f := range all {
		if f.Severity != Note {
			return false
		}
	}
	return true
}

func configuration(f Facts) []Finding {
	var all []Finding
	if f.ConfigErr != nil {
		all = append(all, Finding{ID: "config-invalid", Severity: Problem, Message: f.ConfigErr.Error(), Reason: "the daemon cannot be started or restarted with it", Fix: "apexd config"})
	}
	for _, w := range f.Warnings {
		all = append(all, Finding{ID: "config", Severity: Warning, Message: w, Reason: "the daemon runs all the same"})
	}
	return all
}

func state(f Facts) []Finding {
	var all []Finding
	s := f.Status
	switch s.State {
	case service.StateFailed:
		all = append(all, Finding{ID: "failed", Severity: Problem, Message: "the daemon has failed" + because(s.StatusText), Reason: "it will not be tried again by itself", Fix: "apexd logs -n 20"})
	case service.StateUnknown:
		all = append(all, Finding{ID: "unknown", Severity: Problem, Message: "it cannot be told whether the daemon runs" + because(s.StatusText), Reason: "nothing is signalled or started while that is so"})
	}
	for _, w := range s.Warnings {
		all = append(all, Finding{ID: "status", Severity: Warning, Message: w, Reason: "it is so now; apexd status shows it too"})
	}
	if s.Running && s.Version != nil && f.Version != "" && *s.Version != f.Version {
		all = append(all, Finding{
			ID: "version", Severity: Warning, Message: fmt.Sprintf("the daemon that runs is apexd %s, and this is %s", *s.Version, f.Version),
			Reason: "what was mended since does not help it before it is started again", Fix: "apexd restart",
		})
	}
	return all
}

func because(text *string) string {
	if text == nil || *text == "" {
		return ""
	}
	return ": " + *text
}

func registration(f Facts) []Finding {
	var all []Finding
	if f.Definition != "" {
		all = append(all, registered(f)...)
	}
	for _, o := range f.Orphans {
		all = append(all, Finding{
			ID: "orphan", Severity: Warning, Message: fmt.Sprintf("%s is the registration of %s, which is gone", o.Definition, o.Project),
			Reason: "the manager starts it at every boot, and it fails", Fix: fmt.Sprintf("apexd uninstall --project %s --name %s", shellword.Show(o.Project), shellword.Show(o.Name)),
		})
	}
	return all
}

func registered(f Facts) []Finding {
	var all []Finding
	switch {
	case f.Foreign:
		return append(all, Finding{
			ID: "foreign", Severity: Problem, Message: f.Definition + " has the name of this daemon's registration, and apexd has not made it for this daemon",
			Reason: "apexd install and uninstall leave it alone, and so the daemon cannot be registered", Fix: "look at it, and remove it if it is not wanted",
		})
	case f.RunsGone:
		all = append(all, Finding{
			ID: "program-gone", Severity: Problem, Message: fmt.Sprintf("%s runs %q, which is not there", f.Definition, f.Runs), Reason: "the daemon cannot be started by its manager", Fix: "apexd install", Safe: true,
		})
	case f.Refused != "":
		all = append(all, Finding{
			ID: "refused", Severity: Warning, Message: f.Definition + " could not be written today: " + f.Refused, Reason: "the daemon is kept as it is, until somebody wants to change its registration",
		})
	case f.Drift != "" && !(wrongSession(f) && sessionOnly(f.Drift)):
		all = append(all, Finding{
			ID: "drift", Severity: Warning, Message: f.Definition + " is not what would be written today:\n" + f.Drift, Reason: "the configuration, apexd or the file was changed since",
			Fix: cmp.Or(f.DriftFix, "apexd install"), Safe: f.DriftFix == "",
		})
	}
	if e := f.Status.Enabled; e != nil && !*e {
		all = append(all, Finding{ID: "not-enabled", Severity: Note, Message: "the daemon is registered, and does not start at boot", Reason: "somebody has disabled it", Fix: "apexd enable"})
	}
	return all
}

// manager is about who would keep the daemon.
func manager(f Facts) []Finding {
	if f.Backend != service.KindSystemd || f.Scope != service.ScopeUser {
		return unreachable(f)
	}
	switch {
	case !f.UserManager:
		return []Finding{{
			ID: "user-manager", Severity: Warning, Message: "your own systemd does not run", Reason: "sudo and su are no login, and start none: apexd install cannot register the daemon with it",
			Fix: "sudo loginctl enable-linger " + f.User,
		}}
	case !f.Linger:
		return []Finding{{
			ID: "linger", Severity: Warning, Message: "your own systemd ends when you log out", Reason: "a daemon registered with it ends too, and starts at your next login and not at boot",
			Fix: "loginctl enable-linger " + f.User, Safe: true,
		}}
	}
	return unreachable(f)
}

func unreachable(f Facts) []Finding {
	if f.ManagerErr == nil {
		return nil
	}
	return []Finding{{ID: "manager", Severity: Problem, Message: "the service manager cannot be asked: " + f.ManagerErr.Error(), Reason: "apexd install, enable and uninstall cannot work"}}
}

func program(f Facts) []Finding {
	var all []Finding
	if f.Fleeting != "" && (f.Backend != service.KindDirect || f.Definition != "") { // without a manager nobody looks for it later
		all = append(all, Finding{
			ID: "program-fleeting", Severity: Warning, Message: f.Fleeting, Reason: "after an upgrade or a boot the manager does not find it any more", Fix: "sudo install " + shellword.Show(f.Program) + " /usr/local/bin/apexd",
		})
	}
	if f.Replace != "" {
		all = append(all, Finding{ID: "program-writable", Severity: Problem, Message: f.Replace, Reason: "whoever replaces what root runs is root", Fix: "sudo chown root " + shellword.Show(f.Program) + " && sudo chmod go-w " + shellword.Show(f.Program)})
	}
	return all
}

func disk(f Facts) []Finding {
	d := f.Disk
	var all []Finding
	if f.Locked != nil && !d.ReadOnly {
		all = append(all, Finding{
			ID: "not-writable", Severity: Problem, Message: "this user cannot write there: " + f.Locked.Error(), Reason: "there is no place for the record, the lock and the log: the daemon cannot be started by this user",
			Fix: "apexd start --pid-file FILE --log-file FILE",
		})
	}
	if !d.Known {
		return all
	}
	if d.ReadOnly {
		all = append(all, Finding{ID: "read-only", Severity: Problem, Message: "the project is on a file system that is read-only", Reason: "there is no place for the record, the lock and the log", Fix: "apexd start --pid-file FILE --log-file FILE"})
	}
	if d.Network {
		all = append(all, Finding{
			ID: "network", Severity: Warning, Message: fmt.Sprintf("the project is on a network file system (%s)", d.Type),
			Reason: "a lock there may not reach other machines: they could run the same daemon a second time", Fix: "apexd start --pid-file /run/user/UID/NAME.pid",
		})
	}
	if d.Memory {
		all = append(all, Finding{ID: "memory", Severity: Note, Message: fmt.Sprintf("the project is in memory (%s)", d.Type), Reason: "it is gone after a boot, and its log and history with it"})
	}
	if !d.ReadOnly && f.LogRoom > 0 && d.Free < uint64(f.LogRoom) {
		all = append(all, Finding{
			ID: "disk-room", Severity: Warning, Message: fmt.Sprintf("the log may grow to %s, and %s are free", size(uint64(f.LogRoom)), size(d.Free)),
			Reason: "on a full disk lines are lost (and counted)", Fix: "make daemon.log.maxSize or maxFiles smaller in .apex/config.yaml",
		})
	}
	return all
}

func surroundings(f Facts) []Finding {
	var all []Finding
	if f.Backend == service.KindDirect && f.Hint != "" {
		all = append(all, Finding{ID: "no-manager", Severity: Note, Message: f.Reason, Reason: "apexd start keeps the daemon until the machine is restarted; " + f.Hint})
	}
	if f.WSL {
		all = append(all, Finding{
			ID: "wsl", Severity: Note, Message: "this is the Windows Subsystem for Linux", // https://learn.microsoft.com/windows/wsl/systemd
			Reason: "Windows ends it when no terminal or program of it is left, whatever services run, and does not start it at boot",
		})
	}
	if f.Container != "" {
		all = append(all, Finding{ID: "container", Severity: Note, Message: "this is a container (" + f.Container + ")", Reason: "a daemon started in the background ends with it; apexd run is meant for its PID 1"})
	}
	return all
}

// size is n bytes for people.
func size(n uint64) string {
	for _, u := range []struct {
		name string
		of   uint64
	}{{"GB", 1 << 30}, {"MB", 1 << 20}, {"kB", 1 << 10}} {
		if n >= u.of {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.of), u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
