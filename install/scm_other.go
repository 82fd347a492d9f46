//go:build !windows

package install

import "github.com/joshuaaferguson/apexd/service"

func openSCM(service.Scope) (Installer, error) {
	return nil, &service.Error{Op: "reach the Service Control Manager", Code: service.CodeUnsupported}
}

func readService(string) Asked { return Asked{} }
