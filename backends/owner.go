package backends

import (
	"context"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/internal/systemd"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// Owner is the backend that a verb for d's daemon goes to, f being what Ref.Look has just found: whoever keeps the running daemon, or, when none runs, the
// manager that it is registered with, or d itself. It opens nothing and asks no manager.
func Owner(d *Direct, f pidfile.Finding) service.Backend {
	s, ok := Registered(d, f)
	if !ok || f.Running && !keeps(s, f) {
		return d
	}
	return s
}

// keeps reports whether the daemon of f says that s keeps it. One whose record cannot be read says nothing, and then the registration is believed.
func keeps(s Managed, f pidfile.Finding) bool {
	return f.Record == nil || f.Record.Backend == string(s.Kind()) && f.Record.Service == s.Registered().Service
}

// Managed is a Backend that is a manager's.
type Managed interface {
	service.Backend
	// Registered is how the manager knows the daemon.
	Registered() service.Registration
	// Definition is where that is written, a file or a registry key; "" where there is none.
	Definition() string
}

// Registered implements Managed.
func (s *Systemd) Registered() service.Registration { return s.Registration }

// Definition implements Managed.
func (s *Systemd) Definition() string { return s.Fragment }

// Registered is the manager's view of d's daemon, if one knows it: by the record of a daemon that runs, by a unit file or a registry key otherwise. It opens nothing and asks
// no manager, and so tells the same where the manager cannot be asked.
func Registered(d *Direct, f pidfile.Finding) (Managed, bool) {
	for _, look := range [...]func(*Direct, pidfile.Finding) (Managed, bool){registeredUnit, registeredJob, registeredOpenRC, registeredService, registeredScript, registeredDir} {
		if m, ok := look(d, f); ok {
			return m, true
		}
	}
	return nil, false
}

// Manager is the backend of d's daemon as it is registered by r with a manager of the caller's; false where r's manager has none.
func Manager(d *Direct, r service.Registration) (Managed, bool) {
	switch r.Backend {
	case service.KindSystemd:
		return &Systemd{Direct: d, Registration: r, Owner: os.Getuid()}, true
	case service.KindOpenRC:
		return &OpenRC{Direct: d, Registration: r}, true
	case service.KindLaunchd:
		home, _ := os.UserHomeDir() // without one there is no property list, which the next step says
		return &Launchd{Direct: d, Registration: r, Owner: os.Getuid(), File: launchd.File(r.Scope, home, r.Service)}, true
	case service.KindWindows:
		return newSCM(d, r), true
	case service.KindSysV, service.KindFreeBSD, service.KindProcd, service.KindRCS:
		return &SysV{Direct: d, Registration: r}, true
	}
	return nil, false
}

// registeredUnit is systemd's view of d's daemon.
func registeredUnit(d *Direct, f pidfile.Finding) (Managed, bool) {
	if !systemd.IsBooted() {
		return nil, false
	}
	name := service.NewRegistration(service.KindSystemd, "", d.Ref.Project, d.Spec.Name).Service
	units := unitFiles(name, people(d.Ref.Project))
	if r := f.Record; f.Running && r != nil && r.Backend == string(service.KindSystemd) {
		s := &Systemd{Direct: d, Registration: service.Registration{Backend: service.KindSystemd, Scope: service.Scope(r.Scope), Service: r.Service}, Owner: f.Process.UID}
		for _, u := range units {
			if u.scope == s.Registration.Scope && exists(u.path) {
				s.Fragment = u.path
			}
		}
		return s, true
	}
	for _, u := range units {
		if exists(u.path) {
			r := service.Registration{Backend: service.KindSystemd, Scope: u.scope, Service: name}
			return &Systemd{Direct: d, Registration: r, Owner: u.uid, Fragment: u.path}, true
		}
	}
	return nil, false
}

// Status is what record and lock tell of the daemon called name, and the manager that it is registered with. It changes nothing, and what it cannot find out
// is in the answer.
func Status(ctx context.Context, ref pidfile.Ref, name string) service.Status {
	f := ref.Look()
	if s, ok := Registered(&Direct{Ref: ref, Spec: service.Spec{Name: name}}, f); ok {
		st, _ := s.Status(ctx) // it has no errors, only warnings
		return st
	}
	return f.Status(ref, name)
}

// person is a user who may have registered the daemon with a manager of his own.
type person struct {
	uid    int
	home   string
	config string // where his configuration is: ~/.config
}

// people are the caller and the project's owner.
func people(project string) []person {
	self := os.Geteuid()
	var all []person
	if dir, err := os.UserConfigDir(); err == nil {
		all = append(all, person{self, HomeDir(), dir})
	}
	if owner := ownerOf(project); owner >= 0 && owner != self {
		if u, err := user.LookupId(strconv.Itoa(owner)); err == nil && u.HomeDir != "" {
			all = append(all, person{owner, u.HomeDir, filepath.Join(u.HomeDir, ".config")})
		}
	}
	return all
}

// unitFile is where a unit of ours may be.
type unitFile struct {
	path  string
	scope service.Scope
	uid   int
}

// unitFiles lists where the unit called name may be, in the order in which it counts: the administrator's word, what a package has brought, what
// was made for this boot, and then each person's own (systemd.unit(5), "Unit File Load Path").
func unitFiles(name string, people []person) []unitFile {
	var all []unitFile
	for _, dir := range [...]string{"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system"} {
		all = append(all, unitFile{filepath.Join(dir, name), service.ScopeSystem, 0})
	}
	for _, p := range people {
		all = append(all, unitFile{filepath.Join(p.config, "systemd/user", name), service.ScopeUser, p.uid})
	}
	return all
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Restart restarts by b: as one job where its manager has that, else by a stop and a start.
func Restart(ctx context.Context, b service.Backend) (service.Started, error) {
	if r, ok := b.(Restarter); ok {
		return r.Restart(ctx)
	}
	if _, err := b.Stop(ctx, service.StopOptions{}); err != nil {
		return service.Started{}, err
	}
	return b.Start(ctx)
}
