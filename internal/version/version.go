// Package version says which build this is.
package version

import "runtime/debug"

// release is set by the linker: -ldflags "-X github.com/joshuaaferguson/apexd/internal/version.release=1.2.3".
var release string

// String is the release, else the module's version where `go install` knows it, else "devel".
func String() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "0.1.0-dev"
}
