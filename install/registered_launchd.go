//go:build darwin || fakelaunchd

package install

import (
	"path/filepath"

	"github.com/joshuaaferguson/apexd/internal/launchd"
	"github.com/joshuaaferguson/apexd/internal/plist"
	"github.com/joshuaaferguson/apexd/service"
)

// registeredJobs reads the property lists of daemons of the system's and of people's agents.
func registeredJobs(people []Person, skip func(string) bool) []Known {
	found := jobsIn(filepath.Dir(launchd.File(service.ScopeSystem, "", "x")), Known{Scope: service.ScopeSystem}, skip)
	for _, p := range people {
		found = append(found, jobsIn(filepath.Dir(launchd.File(service.ScopeUser, p.Home, "x")), Known{Scope: service.ScopeUser, User: p.User}, skip)...)
	}
	return found
}

func jobsIn(dir string, k Known, skip func(string) bool) []Known {
	var found []Known
	for _, path := range definitions(dir, ".plist", skip) {
		what, text, err := look(path)
		if err != nil || what != standsFile {
			continue
		}
		var job launchd.PropertyList
		if plist.Decode(text, &job) != nil {
			continue
		}
		if o, ours := ownerOfJob(job); ours {
			k.Definition, k.Project, k.Name = path, o.project, o.name
			if k.Scope == service.ScopeSystem {
				k.User = job.UserName
			}
			found = append(found, k)
		}
	}
	return found
}
