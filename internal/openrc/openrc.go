// Package openrc reads what OpenRC knows of a service, from the files that its librc keeps, and calls its commands. Reading starts no process and needs no right.
package openrc

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/joshuaaferguson/apexd/internal/proc"
)

// Tree is where OpenRC keeps its files.
type Tree struct {
	State  string // RC_SVCDIR: what is started, with its values
	Levels string // a directory for each runlevel, with links to what belongs to it
	Init   string // the services' scripts
	Conf   string // an administrator's settings for them
	Run    string // the supervisors' PID files
}

// System is that of a running machine (openrc(8)).
func System() Tree {
	return Tree{State: "/run/openrc", Levels: "/etc/runlevels", Init: "/etc/init.d", Conf: "/etc/conf.d", Run: "/run"}
}

// IsBooted reports whether OpenRC has booted this machine, as openrc-run itself asks.
func IsBooted() bool {
	_, err := os.Stat(filepath.Join(System().State, "softlevel"))
	return err == nil
}

// Script is the path of the script of the service called name.
func (t Tree) Script(name string) string { return path.Join(t.Init, name) }

// PIDFile is where the supervisor of name writes its own PID: supervise-daemon(8)'s default.
func (t Tree) PIDFile(name string) string { return path.Join(t.Run, "supervise-"+name+".pid") }

// The words of `rc-service NAME status` for a supervised service.
const (
	Started      = "started"
	Stopped      = "stopped"
	Starting     = "starting"
	Stopping     = "stopping"
	Inactive     = "inactive"
	Crashed      = "crashed"      // started, and its supervisor is gone
	Unsupervised = "unsupervised" // the same, and what it supervised may live
)

// Service is what OpenRC knows of one service.
type Service struct {
	Word       string
	Failed     bool     // its supervisor gave up, or it could not be started
	Supervisor int      // PID, 0 where none is alive
	Child      int      // PID of what is supervised, 0 where none is known
	ChildAlive bool     // a process with that PID lives
	Never      bool     // its script says that nothing is to be started again (install.RenderOpenRC)
	Respawns   int      // since the service was started, or since the last quiet period
	Levels     []string // the runlevels that start it
}

// Look says what OpenRC knows of the service called name. What cannot be read is not there.
func (t Tree) Look(name string) Service {
	s := Service{Word: Stopped, Failed: t.is("failed", name), Levels: t.levels(name)}
	if pid := t.value(name, "child_pid"); pid > 0 {
		s.Child, s.ChildAlive = pid, alive(pid) != ""
	}
	s.Respawns = t.value(name, "start_count")
	s.Never = t.value(name, "respawn_max") == 1 && t.value(name, "respawn_period") == 0
	if pid := number(t.PIDFile(name)); pid > 0 && isSupervisor(alive(pid)) {
		s.Supervisor = pid
	}
	switch { // in the order of supervise_status()
	case t.is("stopping", name):
		s.Word = Stopping
	case t.is("starting", name):
		s.Word = Starting
	case t.is("inactive", name):
		s.Word = Inactive
	case !t.is("started", name):
	case s.Supervisor != 0:
		s.Word = Started
	case s.Child != 0:
		s.Word = Unsupervised
	default:
		s.Word = Crashed
	}
	return s
}

// Respawned tells a process that the supervisor of name runs whether it was started again. The
// supervisor counts anew after such a period, so that its age is looked at too: with the service it is as old as its child.
func (t Tree) Respawned(name string) bool {
	if t.value(name, "start_count") > 0 {
		return true
	}
	self, err := proc.Self()
	if err != nil {
		return false
	}
	parent, err := proc.Inspect(self.PPID)
	return err == nil && isSupervisor(parent.Name) && parent.Age-self.Age >= time.Second
}

const supervisorName = "supervise-daemon"

// isSupervisor reports whether a process of this name is one: a PID file may be older than the process with its PID. Linux has the first 15 bytes of a name (proc(5)).
func isSupervisor(process string) bool {
	return len(process) >= 15 && strings.HasPrefix(supervisorName, process)
}

// value is a number that supervise-daemon(8) keeps for a service.
func (t Tree) value(name, key string) int {
	return number(filepath.Join(t.State, "options", name, key))
}

// alive is the name of the process with this PID, "" where there is none.
func alive(pid int) string {
	p, err := proc.Inspect(pid)
	if err != nil || p.Zombie {
		return ""
	}
	return p.Name
}

func (t Tree) is(state, name string) bool {
	_, err := os.Lstat(filepath.Join(t.State, state, name))
	return err == nil
}

func (t Tree) levels(name string) []string {
	var out []string
	for _, path := range t.Links(name) {
		out = append(out, filepath.Base(filepath.Dir(path)))
	}
	return out
}

// Links are the links by which runlevels start the service called name.
func (t Tree) Links(name string) []string { return t.find(t.Levels, "*", name) }

// Left is what OpenRC keeps of the service called name while it runs, and may keep of one that is gone.
func (t Tree) Left(name string) []string {
	found := t.find(t.State, "*", name)
	for _, path := range []string{t.PIDFile(name), filepath.Join(t.State, "supervise-"+name+".ctl")} {
		if _, err := os.Lstat(path); err == nil {
			found = append(found, path)
		}
	}
	return found
}

// Settings are the administrator's files for the service called name: /etc/conf.d/NAME, and NAME.RUNLEVEL (openrc-run(8)).
func (t Tree) Settings(name string) []string {
	return slices.Concat(t.find(t.Conf, name), t.find(t.Conf, name+".*"))
}

// find lists what matches. Names of services have no character that means something in a pattern (service.RegistrationName).
func (t Tree) find(pattern ...string) []string {
	found, _ := filepath.Glob(filepath.Join(pattern...)) // the pattern is well formed
	return found
}

// number is the number in a small file, 0 where there is none.
func number(path string) int {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || n < 0 {
		return 0
	}
	return n
}
