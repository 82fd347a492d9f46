//go:build unix && !linux

package conformance_test

import (
	"runtime"

	"github.com/joshuaaferguson/apexd/service"
	"github.com/joshuaaferguson/apexd/service/servicetest"
)

func runElsewhere(*servicetest.Matrix) {}

// startManagers: here they are the real ones.
func startManagers() (stop func() error, err error) { return func() error { return nil }, nil }

func drivers() []servicetest.Driver {
	all := []servicetest.Driver{servicetest.FakeDriver(), directDriver{"direct"}, foregroundDriver{}}
	if runtime.GOOS == "darwin" {
		all = append(all, launchdDriver{scope: service.ScopeUser})
	}
	return all
}

// missingWorld says why namespaces cannot be had.
func missingWorld(what string) servicetest.Absence {
	return servicetest.Absence{Reason: "needs Linux, for " + what, Machine: true}
}
