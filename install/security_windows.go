package install

import "github.com/joshuaaferguson/apexd/internal/winsvc"

// securityOf is the owner and the access list of path, as SDDL.
func securityOf(path string) (string, error) {
	sddl, _, err := winsvc.Security(path)
	return sddl, err
}
