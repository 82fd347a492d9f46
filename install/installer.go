package install

import (
	"context"

	"github.com/joshuaaferguson/apexd/service"
)

// Installer registers daemons with one manager. Its methods are safe for concurrent use, but two of them at once for the same daemon are for the caller to avoid.
type Installer interface {
	// Install plans the registration of r. Planning looks and changes nothing. Errors: SERVICE_EXISTS, GENERATION_FAILED, INSTALL_FAILED, ALREADY_RUNNING.
	Install(ctx context.Context, r Request) (*Plan, error)
	// Uninstall plans its end, from whatever is left of it. A daemon that is not registered has a plan that is UpToDate.
	Uninstall(ctx context.Context, project, name string) (*Plan, error)
	// Enable says whether the registered daemon starts at boot (ScopeUser: at login). Errors: SERVICE_NOT_FOUND.
	Enable(ctx context.Context, project, name string, on bool) (service.Registration, error)
	// Close ends the connection to the manager.
	Close()
}
