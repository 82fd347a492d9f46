package conformance_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/joshuaaferguson/apexd/service"
	"github.com/joshuaaferguson/apexd/service/servicetest"
)

// sysvDriver registers the daemon with a System V init, or BusyBox's, by `apexd install` and operates it by apexd's verbs. It runs in a world of e2e/lab.
type sysvDriver struct{ kind service.Kind }

// Slowness: each start is a script that starts another apexd.
func (sysvDriver) Slowness() int { return 3 }

func (d sysvDriver) Name() string { return string(d.kind) }

func (sysvDriver) Missing(a servicetest.Ability) servicetest.Absence {
	switch a {
	case servicetest.CanCommandLine:
		return servicetest.Absence{Reason: "a service runs the configured command"}
	case servicetest.HasRevival:
		return servicetest.Absence{Reason: "an init that runs scripts does not see that a daemon has ended"}
	}
	return missingHere(a)
}

func (d sysvDriver) New(t servicetest.T, base string) servicetest.Subject {
	s := &initScript{direct{newSubject(t, base)}, d.kind}
	t.Cleanup(func() { unregister(t, s) })
	return s
}

// initScript is a project whose daemon has an init script.
type initScript struct {
	direct
	kind service.Kind
}

// Configure registers what it has written. A configuration that is refused leaves the script as it was.
func (s *initScript) Configure(t servicetest.T, w servicetest.Workload) {
	s.subject.Configure(t, w)
	register(t, s, w)
}

func (s *initScript) Install(ctx context.Context) servicetest.Outcome {
	return s.run(ctx, "install", "--run-as", "root") // the case's project is root's
}

func (s *initScript) Uninstall(ctx context.Context) servicetest.Outcome {
	return s.run(ctx, "uninstall")
}

func (s *initScript) name() string {
	return service.RegistrationName(s.project, service.DefaultName)
}

// NativeStop is service(8)'s, or, where there is none, the script's own.
func (s *initScript) NativeStop(ctx context.Context) error {
	argv := []string{"service", s.name(), "stop"}
	if s.kind == service.KindRCS {
		argv = []string{"/etc/init.d/" + s.name(), "stop"}
	}
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%q: %w: %s", argv, err, out)
	}
	return nil
}

// Installed lists the script, its links, and PID files where other init scripts have them.
func (s *initScript) Installed(t servicetest.T) []string {
	var found []string
	for _, pattern := range []string{"/etc/init.d/", "/etc/rc?.d/[SK]??", "/etc/rc.d/[SK]??", "/etc/init.d/[SK]??", "/run/", "/var/run/", "/var/lock/subsys/"} {
		files, err := filepath.Glob(pattern + s.name() + "*")
		if err != nil {
			t.Errorf("%v", err)
		}
		found = append(found, files...)
	}
	return found
}

// Damage deletes the script, as by hand: its links stay.
func (s *initScript) Damage(t servicetest.T) {
	if err := os.Remove("/etc/init.d/" + s.name()); err != nil {
		t.Fatalf("%v", err)
	}
}

// Copy implements servicetest.Copier. What is copied is not registered.
func (s *initScript) Copy(t servicetest.T, base string) servicetest.Subject {
	return &direct{s.copyTo(t, base)}
}

var (
	_ servicetest.Restarter  = (*initScript)(nil)
	_ servicetest.Crasher    = (*initScript)(nil)
	_ servicetest.Bystanders = (*initScript)(nil)
	_ servicetest.OwnPID     = (*initScript)(nil)
	_ servicetest.Copier     = (*initScript)(nil)
	_ servicetest.OtherUser  = (*initScript)(nil)
	_ servicetest.ReadOnly   = (*initScript)(nil)
	_ servicetest.Foreground = (*initScript)(nil)
	_ servicetest.Native     = (*initScript)(nil)
	_ servicetest.Installer  = (*initScript)(nil)
)
