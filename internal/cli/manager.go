package cli

import (
	"cmp"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/joshuaaferguson/apexd/backends"
	"github.com/joshuaaferguson/apexd/install"
	"github.com/joshuaaferguson/apexd/service"
)

// scopeFlags say whose manager is meant.
type scopeFlags struct{ system, user bool }

func (s *scopeFlags) define(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&s.system, "system", false, "the system's manager (default for root)")
	f.BoolVar(&s.user, "user", false, "your own manager (default for everybody else)")
}

// choose is the scope that the flags and the caller mean.
func (s scopeFlags) choose() (service.Scope, error) {
	if s.system && s.user {
		return "", usageError("--system and --user exclude each other", "")
	}
	var want service.Scope
	switch {
	case s.system:
		want = service.ScopeSystem
	case s.user:
		want = service.ScopeUser
	}
	sudo := os.Getenv("SUDO_UID")
	return install.Caller{UID: os.Geteuid(), Sudo: sudo != "" && sudo != "0"}.Scope(want)
}

// manager is who registers daemons on this machine, in the scope that the flags mean; KindDirect where nobody does.
func (s scopeFlags) manager() (backends.Choice, error) {
	scope, err := s.choose()
	if err != nil {
		return backends.Choice{}, err
	}
	c := backends.Detect(backends.Probe())
	c.Scope = scope
	return c, nil
}

// noManager says why nobody registers daemons here.
func noManager(c backends.Choice) error {
	return &service.Error{
		Op: "find a service manager", Code: service.CodeUnsupported, Err: errors.New(c.Reason),
		Hint: cmp.Or(c.Hint, "apexd start keeps the daemon without one, apexd run in a container"),
	}
}
