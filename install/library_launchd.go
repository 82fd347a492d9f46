//go:build darwin || fakelaunchd

package install

import (
	"errors"
	"os/user"
	"slices"

	kservice "github.com/kardianos/service"

	"github.com/joshuaaferguson/apexd/service"
)

// launchdOf is the library's name for launchd, which it knows on macOS alone.
const launchdOf = "darwin-launchd"

// jobLibraryDir is where the library writes property lists, "" where it writes none.
func jobLibraryDir(scope service.Scope) string {
	known := slices.ContainsFunc(kservice.AvailableSystems(), func(s kservice.System) bool { return s.String() == launchdOf })
	u, err := user.Current()
	switch {
	case !known:
		return ""
	case scope == service.ScopeSystem:
		return "/Library/LaunchDaemons"
	case err != nil:
		return ""
	}
	return u.HomeDir + "/Library/LaunchAgents"
}

// registerJob writes text as the property list of label; the library has launchd load nothing. Its template for one has no key for a description: a directory to change the root to is what
// it passes on untouched. After an error anything may be left.
func registerJob(scope service.Scope, label, exec, text string) error {
	config := &kservice.Config{
		Name: label, Executable: exec, ChRoot: text,
		Option: kservice.KeyValue{"LaunchdConfig": "{{ChRoot}}", "UserService": scope == service.ScopeUser},
	}
	for _, system := range kservice.AvailableSystems() {
		if system.String() != launchdOf {
			continue
		}
		s, err := system.New(nil, config)
		if err != nil {
			return err
		}
		return s.Install()
	}
	return errors.ErrUnsupported
}
