package conformance_test

import (
	"context"

	"github.com/joshuaaferguson/apexd/service/servicetest"
)

// directDriver is `apexd start`, detached, with no manager asked.
type directDriver struct{ name string }

func (d directDriver) Name() string { return d.name }

func (d directDriver) Missing(a servicetest.Ability) servicetest.Absence {
	switch a {
	case servicetest.CanNative, servicetest.CanInstall:
		return servicetest.Absence{Reason: "no manager is asked"}
	}
	return missingHere(a)
}

func (d directDriver) New(t servicetest.T, base string) servicetest.Subject {
	return &direct{newSubject(t, base)}
}

type direct struct{ *subject }

func (s *direct) Start(ctx context.Context) servicetest.Outcome { return s.run(ctx, "start") }

func (s *direct) StartScript(ctx context.Context, script servicetest.Script, args []string) servicetest.Outcome {
	return s.run(ctx, "start", append([]string{"--"}, childCommand(script, args)...)...)
}

func (s *direct) Copy(t servicetest.T, base string) servicetest.Subject {
	return &direct{s.copyTo(t, base)}
}

var (
	_ servicetest.Restarter   = (*direct)(nil)
	_ servicetest.Crasher     = (*direct)(nil)
	_ servicetest.CommandLine = (*direct)(nil)
	_ servicetest.Bystanders  = (*direct)(nil)
	_ servicetest.OwnPID      = (*direct)(nil)
	_ servicetest.Copier      = (*direct)(nil)
)
