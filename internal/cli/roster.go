package cli

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/install"
	"github.com/joshuaaferguson/apexd/internal/config"
	"github.com/joshuaaferguson/apexd/internal/homes"
	"github.com/joshuaaferguson/apexd/internal/proc"
	"github.com/joshuaaferguson/apexd/internal/project"
	"github.com/joshuaaferguson/apexd/internal/shellword"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// roster is where to look for daemons: in the indexes of users, and in what managers have of ours.
type roster struct {
	places   []place
	people   []install.Person // whose own managers are looked at
	allUsers bool
	missed   []unread // what could not be found out before
}

// place is a state directory and whose it is.
type place struct {
	user, dir string
	own       bool // the caller's, in which what is gone is forgotten
}

// known is a daemon of which nothing is known yet but its name.
type known struct {
	user string
	ref  pidfile.Ref
	name string
	own  bool
}

// newRoster is that of this user, whose state directory the environment may have moved, or of all, whose are taken to be where they are by default.
func newRoster(allUsers bool) roster {
	home := backends.HomeDir()
	r := roster{allUsers: allUsers}
	self := ""
	if allUsers {
		self = callerName()
		r.others(home)
	}
	r.places = append(r.places, place{self, project.StateDir(runtime.GOOS, os.Getenv, home), true})
	if dir, err := os.UserConfigDir(); err == nil {
		r.people = append(r.people, install.Person{User: self, Home: home, Config: dir})
	}
	return r
}

// others adds the homes of everybody but the caller, whose home is own.
func (r *roster) others(own string) {
	all, err := homes.All(runtime.GOOS, own)
	if err != nil {
		r.missed = append(r.missed, unread{Error: err.Error()})
	}
	for _, h := range all {
		if h.Dir != own {
			r.places = append(r.places, place{h.User, stateOf(h.Dir), false})
			r.people = append(r.people, install.Person{User: h.User, Home: h.Dir, Config: filepath.Join(h.Dir, ".config")})
		}
	}
}

// stateOf is the state directory of the user who lives in home.
func stateOf(home string) string {
	return project.StateDir(runtime.GOOS, func(string) string { return "" }, home)
}

func callerName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// known are all daemons of r, and what could not be read.
func (r roster) known() ([]known, []unread) {
	var found []known
	missed := slices.Clone(r.missed)
	names := map[string]bool{}
	for _, p := range r.places {
		entries, err := pidfile.Entries(p.dir)
		if err != nil {
			missed = append(missed, unread{p.user, p.dir, err.Error()})
		}
		for _, e := range entries {
			names[service.RegistrationName(e.Project, e.Name)] = true
			found = append(found, known{p.user, pidfile.Ref{Path: e.PIDFile, Project: e.Project, StateDir: p.dir, Name: e.Name}, e.Name, p.own})
		}
	}
	return append(found, r.registered(names)...), missed
}

// registered are the daemons that managers know, and none of names: those that have never run, or whose index is gone.
func (r roster) registered(names map[string]bool) []known {
	var found []known
	self := ""
	for _, k := range install.Registered(r.people, func(name string) bool { return names[name] }) {
		if self == "" {
			self = callerName()
		}
		mine := k.Scope == service.ScopeUser || k.User == self || k.User == "" && os.Geteuid() <= 0 || runtime.GOOS == "windows"
		if !mine && !r.allUsers {
			continue
		}
		ref := pidfile.Ref{Project: k.Project, Path: k.PIDFile, StateDir: stateDirOf(cmp.Or(k.User, self), self), Name: k.Name}
		if ref.Path == "" {
			none := func(string) (string, bool) { return "", false }
			ref.Path, _, _ = config.Locate(config.Input{Project: k.Project, Name: k.Name, Env: none}) // it always answers
		}
		found = append(found, known{cmp.Or(k.User, self), ref, k.Name, false})
	}
	return found
}

// stateDirOf is the state directory of the user called name, "" where it is not known. self is the caller's name.
func stateDirOf(name, self string) string {
	if name == self {
		return project.StateDir(runtime.GOOS, os.Getenv, backends.HomeDir())
	}
	u, err := user.Lookup(name)
	if err != nil {
		return ""
	}
	return stateOf(u.HomeDir)
}

// lookers is how many daemons are looked at at once: most of it are system calls, and the questions to a manager are waits.
const lookers = 16

// look is how the daemons of r are, in the order of their users, projects and names: those that run or have failed, with stopped the others too. With usage it is told what
// they use. One that is stopped and whose project is gone is not there any more, and is forgotten.
func (r roster) look(ctx context.Context, stopped, usage bool) ([]userDaemon, []unread) {
	all, missed := r.known()
	seen := make([]userDaemon, len(all))
	concurrently(len(all), lookers, func(i int) {
		k := all[i]
		seen[i] = userDaemon{User: k.user, Status: backends.Status(ctx, k.ref, k.name)}
	})
	found := []userDaemon{}
	for i, d := range seen {
		there := true
		if d.Running && isMissing(d.Project) {
			d.Warnings = append(d.Warnings, outlived(d.Status))
		}
		if d.State == service.StateStopped {
			there = dirExists(all[i].ref.Project)
			if !there && all[i].own {
				all[i].ref.Forget()
			}
			there = there && stopped
		}
		if there {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(x, y userDaemon) int {
		return cmp.Or(cmp.Compare(x.User, y.User), cmp.Compare(x.Project, y.Project), cmp.Compare(x.Name, y.Name), stoppedLast(x, y))
	})
	found = slices.CompactFunc(found, func(x, y userDaemon) bool { // one with the path of its PID file of before is the same daemon, unless both do something
		return x.User == y.User && x.Project == y.Project && x.Name == y.Name && (x.State == service.StateStopped || y.State == service.StateStopped)
	})
	if usage {
		measure(found)
	}
	return found, missed
}

// stoppedLast compares two with one name.
func stoppedLast(x, y userDaemon) int {
	switch xs, ys := x.State == service.StateStopped, y.State == service.StateStopped; {
	case xs == ys:
		return 0
	case xs:
		return 1
	}
	return -1
}

// measure says what those of found that run use. Where the system does not tell, nothing is said.
func measure(found []userDaemon) {
	trees := make([][]int, len(found))
	for i, d := range found {
		if d.PID != nil {
			trees[i] = append(trees[i], *d.PID)
			if d.Workload != nil && d.Workload.PID != 0 {
				trees[i] = append(trees[i], d.Workload.PID)
			}
		}
	}
	all, err := proc.Usages(trees)
	if err != nil {
		return
	}
	for i, u := range all {
		if u.Processes > 0 {
			found[i].use(u)
		}
	}
}

// concurrently calls fn with each of 0 to n-1, at most limit of them at once, and returns when all have returned.
func concurrently(n, limit int, fn func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, limit) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				fn(i)
			}
		})
	}
	wg.Wait()
}

// outlived is what to know of s, which has outlived its project directory.
func outlived(s service.Status) string {
	which := " --project " + shellword.Show(s.Project)
	if s.Name != service.DefaultName {
		which += " --name " + shellword.Show(s.Name)
	}
	return "the project directory " + s.Project + ` is gone: "apexd stop` + which + `" ends the daemon`
}

func isMissing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

func dirExists(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}
