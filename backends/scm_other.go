//go:build !windows

package backends

import (
	"errors"

	"github.com/joshuaaferguson/apexd/pidfile"
)

func openService(string, bool) (scmService, error) { return nil, errors.ErrUnsupported }

func registeredService(*Direct, pidfile.Finding) (Managed, bool) { return nil, false }
