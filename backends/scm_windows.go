package backends

import (
	"github.com/joshuaaferguson/apexd/internal/winsvc"
	"github.com/joshuaaferguson/apexd/pidfile"
	"github.com/joshuaaferguson/apexd/service"
)

// windowsService is winsvc's.
type windowsService struct {
	*winsvc.Service
	name string
}

func (s windowsService) StartType() winsvc.StartType {
	d, _, _ := winsvc.Read(s.name) // without a key it starts by nothing
	return d.Start
}

func openService(name string, operate bool) (scmService, error) {
	rights := uint32(winsvc.Look)
	if operate {
		rights = winsvc.Operate
	}
	s, err := winsvc.Open(name, rights)
	if err != nil {
		return nil, err
	}
	return windowsService{s, name}, nil
}

// registeredService is the SCM's view of d's daemon, if there is a key of that name, whose command line is ours.
func registeredService(d *Direct, _ pidfile.Finding) (Managed, bool) {
	r := service.NewRegistration(service.KindWindows, service.ScopeSystem, d.Ref.Project, d.Spec.Name)
	def, exists, err := winsvc.Read(r.Service)
	if err != nil || !exists {
		return nil, false
	}
	if _, _, ours := def.Owner(); !ours {
		return nil, false
	}
	return Manager(d, r)
}
