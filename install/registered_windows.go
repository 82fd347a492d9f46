package install

import (
	"strings"

	"golang.org/x/sys/windows/registry"

	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/service"
)

// registeredServices reads the services of Windows from their registry keys, which everybody may.
func registeredServices(skip func(string) bool) []Known {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, winsvc.Root, registry.ENUMERATE_SUB_KEYS)
	if err != nil {
		return nil
	}
	defer k.Close()
	names, _ := k.ReadSubKeyNames(-1) // those that could be read
	var found []Known
	for _, name := range names {
		if !strings.HasPrefix(name, "apex-") || skip(name) {
			continue
		}
		d, exists, err := winsvc.Read(name)
		if err != nil || !exists {
			continue
		}
		if project, daemon, ours := d.Owner(); ours {
			found = append(found, Known{Scope: service.ScopeSystem, Definition: `HKLM\` + winsvc.Root + name, Project: project, Name: daemon, User: d.Account})
		}
	}
	return found
}
