//go:build !darwin && !fakelaunchd

package install

import (
	"errors"

	"github.com/joshuaaferguson/apexd/service"
)

// openLaunchd: only macOS has one.
func openLaunchd(service.Scope) (Installer, error) {
	return nil, &service.Error{Op: "find a service manager", Code: service.CodeUnsupported, Err: errors.New("only macOS has launchd")}
}

func readJob(string) Asked { return Asked{} }
