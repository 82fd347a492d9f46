package install

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/joshuaaferguson/apexd/internal/safefile"
	"github.com/joshuaaferguson/apexd/internal/sysv"
	"github.com/joshuaaferguson/apexd/service"
)

// Person is somebody whose own manager may have daemons.
type Person struct {
	User   string
	Home   string
	Config string // ~/.config, or where the environment has moved it
}

// Known is a daemon that a manager of this machine has, by its definition.
type Known struct {
	Scope      service.Scope
	Definition string // the file or registry key
	Project    string
	Name       string
	PIDFile    string // as --pid-file; "" is where the configuration says
	User       string // whom it runs as; "" where the definition does not say
}

// Registered returns the daemons that the system's managers and those of people know, by their definitions: units, property lists, init scripts, services of Windows, and the
// service directories where supervisors look by convention; one elsewhere is found by its daemon, when that has run.
// It asks no manager. Those for which skip reports true, by the manager's name for them without ".service", are not read. What cannot be read is none of ours.
func Registered(people []Person, skip func(name string) bool) []Known {
	found := registeredUnits("/etc/systemd/system", Known{Scope: service.ScopeSystem}, skip)
	found = append(found, registeredScripts(sysv.Layout{}, skip)...)
	found = append(found, registeredDirs(sysv.Scanned(), skip)...)
	for _, p := range people {
		found = append(found, registeredUnits(filepath.Join(p.Config, "systemd/user"), Known{Scope: service.ScopeUser, User: p.User}, skip)...)
	}
	found = append(found, registeredJobs(people, skip)...)
	return append(found, registeredServices(skip)...)
}

// definitions are the files in dir that may be ours, by name: "apex-shop-1a2b3c4d".
func definitions(dir, suffix string, skip func(string) bool) map[string]string {
	entries, _ := os.ReadDir(dir) // one that is not there has none
	found := map[string]string{}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if ok && strings.HasPrefix(name, "apex-") && !skip(name) {
			found[name] = filepath.Join(dir, e.Name())
		}
	}
	return found
}

func registeredUnits(dir string, k Known, skip func(string) bool) []Known {
	var found []Known
	for _, path := range definitions(dir, ".service", skip) {
		what, text, err := look(path)
		if err != nil || what != standsFile {
			continue
		}
		o, ours := ownerOf(text)
		if !ours {
			continue
		}
		k.Definition, k.Project, k.Name = path, o.project, o.name
		if k.Scope == service.ScopeSystem {
			k.User = readUnit(text).User
		}
		found = append(found, k)
	}
	return found
}

func registeredScripts(l sysv.Layout, skip func(string) bool) []Known {
	var found []Known
	for _, path := range definitions(l.Dir(), "", skip) {
		text, _, err := safefile.Read(path, maxUnit)
		if err != nil {
			continue
		}
		if m, ours := sysv.ParseMark(string(text)); ours {
			found = append(found, Known{Scope: service.ScopeSystem, Definition: path, Project: m.Project, Name: m.Name, PIDFile: m.PIDFile})
		}
	}
	return found
}

func registeredDirs(scan []string, skip func(string) bool) []Known {
	var found []Known
	met := map[string]bool{} // by several links, or in several places
	for dir, m := range sysv.ServiceDirs(scan) {
		if name := service.RegistrationName(m.Project, m.Name); !skip(name) && !met[name] {
			met[name] = true
			found = append(found, Known{Scope: service.ScopeSystem, Definition: filepath.Join(dir, "run"), Project: m.Project, Name: m.Name, PIDFile: m.PIDFile, User: m.User})
		}
	}
	return found
}
