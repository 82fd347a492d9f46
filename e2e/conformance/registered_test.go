package conformance_test

import (
	"github.com/joshuaaferguson/apexd/service"
	"github.com/joshuaaferguson/apexd/service/servicetest"
)

// What the drivers of managers have in common: a project is configured by installing it, and uninstalled at the end.

// register installs what was configured. A configuration that is refused leaves the registration as it was.
func register(t servicetest.T, s servicetest.Installer, w servicetest.Workload) {
	installed(t, s.Install(t.Context()), w)
}

// installed fails where o is not what comes of installing with w.
func installed(t servicetest.T, o servicetest.Outcome, w servicetest.Workload) {
	if refused := o.Err != nil && (w.Raw != "" || len(w.Command) > 0 || o.Err.Code == service.CodeAlreadyRunning); o.Exit != 0 && !refused {
		t.Fatalf("install: %d %v\n%s", o.Exit, o.Err, o.Text)
	}
}

// unregister removes what a case has left, and says what stays all the same.
func unregister(t servicetest.T, s servicetest.Installer) {
	if o := s.Uninstall(t.Context()); o.Exit != 0 {
		t.Errorf("uninstall: %d %v\n%s", o.Exit, o.Err, o.Text)
	}
	if left := s.Installed(t); len(left) > 0 {
		t.Errorf("left behind by uninstall: %q", left)
	}
}
