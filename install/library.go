package install

import (
	"errors"
	"maps"
	"os"
	"path/filepath"

	kservice "github.com/kardianos/service"

	"github.com/joshuaaferguson/apexd/service"
)

// library is github.com/kardianos/service, which writes a unit that is not there yet, enables it and has the manager read it.
type library struct {
	scope service.Scope
	env   map[string]string // what systemctl needs to find a user's manager
}

// The library's names for the systems that it registers with.
const (
	systemdOf = "linux-systemd"
	openRCOf  = "linux-openrc"
	sysvOf    = "unix-systemv"
	procdOf   = "linux-procd"
	rcsOf     = "linux-rcs"
	freebsdOf = "freebsd"
)

// registerWith has the library register text as the service called name with the system that it calls system, whose template has the key option.
func registerWith(system, option, name, exec, text string, options kservice.KeyValue) error {
	config := &kservice.Config{Name: name, Executable: exec, Description: text, Option: kservice.KeyValue{option: "{{Description}}"}}
	maps.Copy(config.Option, options)
	for _, known := range kservice.AvailableSystems() {
		if known.String() != system {
			continue
		}
		s, err := known.New(nil, config)
		if err != nil {
			return err
		}
		return s.Install()
	}
	return errors.ErrUnsupported
}

// registerScript writes text as the init script called name, and links that start it in its own order, which the machine's tool puts right (V6 in the design: it never
// removes them). After an error anything may be left.
func registerScript(name, exec, text string) error {
	return registerWith(sysvOf, "SysvScript", name, exec, text, nil)
}

// registrar has the library write a script of k's. It knows procd and FreeBSD by the key of System V.
func registrar(k service.Kind) func(name, exec, text string) error {
	switch k {
	case service.KindProcd:
		return func(name, exec, text string) error { return registerWith(procdOf, "SysvScript", name, exec, text, nil) }
	case service.KindRCS:
		return func(name, exec, text string) error { return registerWith(rcsOf, "RCSScript", name, exec, text, nil) }
	case service.KindFreeBSD:
		return func(name, exec, text string) error {
			return registerWith(freebsdOf, "SysvScript", name, exec, text, nil)
		}
	}
	return registerScript
}

// registerOpenRC writes text as the script called name and adds it to the present runlevel. After an error anything may be left.
func registerOpenRC(name, exec, text string) error {
	return registerWith(openRCOf, "OpenRCScript", name, exec, text, nil)
}

// dir is where the library writes. For a user it is always this one, whatever XDG_CONFIG_HOME the manager has.
func (l library) dir() string {
	if l.scope == service.ScopeSystem {
		return "/etc/systemd/system"
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".config/systemd/user")
}

// register writes text as the unit called name, without ".service", and enables it. After an error anything may be left: it makes the file before it has the
// content, and an empty unit file is a mask.
//
// The text is passed as the value of a template's only key, since "{{" in it would be interpreted otherwise. The system is named, not detected: detection
// takes whatever it finds a file of.
func (l library) register(name, exec, text string) error {
	restore, err := setenv(l.env)
	if err != nil {
		return err
	}
	defer restore()
	return registerWith(systemdOf, "SystemdScript", name, exec, text, kservice.KeyValue{"UserService": l.scope == service.ScopeUser})
}

// setenv sets variables of this process, which is all that the library passes on, and returns what restores them.
func setenv(env map[string]string) (restore func(), err error) {
	old := map[string]*string{}
	restore = func() {
		for k, v := range old {
			if v == nil {
				_ = os.Unsetenv(k) // it could be set
			} else {
				_ = os.Setenv(k, *v) // as above
			}
		}
	}
	for k, v := range env {
		if was, ok := os.LookupEnv(k); ok {
			old[k] = &was
		} else {
			old[k] = nil
		}
		if err := os.Setenv(k, v); err != nil {
			restore()
			return nil, err
		}
	}
	return restore, nil
}
