package conformance_test

import (
	"os"

	"github.com/joshuaaferguson/apexd/service"
	"github.com/joshuaaferguson/apexd/service/servicetest"
)

func drivers() []servicetest.Driver {
	if name := os.Getenv(driverVariable); name != "" {
		return only(name)
	}
	return []servicetest.Driver{servicetest.FakeDriver(), directDriver{"direct"}, foregroundDriver{}, containedDriver{}, launchdDriver{service.ScopeUser, true}, launchdDriver{service.ScopeSystem, true}}
}

// startManagers starts what stands in for managers that Linux does not have.
func startManagers() (stop func() error, err error) { return fakeLaunchd() }

// runElsewhere has the column of what only another system has and this page must not pass over.
func runElsewhere(m *servicetest.Matrix) {
	if os.Getenv(driverVariable) != "" {
		return
	}
	column := launchdDriver{scope: service.ScopeUser}.Name()
	m.Column(column)
	for _, name := range servicetest.Names() {
		m.Add(servicetest.Cell{Driver: column, Case: name, Verdict: servicetest.NotRun, Reason: "needs macOS, where .github/workflows/ci.yml runs it"})
	}
}

// missingWorld says why namespaces cannot be had.
func missingWorld(what string) servicetest.Absence {
	if os.Geteuid() != 0 {
		return servicetest.Absence{Reason: "needs root, for " + what, Machine: true}
	}
	return servicetest.Absence{}
}
